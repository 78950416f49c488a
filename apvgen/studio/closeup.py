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
WITHIN = 0.9
"""Share of the window's side inside which what it follows stays, however it moves."""
WRISTS = (7, 4)
"""Of BODY18, left first."""
SMALLEST = 48.0
"""Least side of a window, px; what is smaller shows no more when it is larger on the screen."""


@dataclass(frozen=True)
class Path:
    """A square window over time. centre: float64 `[T, 2]` px. side: float64 `[T]` px."""

    centre: np.ndarray
    side: np.ndarray

    def window(self, t: int, side: int) -> Affine:
        """The map from picture pixels to a close-up of `side` x `side` px."""
        scale = side / self.side[t]
        return Affine(np.full(2, scale), side / 2 - scale * self.centre[t])


def follow(points: np.ndarray, calm: float, hw: HW) -> Path | None:
    """The window that follows `[T, N, 2]` points inside a picture of size `hw`; None where they are never seen.

    Frames in which they are not seen borrow from their neighbours. calm: standard deviation of the smoothing of the
    window's path, frames.
    """
    seen = np.isfinite(points).all(-1)
    known, sized = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.sum(1) > 1)
    if not len(sized):
        return None
    low = np.where(seen[..., None], points, np.inf).min(1)
    high = np.where(seen[..., None], points, -np.inf).max(1)
    centre, size = (low[known] + high[known]) / 2, (high[sized] - low[sized]).max(-1)
    every = np.arange(len(points))
    columns = [*(np.interp(every, known, column) for column in centre.T), np.interp(every, sized, size)]
    path = smooth(np.stack(columns, -1), calm)
    side = np.clip(ROOM * path[:, 2], SMALLEST, max(min(hw), SMALLEST))
    side[sized] = np.maximum(side[sized], size / WITHIN)
    held, reach = path[:, :2].copy(), WITHIN * side[known, None] / 2
    held[known] = np.clip(held[known], high[known] - reach, low[known] + reach)  # a smooth path is late for a jump
    return Path(_inside(held, side[:, None] / 2, hw), side)


def _inside(centre: np.ndarray, half: np.ndarray, hw: HW) -> np.ndarray:
    """Centres moved so that their windows stay in the picture; a window that is larger is centred."""
    picture = np.array(hw[::-1], float)
    return np.where(2 * half < picture, np.clip(centre, half, np.maximum(picture - half, half)), picture / 2)


class Camera:
    """Looks at a motion: at all of its picture, or closely at one part, whose path is worked out once."""

    def __init__(self, motion: Motion) -> None:
        self._motion = motion
        self._paths: dict[Zoom, Path | None] = {}

    def window(self, zoom: Zoom, t: int, side: int) -> tuple[Affine, HW]:
        """The map from the motion's pixels to those of a picture, and that picture's size, no side above `side`.

        Where a close-up has nothing to follow, it is the whole picture.
        """
        path = None if zoom == "all" else self._path(zoom)
        if path is not None:
            return path.window(t, side), (side, side)
        hw = within(self._motion.hw, side)
        return Affine(np.array(hw[::-1]) / self._motion.hw[::-1], np.zeros(2)), hw

    def _path(self, zoom: Zoom) -> Path | None:
        if zoom not in self._paths:
            self._paths[zoom] = follow(_followed(self._motion, zoom), CALM[zoom], self._motion.hw)
        return self._paths[zoom]


def _followed(motion: Motion, zoom: Zoom) -> np.ndarray:
    """The points `[T, N, 2]` that a zoom follows: a hand with its wrist, which the body shows even without the hand."""
    if zoom == "face":
        return motion.face.xy
    hand = ("left_hand", "right_hand").index(zoom)
    return np.concatenate([motion.hands.xy[:, hand], motion.body.xy[:, [WRISTS[hand]]]], 1)


def cut(picture: np.ndarray, window: Affine, hw: HW) -> np.ndarray:
    """What `window` (picture pixels -> pixels of the result) shows of a picture, uint8 `[h, w, 3]`; black beyond it."""
    (scale, _), (x, y) = window.a, window.b
    # Affine counts from a pixel's corner, OpenCV from its centre.
    matrix = np.array([[scale, 0, x + (scale - 1) / 2], [0, scale, y + (scale - 1) / 2]])
    return cv2.warpAffine(picture, matrix, hw[::-1])
