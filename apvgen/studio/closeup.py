"""Where to look in a picture: all of it, or a window that follows a face or a hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from apvgen.fda import smooth
from apvgen.studio.scaling import within
from apvgen.types import HW, Affine, Motion

Zoom = Literal["all", "face", "left_hand", "right_hand"]

ROOM = 1.7
"""Side of the window in longest sides of what it follows."""
CALM = {"face": 6.0, "left_hand": 2.0, "right_hand": 2.0}
"""Standard deviation in frames of the smoothing of a window's path: it follows the person, not the detector's noise.
Hands are quick; a calmer window would lose them."""
SMALLEST = 48.0
"""Least side of a window, px; what is smaller shows no more when it is larger on the screen."""


@dataclass(frozen=True)
class Path:
    """A square window over time. centre: float64 `[T, 2]` px. side: float64 `[T]` px. NaN where there is nothing."""

    centre: np.ndarray
    side: np.ndarray

    def window(self, t: int, side: int) -> Affine | None:
        """The map from picture pixels to a close-up of `side` x `side` px; None where there is nothing to follow."""
        if not np.isfinite(self.side[t]):
            return None
        scale = side / self.side[t]
        return Affine(np.full(2, scale), side / 2 - scale * self.centre[t])


def follow(points: np.ndarray, calm: float) -> Path:
    """The window that follows `[T, N, 2]` points; frames in which none is seen borrow from their neighbours.

    calm: standard deviation of the smoothing of its path, frames.
    """
    seen = np.isfinite(points).all(-1)
    known = np.flatnonzero(seen.any(1))
    if not len(known):
        return Path(np.full((len(points), 2), np.nan), np.full(len(points), np.nan))
    low = np.where(seen[..., None], points, np.inf).min(1)[known]
    high = np.where(seen[..., None], points, -np.inf).max(1)[known]
    box = np.concatenate([(low + high) / 2, (high - low).max(-1, keepdims=True)], -1).astype(float)
    every = np.stack([np.interp(np.arange(len(points)), known, column) for column in box.T], -1)
    path = smooth(every, calm)
    return Path(path[:, :2], np.maximum(ROOM * path[:, 2], SMALLEST))


class Camera:
    """Looks at a motion: at all of its picture, or closely at one part, whose path is worked out once."""

    def __init__(self, motion: Motion) -> None:
        self._motion = motion
        self._paths: dict[Zoom, Path] = {}

    def window(self, zoom: Zoom, t: int, side: int) -> tuple[Affine, HW]:
        """The map from the motion's pixels to those of a picture, and that picture's size, no side above `side`.

        Where a close-up has nothing to follow, it is the whole picture.
        """
        if zoom != "all" and zoom not in self._paths:
            self._paths[zoom] = follow(_followed(self._motion, zoom), CALM[zoom])
        window = None if zoom == "all" else self._paths[zoom].window(t, side)
        if window is not None:
            return window, (side, side)
        hw = within(self._motion.hw, side)
        return Affine(np.array(hw[::-1]) / self._motion.hw[::-1], np.zeros(2)), hw


def _followed(motion: Motion, zoom: Zoom) -> np.ndarray:
    """The points `[T, N, 2]` that a zoom follows."""
    match zoom:
        case "face":
            return motion.face.xy
        case "left_hand":
            return motion.hands.xy[:, 0]
        case "right_hand":
            return motion.hands.xy[:, 1]
        case _:
            raise ValueError(f"a close-up shows the face or a hand, not {zoom!r}")


def cut(picture: np.ndarray, window: Affine, hw: HW) -> np.ndarray:
    """What `window` (picture pixels -> pixels of the result) shows of a picture, uint8 `[h, w, 3]`; black beyond it."""
    (scale, _), (x, y) = window.a, window.b
    # Affine counts from a pixel's corner, OpenCV from its centre.
    matrix = np.array([[scale, 0, x + (scale - 1) / 2], [0, scale, y + (scale - 1) / 2]])
    return cv2.warpAffine(picture, matrix, hw[::-1])
