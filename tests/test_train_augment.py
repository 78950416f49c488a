"""Mirroring: left and right change places, points with their pixels."""

from pathlib import Path

import numpy as np
from training_clips import motion

from apvgen.layouts import BODY18_MIRRORED, FACE468_MIRRORED
from apvgen.tracks import load_motion
from train.augment import FACE478_MIRRORED, mirror


def test_mirroring_exchanges_left_and_right():
    made = motion(2, (60, 50))
    flipped = mirror(made)
    np.testing.assert_allclose(flipped.hands.xy[:, 0, :, 0], 50 - made.hands.xy[:, 1, :, 0])
    np.testing.assert_array_equal(flipped.hands.xy[:, 1, :, 1], made.hands.xy[:, 0, :, 1])
    right_wrist, left_wrist = 4, 7
    np.testing.assert_allclose(flipped.body.xy[:, right_wrist], (50, 0) + (-1, 1) * made.body.xy[:, left_wrist])
    right_eye, left_eye = 33, 263
    np.testing.assert_allclose(flipped.face.xy[:, right_eye], (50, 0) + (-1, 1) * made.face.xy[:, left_eye])
    again = mirror(flipped)
    np.testing.assert_allclose(again.face.xy, made.face.xy, atol=1e-5)
    np.testing.assert_array_equal(again.body.score, made.body.score)
    assert sorted(FACE478_MIRRORED) == list(range(478))
    assert FACE478_MIRRORED[:468] == FACE468_MIRRORED
    assert sorted(BODY18_MIRRORED) == list(range(18))


def test_irises_keep_their_sides_in_the_mirror():
    """In a detected face as in its mirror image, an iris's points are found right, above, left and below its centre."""
    detected = load_motion(Path(__file__).parents[1] / "assets" / "example" / "motion.npz").take(slice(0, 20))
    for moved in (detected, mirror(detected)):
        irises = moved.face.xy[:, 468:].reshape(-1, 2, 5, 2)
        assert (irises[:, 0, 0, 0] < irises[:, 1, 0, 0]).all()  # the person's right eye is on the left
        around = irises[:, :, 1:] - irises[:, :, :1]
        right, above, left, below = np.moveaxis(around, 2, 0)
        assert (right[..., 0] > 0).all()
        assert (left[..., 0] < 0).all()
        assert (above[..., 1] < 0).all()
        assert (below[..., 1] > 0).all()
