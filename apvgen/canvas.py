"""A large canvas of which only the drawn parts cost time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from apvgen.types import HW

MIN_TILE = 32


class SparseCanvas:
    """A black canvas whose drawn parts are taken as parts of a picture of size `hw`, frame after frame.

    Only tiles that were drawn on are resized and blackened: over the 21 MB of DWPose's canvas, those two cost more
    than all drawing.
    """

    def __init__(self, canvas_hw: HW, hw: HW) -> None:
        self.hw = hw
        self.pixels = np.zeros((*canvas_hw, 3), np.uint8)
        (self._tile_h, self._out_h), (self._tile_w, self._out_w) = map(_tile_sides, canvas_hw, hw)
        self._drawn = np.zeros((-(-hw[0] // self._out_h), -(-hw[1] // self._out_w)), bool)

    def mark(self, left: int, top: int, right: int, bottom: int) -> None:
        """Say that canvas pixels of this box, ends included, are about to be drawn on; it may leave the canvas."""
        rows = slice(max(top // self._tile_h, 0), max(bottom // self._tile_h + 1, 0))
        columns = slice(max(left // self._tile_w, 0), max(right // self._tile_w + 1, 0))
        self._drawn[rows, columns] = True

    def mark_around(self, xy: np.ndarray, radius: int) -> None:
        """Mark the box of int points `[N, 2]` and `radius` pixels more."""
        if len(xy):
            self.mark(*(xy.min(0) - radius).tolist(), *(xy.max(0) + radius).tolist())

    def take(self) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """Rows, columns and RGB uint8 pixels of every part of the picture that may not be black.

        The canvas is black again when the last part was taken.
        """
        edges = np.diff(self._drawn.astype(np.int8), prepend=0, append=0)
        runs = zip(np.argwhere(edges > 0).tolist(), np.argwhere(edges < 0)[:, 1].tolist(), strict=True)
        for (row, first), end in runs:
            rows = _span(row, row + 1, self._out_h, self.hw[0])
            columns = _span(first, end, self._out_w, self.hw[1])
            tiles = self.pixels[
                row * self._tile_h : (row + 1) * self._tile_h, first * self._tile_w : end * self._tile_w
            ]
            yield rows, columns, cv2.resize(tiles, (columns.stop - columns.start, rows.stop - rows.start))
            tiles[:] = 0
        self._drawn[:] = False


def _span(first: int, end: int, side: int, limit: int) -> slice:
    return slice(first * side, min(end * side, limit))


def _tile_sides(canvas: int, picture: int) -> tuple[int, int]:
    """Sides (canvas px, picture px) of a tile that, resized alone, equals its part of the whole canvas resized.

    Sampling places repeat after `period` picture pixels, and stay inside a tile when the picture is the smaller. Only
    for a power of two are they exact in cv2's float32, so that no weight rounds differently; else one tile is all.
    """
    period = picture // math.gcd(canvas, picture)
    if canvas < picture or period & (period - 1):
        return canvas, picture
    side = max(period, MIN_TILE)
    return side * canvas // picture, side
