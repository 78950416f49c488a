"""What every backend's points go through: the order of OpenPose, and nothing that was made up outside the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeVar

import numpy as np

from apvgen.types import HW, Layout, Track

BODY18_FROM_COCO = (0, 5, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""COCO-17 (and so COCO-WholeBody-133) point of each OpenPose-18 joint; the neck, joint 1, is made."""

BODY18_FROM_BLAZEPOSE = (0, 11, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
"""The same for MediaPipe's 33 points (google-ai-edge/mediapipe, `python/solutions/pose.py`)."""

_NECK, _SHOULDERS = 1, (2, 5)

_NECK_SCORE = 0.3
"""Least score of both shoulders for a neck (DWPose, `dwpose_detector.py` in dvlab-research/ControlNeXt)."""

HEAD_FROM_MESH = (1, 362, 386, 263, 133, 159, 33, 454, 234, 291, 61)
"""The mesh point nearest to each of BlazePose's first 11: nose, eyes (left, right), ears, mouth corners."""

_HEAD_DISTANCE = 0.25
"""Mean distance of these, in face sizes. Measured: up to 0.15 on faces, profiles too, and from 0.39 on false meshes."""

_SAME_HAND = 0.3
"""Two hands whose points lie this near each other, on average and in hand lengths, are one hand seen twice."""

_LEAST_INSIDE = 0.5
"""A hand or face with a smaller share of its points inside the picture is a guess."""


Found = TypeVar("Found")


def stack(found: Sequence[Found | None], part: Callable[[Found], np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """float32 `[T, *shape]`: one part of what was found in each frame, NaN where nothing was."""
    missing = np.full(shape, np.nan, np.float32)
    return np.stack([missing if one is None else part(one) for one in found]).astype(np.float32)


def openpose18(xy: np.ndarray, score: np.ndarray, source: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """`[..., N, 2]` points and `[..., N]` scores of another body layout -> `[..., 18, 2]` and `[..., 18]`.

    source: the point to take for each joint. The neck is the mean of the shoulders, with score 1 if both shoulders'
    are above 0.3 and else 0.
    """
    xy, score = xy[..., source, :].copy(), score[..., source].copy()
    xy[..., _NECK, :] = xy[..., _SHOULDERS, :].mean(-2)
    score[..., _NECK] = (score[..., _SHOULDERS] > _NECK_SCORE).all(-1)
    return xy, score


def seen_track(layout: Layout, xy: np.ndarray, score: np.ndarray, hw: HW, fps: Fraction) -> Track:
    """A track in which points off the picture, without a score or without a place are missed: score 0, xy NaN.

    xy: `[T, *layout.shape, 2]` pixels, or 3 with depth in the unit of x. score: `[T, *layout.shape]`.
    """
    seen = inside(xy, hw) & (score > 0)
    places = np.where(seen[..., None], xy, np.nan).astype(np.float32)
    depth = np.ascontiguousarray(places[..., 2]) if xy.shape[-1] == 3 else None
    places = np.ascontiguousarray(places[..., :2])
    return Track(layout, places, np.where(seen, score, 0).astype(np.float32), hw, fps, depth)


def inside(xy: np.ndarray, hw: HW) -> np.ndarray:
    """bool `[...]`: points `[..., 2 or 3]` in pixels that lie in the picture; NaN does not."""
    return (xy[..., 0] >= 0) & (xy[..., 0] < hw[1]) & (xy[..., 1] >= 0) & (xy[..., 1] < hw[0])


def mostly_inside(xy: np.ndarray, hw: HW) -> np.ndarray:
    """bool `[...]`: groups of points `[..., N, 2 or 3]` at least half of which lie in the picture."""
    return inside(xy, hw).mean(-1) >= _LEAST_INSIDE


def face_fits(face: np.ndarray, head: np.ndarray) -> np.ndarray:
    """bool `[T]`: meshes that lie where the body's head is, and not on somebody else or on a pattern.

    face: `[T, 478, 2 or 3]` pixels. head: `[T, 11, 2]` pixels of BlazePose's first 11 points.
    """
    apart = np.linalg.norm(face[:, HEAD_FROM_MESH, :2] - head, axis=-1).mean(-1)
    return apart < _HEAD_DISTANCE * np.ptp(face[..., :2], axis=1).max(-1)


def doubled_hands(hands: np.ndarray) -> np.ndarray:
    """bool `[T]`: frames in which left and right, `[T, 2, 21, 2]` pixels, are the same hand."""
    apart = np.linalg.norm(hands[:, 0] - hands[:, 1], axis=-1).mean(-1)
    length = np.ptp(hands, axis=2).max((1, 2))
    return apart < _SAME_HAND * length
