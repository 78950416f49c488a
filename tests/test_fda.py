from dataclasses import replace

import numpy as np
import pytest

from apvgen import face68, fda
from apvgen.fda import Override
from apvgen.types import Affine


@pytest.fixture
def face() -> np.ndarray:
    """A 100 px face mesh, eight frames, whose jaw drops by up to 15 % of its height in frames 2 to 5."""
    rng = np.random.default_rng(0)
    mesh = rng.uniform(20, 80, (468, 2))
    mesh[list(fda.STABLE_LANDMARKS), 1] = rng.uniform(0, 45, len(fda.STABLE_LANDMARKS))
    mesh[10], mesh[152], mesh[234], mesh[454] = (50, 0), (50, 100), (0, 40), (100, 40)
    mesh[13], mesh[14] = (50, 75), (50, 75)
    frames = np.repeat(mesh[None], 8, 0)
    drop = np.array([0, 0, 5, 10, 15, 5, 0, 0])
    frames[:, 152, 1] += drop
    frames[:, 14, 1] += drop
    return frames


def moved(frames: np.ndarray, a: tuple[float, float], b: tuple[float, float]) -> np.ndarray:
    return frames * a + b


def test_training_samples_follow_equations_2_to_5():
    rng = np.random.default_rng(3)
    draws = [fda.sample(rng) for _ in range(4000)]
    a, b = np.array([d.a for d in draws]), np.array([d.b for d in draws])
    np.testing.assert_allclose(a.min(0), [0.45, 0.30], atol=1e-3)
    np.testing.assert_allclose(a.max(0), [0.55, 0.40], atol=1e-3)
    assert (b[:, 0] >= 0).all()
    assert (a[:, 0] + b[:, 0] <= 1).all(), "a face leaves the picture sideways"
    np.testing.assert_allclose([b[:, 1].min(), b[:, 1].max()], [0.05, 0.15], atol=1e-3)
    share = b[:, 0] / (1 - a[:, 0])
    np.testing.assert_allclose([share.mean(), share.var()], [1 / 2, 1 / 12], atol=0.01)


def test_a_seed_gives_the_same_sample():
    first, second = fda.sample(np.random.default_rng(5)), fda.sample(np.random.default_rng(5))
    assert (first.a == second.a).all()
    assert (first.b == second.b).all()


@pytest.mark.parametrize("mode", ["paper", "stable", "head_pose"])
def test_planted_scale_and_shift_are_recovered(face, mode):
    a = (0.4, 0.4) if mode == "head_pose" else (0.4, 0.6)
    fitted = fda.fit(face, moved(face, a, (12, -30)), mode)
    np.testing.assert_allclose(fitted.a, np.tile(a, (8, 1)), rtol=1e-9)
    np.testing.assert_allclose(fitted.b, np.tile((12, -30), (8, 1)), atol=1e-9)


def test_paper_mode_makes_the_boxes_equal(face):
    target = np.random.default_rng(1).uniform(100, 300, (8, 468, 2))
    placed = fda.fit(face, target, "paper").apply(face)
    np.testing.assert_allclose(placed.min(1), target.min(1), atol=1e-9)
    np.testing.assert_allclose(placed.max(1), target.max(1), atol=1e-9)


def test_paper_mode_cancels_the_jaw_and_stable_mode_keeps_it(face):
    silent = np.repeat(face[:1], len(face), 0)
    paper, stable = fda.fit(face, silent, "paper"), fda.fit(face, silent, "stable")
    chin = face[:, 152, 1]
    np.testing.assert_allclose(paper.apply(face)[:, 152, 1], chin[0], atol=1e-9)
    np.testing.assert_allclose(stable.apply(face)[:, 152, 1], chin, atol=1e-9)
    assert fda.lip_gap_kept(face, stable, stable) == pytest.approx(1)
    # A jaw drop d on a face of height h scales every gap by h / (h + d): weights 5, 10, 15, 5 of a 100 px face.
    expected = sum(d * 100 / (100 + d) for d in (5, 10, 15, 5)) / 35
    assert fda.lip_gap_kept(face, paper, stable) == pytest.approx(expected)


def test_missing_and_flat_faces_have_no_map(face):
    target = face.copy()
    target[2] = np.nan
    target[4, :, 0] = 7
    for mode in ("paper", "stable"):
        fitted = fda.fit(face, target, mode)
        assert np.isnan(fitted.a[[2, 4]]).all()
        assert np.isfinite(fitted.a[[0, 1, 3, 5]]).all()


@pytest.mark.parametrize("mode", ["paper", "stable", "head_pose"])
def test_a_face_of_68_points_is_fitted_by_what_both_faces_have(mesh, mode):
    voice = np.repeat(mesh[None], 4, 0)
    voice[2:, fda.LOWER_INNER_LIP, 1] += 5
    sparse, _ = face68.to_mesh(*face68.from_mesh(mesh[None] * 0.5 + (12, -30), np.ones((1, 468))))
    target = np.repeat(sparse[:, :468], 4, 0)
    target[1] = np.nan
    fitted = fda.fit(voice, target, mode)
    assert np.isnan(fitted.a[1]).all()
    # Some of the 72 points are placed between those of the 68.
    placed = fitted.apply(voice)[[0, 2, 3]][:, list(fda.STABLE_LANDMARKS)]
    expected = (mesh * 0.5 + (12, -30))[list(fda.STABLE_LANDMARKS)]
    assert np.abs(placed - expected).max() < 0.02 * np.ptp(expected[:, 1]) + 0.2


def test_a_face_whose_forehead_is_always_off_the_picture_is_still_fitted(face):
    target = moved(face, (0.4, 0.6), (12, -30))
    target[:, [10, 338, 297, 109]] = np.nan
    fitted = fda.fit(face, target, "stable")
    np.testing.assert_allclose(fitted.a, np.tile((0.4, 0.6), (8, 1)), rtol=1e-9)


def test_a_few_points_are_no_face(face):
    target = np.full_like(face, np.nan)
    target[:, [33, 133, 362, 263]] = face[:, [33, 133, 362, 263]]
    for mode in ("paper", "stable"):
        assert np.isnan(fda.fit(face, target, mode).a).all()


def test_only_short_inner_gaps_are_bridged():
    values = np.arange(20, dtype=float)[:, None] * 3
    holes = values.copy()
    holes[[0, 1]], holes[4:9], holes[11:17], holes[19] = np.nan, np.nan, np.nan, np.nan
    filled = fda.bridge_gaps(holes, max_gap=5)
    np.testing.assert_allclose(filled[4:9], values[4:9])
    assert np.isnan(filled[[0, 1, 19]]).all(), "a face was invented before the first or after the last detection"
    assert np.isnan(filled[11:17]).all(), "a gap of 6 frames was bridged"
    assert np.isnan(fda.bridge_gaps(holes, max_gap=0)[4:9]).all()


def test_smoothing_lowers_jitter_keeps_lines_and_skips_gaps():
    rng = np.random.default_rng(0)
    noisy = 1 + rng.normal(0, 0.05, (3000, 1))
    noisy[30:33] = np.nan
    calm = fda.smooth(noisy, 2.0)
    assert np.isnan(calm[30:33]).all()
    white_noise_left = np.sqrt(1 / (2 * 2.0 * np.sqrt(np.pi)))
    assert np.nanstd(calm) / np.nanstd(noisy) == pytest.approx(white_noise_left, rel=0.1)
    line = np.linspace(1, 2, 60)[:, None]
    np.testing.assert_allclose(fda.smooth(line, 2.0)[10:-10], line[10:-10], atol=1e-12)
    np.testing.assert_array_equal(fda.smooth(line, 0), line)


@pytest.mark.parametrize("mode", ["paper", "stable"])
def test_scale_smoothing_does_not_move_the_face(face, mode):
    rng = np.random.default_rng(4)
    target = moved(face, (0.5, 0.5), (10, 20)) * (1 + rng.normal(0, 0.02, (8, 1, 1)))
    fitted = fda.fit(face, target, mode)
    calm = fda.smooth_scale(fitted, face, 1.5, mode)
    assert np.diff(calm.a[:, 0]).std() < np.diff(fitted.a[:, 0]).std()
    used = face if mode == "paper" else face[:, list(fda.STABLE_LANDMARKS)]

    def anchor(points: np.ndarray) -> np.ndarray:
        return (points.min(1) + points.max(1)) / 2 if mode == "paper" else points.mean(1)

    np.testing.assert_allclose(anchor(calm.apply(used)), anchor(fitted.apply(used)), atol=1e-9)


def test_overrides_scale_about_the_box_and_shift_in_face_sizes(face):
    still = np.repeat(face[:1], 5, 0)
    fitted = Affine(np.full((5, 2), 2.0), np.full((5, 2), 10.0))
    keys = [Override(3, scale=(3.0, 1.0)), Override(1, offset=(0.5, 0.0))]
    placed, corrected = fitted.apply(still), fda.override(fitted, still, keys).apply(still)
    low, high = placed.min(1), placed.max(1)
    new_low, new_high = corrected.min(1), corrected.max(1)
    size = high - low
    np.testing.assert_allclose((new_high - new_low) / size, [[1, 1], [1, 1], [2, 1], [3, 1], [3, 1]])
    shift = (new_low + new_high - low - high) / 2 / size
    np.testing.assert_allclose(shift, [[0.5, 0], [0.5, 0], [0.25, 0], [0, 0], [0, 0]], atol=1e-12)
    assert fda.override(fitted, still, []) is fitted


@pytest.mark.parametrize("bad", [{"scale": (0.0, 1.0)}, {"offset": (99.0, 0.0)}, {"frame": -1}, {"rotation": 181.0}])
def test_senseless_overrides_are_refused(bad):
    with pytest.raises(ValueError, match=r"must|counts"):
        Override(**{"frame": 0, **bad})


def test_rotation_turns_the_face_clockwise_about_the_centre_of_its_box(face):
    turned = fda.tilt(face, [Override(0, rotation=90.0)])
    centre = (face.min(1) + face.max(1))[:, None] / 2
    right_of_centre, below_centre = (centre + offset for offset in ([30.0, 0.0], [0.0, 30.0]))
    np.testing.assert_allclose(turned - centre, np.stack([-(face - centre)[..., 1], (face - centre)[..., 0]], -1))
    probe = np.concatenate([face, right_of_centre], 1)
    np.testing.assert_allclose(fda.tilt(probe, [Override(0, rotation=90.0)])[:, -1:], below_centre)


def test_rotation_keeps_lengths_and_is_undone_by_its_opposite_while_the_centre_stays(face):
    tilted = fda.tilt(face, [Override(0, rotation=37.0)])
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(tilted, axis=1), axis=-1), np.linalg.norm(np.diff(face, axis=1), axis=-1)
    )
    half_turn = [Override(0, rotation=180.0)]  # leaves the box, and so its centre, where it is
    np.testing.assert_allclose(fda.tilt(fda.tilt(face, half_turn), half_turn), face)


def test_rotation_is_linear_between_key_frames_and_leaves_upright_frames_to_the_byte(face):
    still = np.repeat(face[:1], 8, 0)
    keys = [Override(2), Override(6, rotation=40.0), Override(7)]
    tilted = fda.tilt(still, keys)
    arm, found = (points[:, 234] - (still[0].min(0) + still[0].max(0)) / 2 for points in (tilted, still))
    angle = np.degrees(np.arctan2(arm[:, 1], arm[:, 0]) - np.arctan2(found[:, 1], found[:, 0]))
    np.testing.assert_allclose((angle + 180) % 360 - 180, [0, 0, 0, 10, 20, 30, 40, 0], atol=1e-9)
    assert (tilted[[0, 1, 2, 7]] == still[[0, 1, 2, 7]]).all()


def test_visibility_is_a_step_that_holds_until_the_next_key_frame(face):
    fitted = Affine(np.full((8, 2), 2.0), np.full((8, 2), 10.0))
    keys = [Override(6), Override(3, visible=False)]
    assert fda.visible(keys, 8).tolist() == [True, True, True, False, False, False, True, True]
    hidden = fda.override(fitted, face, keys)
    assert np.isnan(hidden.a).all(1).tolist() == [False] * 3 + [True] * 3 + [False] * 2
    assert (hidden.b[[0, 1, 2, 6, 7]] == fitted.b[[0, 1, 2, 6, 7]]).all()


def test_the_correction_of_a_frame_is_what_the_key_frames_make_of_it():
    keys = [Override(2, (1.0, 1.0), (0.0, 0.0), 0.0), Override(6, (2.0, 3.0), (0.4, -0.4), 20.0, visible=False)]
    assert fda.override_at(keys, 3) == Override(3, (1.25, 1.5), (0.1, -0.1), 5.0, True)
    assert fda.override_at(keys, 9) == replace(keys[1], frame=9)
    assert fda.override_at((), 4) == Override(4)


def test_wanted_gaps_are_bridged_however_long_they_are():
    values = np.arange(30, dtype=float)[:, None] * 3
    holes = values.copy()
    holes[4:14], holes[18:28] = np.nan, np.nan
    wanted = np.zeros(30, bool)
    wanted[4:20] = True
    filled = fda.bridge_gaps(holes, 5, wanted)
    np.testing.assert_allclose(filled[4:14], values[4:14])
    assert np.isnan(filled[18:28]).all(), "a gap was bridged of which only a part was wanted"
