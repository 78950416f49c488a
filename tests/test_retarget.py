from fractions import Fraction

import numpy as np
import pytest

from apvgen.errors import NoPersonError
from apvgen.layouts import BODY18, FACE478
from apvgen.retarget import FIT_JOINTS, fit_body, fit_window, head_box, map_track
from apvgen.types import Affine, Track


def body(xy: np.ndarray, score: np.ndarray | None = None, hw: tuple[int, int] = (768, 512)) -> Track:
    score = np.ones(xy.shape[:-1]) if score is None else score
    return Track(BODY18, xy.astype(np.float32), score.astype(np.float32), hw, Fraction(25))


def test_fit_equals_the_reference_code(golden):
    gold = np.load(golden / "dwpose" / "pose_rescale.npz")
    driving_wh, reference_wh = gold["driving_hw"][::-1], gold["reference_hw"][::-1]
    reference_score = np.where(gold["reference_subset"] >= 0, gold["reference_score"], 0)
    fitted = fit_body(
        body(gold["detected_bodies"] * driving_wh),
        body(gold["reference_candidate"][None] * reference_wh, reference_score),
    )
    shown = [k for k in FIT_JOINTS if reference_score[0, k] > 0.3]
    assert shown == gold["keypoint_ids"].tolist()
    # Tracks hold float32 pixels, hence not the 1e-9 of a float64 computation.
    np.testing.assert_allclose(fitted.a * driving_wh / reference_wh, gold["a"], atol=1e-6)
    np.testing.assert_allclose(fitted.b / reference_wh, gold["b"], atol=1e-6)


def test_planted_scale_and_shift_are_recovered():
    rng = np.random.default_rng(0)
    source = rng.uniform(100, 400, (20, 18, 2))
    target = 0.5 * source[:1] + [30, -12]
    still = np.repeat(source[:1], 20, 0)
    fitted = fit_body(body(still), body(target))
    np.testing.assert_allclose(fitted.a, 0.5, atol=1e-5)
    np.testing.assert_allclose(fitted.b, [30, -12], atol=1e-2)


def test_missed_points_do_not_disturb_the_fit():
    rng = np.random.default_rng(1)
    still = np.repeat(rng.uniform(100, 400, (1, 18, 2)), 8, 0)
    target = 2 * still[:1] - 7
    holes, score = still.copy(), np.ones((8, 18))
    holes[3:6, 8:], score[3:6, 8:] = np.nan, 0
    fitted = fit_body(body(holes, score), body(target))
    np.testing.assert_allclose(fitted.a, 2, atol=1e-5)


def test_a_reference_without_shared_joints_is_refused():
    points = np.random.default_rng(2).uniform(0, 500, (4, 18, 2))
    with pytest.raises(NoPersonError, match="head and shoulders"):
        fit_body(body(points), body(points[:1], np.zeros((1, 18))))


def test_window_keeps_the_person_and_fills_the_output():
    affine = fit_window((1275, 800), (768, 512), np.array([100, 0, 600, 1200]))
    inverse = affine.inverse()
    corners = inverse.apply(np.array([[0.0, 0.0], [512.0, 768.0]]))
    assert (corners >= -1e-9).all()
    assert (corners <= [800 + 1e-9, 1275 + 1e-9]).all()
    assert corners[0, 1] == pytest.approx(0)
    assert affine.a[0] == affine.a[1]


def test_a_window_smaller_than_the_person_keeps_the_head():
    head = np.array([400.0, 60.0, 600.0, 300.0])
    affine = fit_window((1024, 1024), (576, 1024), np.array([200, 90, 800, 1024]), head)
    low, high = affine.apply(head.reshape(2, 2))
    assert (low >= 0).all()
    assert (high <= [1024, 576]).all()


def test_a_head_has_room_for_hair_above_the_face_mesh():
    xy = np.random.default_rng(0).uniform([100, 200], [200, 300], (1, 478, 2)).astype(np.float32)
    face = Track(FACE478, xy, np.ones((1, 478), np.float32), (768, 512), Fraction(25))
    left, top, right, bottom = head_box(face)
    np.testing.assert_allclose([left, top, right, bottom], [70, 130, 230, 300], atol=2)
    assert head_box(Track.empty(FACE478, 1, (768, 512), Fraction(25))) is None


def test_depth_scales_with_x():
    track = body(np.zeros((2, 18, 2)))
    deep = Track(track.layout, track.xy, track.score, track.hw, track.fps, np.ones((2, 18), np.float32))
    mapped = map_track(deep, Affine(np.array([3.0, 3.0]), np.zeros(2)), (10, 10))
    assert (mapped.depth == 3).all()
    widening = Affine(np.array([[2.0, 5.0], [3.0, 5.0]]), np.zeros((2, 2)))
    assert map_track(deep, widening, (10, 10)).depth[:, 0].tolist() == [2, 3]
