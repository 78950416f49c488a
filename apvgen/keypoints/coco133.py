"""From COCO-WholeBody's 133 points, as DWPose gives them, to OpenPose-18 and two hands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from apvgen.keypoints.clean import BODY18_FROM_COCO, face_fits, mostly_inside, openpose18, seen_track, stack
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.types import HW, Motion


@dataclass(frozen=True)
class WholeBody:
    """One person in one picture, in pixels.

    points: `[133, 3]` x, y and score. face: `[478, 3]` MediaPipe's mesh (x, y, depth in the unit of x), or NaN.
    face_score: the probability that it is a face.
    """

    points: np.ndarray
    face: np.ndarray
    face_score: float


_LEFT_HAND, _RIGHT_HAND = slice(91, 112), slice(112, 133)

HEAD_FROM_COCO133 = (0, 65, 1, 68, 62, 2, 59, 3, 4, 77, 71)
"""The point that stands for each of BlazePose's first 11: nose, left eye (inner, middle, outer), right eye (the same),
ears (left, right), mouth corners (left, right). 23 to 90 are the 68 points of the face."""


def motion_of(found: Sequence[WholeBody | None], hw: HW, fps: Fraction, _cuts: Iterable[int] = ()) -> Motion:
    """One person's motion in a picture of size `hw`, from what was found (or None) in each frame; scores as given."""
    points = stack(found, lambda person: person.points, (133, 3))
    xy, score = points[..., :2], np.nan_to_num(points[..., 2])
    face = stack(found, lambda person: person.face, (478, 3))
    face_score = np.array([0.0 if person is None else person.face_score for person in found])
    face_score = np.where(mostly_inside(face, hw) & face_fits(face, head(xy)), face_score, 0)
    return Motion(
        seen_track(BODY18, *body18(xy, score), hw, fps),
        seen_track(HANDS, *hands(xy, score), hw, fps),
        seen_track(FACE478, face, np.broadcast_to(face_score[:, None], face.shape[:-1]), hw, fps),
    )


def body18(xy: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`[..., 133, 2]` and `[..., 133]` -> `[..., 18, 2]` and `[..., 18]`; see `clean.openpose18` for the neck."""
    return openpose18(xy, score, BODY18_FROM_COCO)


def hands(xy: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`[..., 133, 2]` and `[..., 133]` -> `[..., 2, 21, 2]` and `[..., 2, 21]`, the person's left hand first."""
    parts = (_LEFT_HAND, _RIGHT_HAND)
    return np.stack([xy[..., part, :] for part in parts], -3), np.stack([score[..., part] for part in parts], -2)


def head(xy: np.ndarray) -> np.ndarray:
    """`[..., 133, 2]` -> `[..., 11, 2]`, as BlazePose orders the points of a head."""
    return xy[..., HEAD_FROM_COCO133, :]
