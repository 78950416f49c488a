"""From what MediaPipe's networks say about each frame to a clean `Motion`: pure functions on arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from apvgen.fda import smooth
from apvgen.keypoints.clean import (
    BODY18_FROM_BLAZEPOSE,
    doubled_hands,
    face_fits,
    mostly_inside,
    openpose18,
    seen_track,
    stack,
)
from apvgen.keypoints.graphs import Figure
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.types import HW, Motion

_WRISTS = (7, 4)
"""OpenPose-18 joints, left first as hands are."""

_HEAD_JOINTS, _HEAD_IN_MESH = (0, 14, 15, 16, 17), (1, 468, 473, 234, 454)
"""OpenPose-18's nose, right eye, left eye, right ear, left ear, and where the face mesh has them."""

_HEAD = slice(11)
"""BlazePose's first points: nose, eyes, ears, mouth."""

_JITTER = 0.012
"""BlazePose's noise from frame to frame, in radii of the person's circle."""

_NARROW_SECONDS, _WIDE_SECONDS = 0.027, 0.133
"""Standard deviations of the smoothing of a moving and of a resting joint."""


def motion_of(figures: Sequence[Figure | None], hw: HW, fps: Fraction, cuts: Iterable[int] = ()) -> Motion:
    """One person's motion in a picture of size `hw`, from a figure (or None) for each frame.

    cuts: frames that begin a new shot. Scores: BlazePose's visibility times presence for the body; for every point of
    a hand or face the network's probability that it looked at a hand or face.
    """
    body = stack(figures, lambda figure: figure.body, (33, 3))
    hands, hand_score = clean_hands(figures, hw)
    radii = [figure.circle.radius for figure in figures if figure is not None]
    xy = steady(body[..., :2], _JITTER * float(np.median(radii or [0])), fps, cuts)
    xy, score = openpose18(xy, np.nan_to_num(body[..., 2]), BODY18_FROM_BLAZEPOSE)
    face, face_score = clean_faces(figures, hw)
    # The networks for hands and faces see these joints at several times the body network's resolution.
    xy[:, _WRISTS] = np.where(hand_score[..., None] > 0, hands[:, :, 0], xy[:, _WRISTS])
    xy[:, _HEAD_JOINTS] = np.where(face_score[:, None, None] > 0, face[:, _HEAD_IN_MESH, :2], xy[:, _HEAD_JOINTS])
    score[:, _WRISTS] = np.maximum(score[:, _WRISTS], hand_score)
    return Motion(
        seen_track(BODY18, xy, score, hw, fps),
        seen_track(HANDS, hands, np.broadcast_to(hand_score[..., None], hands.shape[:-1]), hw, fps),
        seen_track(FACE478, face, np.broadcast_to(face_score[:, None], face.shape[:-1]), hw, fps),
    )


def clean_hands(figures: Sequence[Figure | None], hw: HW) -> tuple[np.ndarray, np.ndarray]:
    """Pixels `[T, 2, 21, 2]` and scores `[T, 2]`; 0 for a hand outside the picture or seen twice."""
    hands = stack(figures, lambda figure: figure.hands, (2, 21, 2))
    score = np.nan_to_num(stack(figures, lambda figure: figure.hand_scores, (2,)))
    left = stack(figures, lambda figure: figure.left_handed, (2,))
    score = np.where(mostly_inside(hands, hw), score, 0)
    # Of one hand seen by both sides, the side stays that the network names more surely.
    fits_left = left.sum(-1) > 1
    wrong = np.stack([~fits_left, fits_left], -1) & doubled_hands(hands)[:, None]
    return hands, np.where(wrong, 0, score)


def clean_faces(figures: Sequence[Figure | None], hw: HW) -> tuple[np.ndarray, np.ndarray]:
    """Pixels `[T, 478, 3]` and scores `[T]`; 0 for a face outside the picture or not on the body's head."""
    face = stack(figures, lambda figure: figure.face, (478, 3))
    score = np.array([0.0 if figure is None else figure.face_score for figure in figures])
    head = stack(figures, lambda figure: figure.body[_HEAD, :2], (11, 2))
    return face, np.where(mostly_inside(face, hw) & face_fits(face, head), score, 0)


def steady(xy: np.ndarray, noise: float, fps: Fraction, cuts: Iterable[int]) -> np.ndarray:
    """Take noise of a size in pixels out of `[T, N, 2]`, without lag and never across a cut; NaN frames stay NaN.

    What a narrow average has beyond a wide one is motion where it is larger than the noise, and is kept as in a Wiener
    filter: by the share d^2 / (d^2 + noise^2).
    """
    shots = np.split(xy.astype(float), sorted(set(cuts) - {0}))
    return np.concatenate([_steady_shot(shot, max(noise, 1e-6), float(fps)) for shot in shots])


def _steady_shot(xy: np.ndarray, noise: float, fps: float) -> np.ndarray:
    narrow, wide = (
        smooth(xy.reshape(len(xy), -1), seconds * fps).reshape(xy.shape) for seconds in (_NARROW_SECONDS, _WIDE_SECONDS)
    )
    motion = narrow - wide
    power = (motion**2).sum(-1, keepdims=True)
    return wide + motion * power / (power + noise**2)
