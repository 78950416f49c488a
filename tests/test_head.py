from fractions import Fraction

import numpy as np
from scipy.spatial.transform import Rotation

from apvgen import head
from apvgen.layouts import FACE478
from apvgen.types import Track


def test_planted_head_rotations_are_recovered_from_a_track_with_gaps():
    rng = np.random.default_rng(0)
    neutral = rng.normal(0, 40, (478, 3))
    planted = Rotation.from_euler("xyz", rng.uniform(-60, 60, (6, 3)), degrees=True).as_matrix()
    posed = 1.7 * np.einsum("tij,nj->tni", planted, neutral) + rng.uniform(100, 200, (6, 1, 3))
    posed[3] = np.nan
    xy, depth = posed[..., :2].astype(np.float32), posed[..., 2].astype(np.float32)
    face = Track(FACE478, xy, np.isfinite(depth).astype(np.float32), (768, 512), Fraction(25), depth)
    found = head.driving_rotation(face, neutral)
    assert np.isnan(found[3]).all()
    np.testing.assert_allclose(found[[0, 1, 2, 4, 5]], planted[[0, 1, 2, 4, 5]], atol=1e-5)


def test_turning_keeps_the_centre_and_the_lengths():
    rng = np.random.default_rng(1)
    mesh = rng.normal(50, 20, (3, 468, 3))
    quarter = np.repeat(Rotation.from_euler("z", 90, degrees=True).as_matrix()[None], 3, 0)
    turned = head.turn(mesh, quarter)
    np.testing.assert_allclose(turned.mean(1), mesh.mean(1))
    centred = mesh - mesh.mean(1, keepdims=True)
    np.testing.assert_allclose(
        turned - turned.mean(1, keepdims=True), np.stack([-centred[..., 1], centred[..., 0], centred[..., 2]], -1)
    )


def test_averages_of_rotations_become_rotations_again():
    pair = Rotation.from_euler("y", [[0], [40]], degrees=True).as_matrix()
    between = head.nearest_rotation(pair.mean(0)[None])[0]
    np.testing.assert_allclose(between, Rotation.from_euler("y", 20, degrees=True).as_matrix(), atol=1e-12)
    assert np.isnan(head.nearest_rotation(np.full((1, 3, 3), np.nan))).all()
