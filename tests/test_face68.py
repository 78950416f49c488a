import numpy as np

from apvgen import face68
from apvgen.layouts import FACE68_FROM_MESH


def test_the_way_to_the_mesh_and_back_gives_the_same_68_points():
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 500, (5, 68, 2)).astype(np.float32)
    score = rng.uniform(0.1, 1, (5, 68)).astype(np.float32)
    mesh, mesh_score = face68.to_mesh(xy, score)
    back, back_score = face68.from_mesh(mesh, mesh_score)
    np.testing.assert_allclose(back, xy, atol=1e-3)
    np.testing.assert_array_equal(back_score, score)
    assert (mesh_score[0] > 0).sum() == 72
    assert (np.isfinite(mesh).all(-1) == (mesh_score > 0)).all()


def test_mesh_points_that_ibug_has_come_back_exactly_and_no_other_is_made_up():
    rng = np.random.default_rng(1)
    mesh = rng.uniform(0, 500, (3, 478, 2)).astype(np.float32)
    back, score = face68.to_mesh(*face68.from_mesh(mesh, np.ones((3, 478), np.float32)))
    own = [a for a, b in FACE68_FROM_MESH if a == b]
    np.testing.assert_array_equal(back[:, own], mesh[:, own])
    used = {point for pair in FACE68_FROM_MESH for point in pair}
    others = [point for point in range(478) if point not in used]
    assert np.isnan(back[:, others]).all()
    assert not score[:, others].any()


def test_points_between_lie_on_the_line_of_their_neighbours(mesh):
    dots, _ = face68.from_mesh(mesh[None], np.ones((1, 468)))
    back, _ = face68.to_mesh(dots, np.ones((1, 68)))
    height = np.ptp(mesh[:, 1])
    apart = np.linalg.norm(back[0, :468] - mesh, axis=-1)
    assert np.nanmax(apart) < 0.05 * height


def test_a_missed_point_stays_missed_and_takes_only_its_own_with_it():
    xy, score = np.ones((1, 68, 2)), np.ones((1, 68))
    score[0, [3, 30]] = 0
    mesh, mesh_score = face68.to_mesh(xy, score)
    assert np.flatnonzero(mesh_score[0] == 0).size == 478 - 72 + 4
    assert np.isnan(mesh[0, [132, 58, 172, 4]]).all()
    _, back = face68.from_mesh(mesh, mesh_score)
    assert np.flatnonzero(back[0] == 0).tolist() == [3, 4, 30]
