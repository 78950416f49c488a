from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from apvgen import face68, head
from apvgen.layouts import FACE478
from apvgen.tracks import load_motion
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


def test_without_depth_the_rotation_is_found_in_the_picture():
    rng = np.random.default_rng(2)
    neutral = rng.normal(0, 40, (468, 3))
    planted = Rotation.from_euler("xyz", rng.uniform(-40, 40, (5, 3)), degrees=True).as_matrix()
    posed = 1.7 * np.einsum("tij,nj->tni", planted, neutral) + rng.uniform(100, 200, (5, 1, 3))
    posed[1] = np.nan
    xy = np.concatenate([posed, posed[:, :10]], 1)[..., :2].astype(np.float32)
    face = Track(FACE478, xy, np.isfinite(xy[..., 0]).astype(np.float32), (768, 512), Fraction(25))
    found = head.driving_rotation(face, neutral)
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[[0, 2, 3, 4]], planted[[0, 2, 3, 4]], atol=1e-5)


def test_68_points_of_real_faces_tell_the_rotation_within_a_few_degrees():
    motion = load_motion(Path(__file__).parents[1] / "assets" / "example" / "motion.npz").take(slice(0, None, 10))
    face = motion.face
    xy, score = face68.to_mesh(*face68.from_mesh(face.xy, face.score))
    neutral = np.concatenate([face.xy[0], face.depth[0][:, None]], -1)[:468].astype(float)
    whole = head.driving_rotation(face, neutral)
    sparse = head.driving_rotation(Track(FACE478, xy, score, face.hw, face.fps), neutral)
    apart = (Rotation.from_matrix(sparse) * Rotation.from_matrix(whole).inv()).magnitude()
    turned = (Rotation.from_matrix(whole) * Rotation.from_matrix(whole[:1]).inv()).magnitude()
    assert np.degrees(turned.max()) > 8
    assert np.degrees(apart.max()) < 4
