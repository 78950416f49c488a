"""How bodies of the synthetic world move."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from train.synthetic.dance import dance
from train.synthetic.moves import ARM, standing
from train.synthetic.people import person
from train.synthetic.skeleton import leg_length, pose

BUILD = person(3).build
FPS, FRAMES = Fraction(25), 75


def dances(count: int = 12):
    return [dance(np.random.default_rng(seed), FRAMES, FPS) for seed in range(count)]


def lengths(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    return np.linalg.norm(end - start, axis=-1)


@pytest.mark.parametrize("moves", dances(6))
def test_bones_keep_their_lengths(moves):
    s = pose(BUILD, moves)
    np.testing.assert_allclose(lengths(s.shoulders, s.elbows), BUILD.upper_arm, rtol=1e-9)
    np.testing.assert_allclose(lengths(s.elbows, s.wrists), BUILD.forearm, rtol=1e-9)
    np.testing.assert_allclose(lengths(s.hips, s.knees), BUILD.thigh, rtol=1e-6)
    np.testing.assert_allclose(lengths(s.knees, s.ankles), BUILD.shin, rtol=1e-6)
    np.testing.assert_allclose(s.hands[:, :, 0], s.wrists, atol=1e-12)


@pytest.mark.parametrize("moves", dances())
def test_dances_move_smoothly_and_visibly(moves):
    s = pose(BUILD, moves)
    wrists = lengths(s.wrists[1:], s.wrists[:-1])
    assert wrists.max() < 0.12
    assert np.ptp(s.wrists, axis=0).max() > 0.03
    assert lengths(s.ankles[1:], s.ankles[:-1]).max() < 0.06
    assert lengths(s.skull[1:], s.skull[:-1]).max() < 0.03


def test_feet_stay_on_or_above_the_floor():
    for moves in dances():
        assert pose(BUILD, moves).ankles[..., 1].max() < 1e-9


def test_no_two_dances_are_alike():
    wrists = np.stack([pose(BUILD, moves).wrists.ravel() for moves in dances()])
    gaps = np.abs(wrists[:, None] - wrists[None]).mean(-1)
    assert gaps[~np.eye(len(gaps), dtype=bool)].min() > 0.01


def test_standing_is_symmetric_and_upright():
    s = pose(BUILD, standing(1))
    for joints in (s.shoulders, s.elbows, s.wrists, s.hips, s.knees, s.ankles, s.toes, s.hands):
        np.testing.assert_allclose(joints[:, 1], joints[:, 0] * [-1, 1, 1], atol=1e-12)
    np.testing.assert_allclose(s.pelvis[0], [0, -leg_length(BUILD), 0])
    assert (s.wrists[0, 0, 0] < s.shoulders[0, 0, 0]) & (s.shoulders[0, 0, 0] < 0)


def test_a_head_looks_where_its_yaw_points_and_down_with_its_pitch():
    moves = replace(standing(1), head=np.array([[30.0, 0, 0]]))
    nose = pose(BUILD, moves).head_turn[0] @ [0, 0, -1]
    np.testing.assert_allclose(nose, [0.5, 0, -np.sqrt(0.75)], atol=1e-12)
    moves = replace(standing(1), head=np.array([[0.0, 30, 0]]))
    np.testing.assert_allclose(pose(BUILD, moves).head_turn[0] @ [0, 0, -1], [0, 0.5, -np.sqrt(0.75)], atol=1e-12)


def test_palms_turn_from_the_camera_to_the_body():
    def thumb_side(palm: float) -> np.ndarray:
        moves = standing(1)
        moves.arms[..., ARM.index("upper")] = moves.arms[..., ARM.index("fore")] = 90
        moves.arms[..., ARM.index("palm")] = palm
        hands = pose(BUILD, moves).hands[0, 0]
        return hands[2] - hands[17]

    assert thumb_side(0)[0] < 0  # outwards: the right hand is on the left of the picture
    assert thumb_side(180)[0] > 0
    assert thumb_side(90)[2] < 0  # towards the camera


def test_squatting_bends_the_knees_and_keeps_the_feet():
    low = replace(standing(1), hips_at=np.array([[0, 0.06, 0.0]]))
    stood, squat = pose(BUILD, standing(1)), pose(BUILD, low)
    np.testing.assert_allclose(squat.ankles, stood.ankles, atol=1e-9)
    assert (squat.knees[..., 2] < stood.knees[..., 2] - 0.02).all()
