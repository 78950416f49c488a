"""A visible mark on synthetic video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

TEXT = "AI generated"
_HEIGHT, _MARGIN, _OPACITY = 0.022, 0.02, 0.75
"""Height of the letters and distance from the corner in shares of the longer side, and how much of the mark shows."""


def marked(frames: Iterable[np.ndarray], text: str = TEXT) -> Iterator[np.ndarray]:
    """The frames, RGB uint8 `[H, W, 3]`, with a text in the lower right corner: white with a dark rim."""
    mark = None
    for frame in frames:
        if mark is None:
            mark = _mark(frame.shape[:2], text)
        corner, white, cover = mark
        shown = frame.copy()
        shown[corner] = (frame[corner] * (1 - cover) + white * cover).round().astype(np.uint8)
        yield shown


def _mark(hw: tuple[int, int], text: str) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """(its rows and columns, float32 `[h, w, 1]` brightness, `[h, w, 1]` opacity in [0, 1])."""
    font, side = cv2.FONT_HERSHEY_SIMPLEX, max(hw)
    scale = cv2.getFontScaleFromHeight(font, max(8, round(_HEIGHT * side)))
    stroke = max(1, round(2 * scale))
    (width, _), below = cv2.getTextSize(text, font, scale, stroke)
    margin = round(_MARGIN * side)
    corner = (hw[1] - margin - width, hw[0] - margin - below)
    letters = cv2.putText(np.zeros(hw, np.uint8), text, corner, font, scale, 255, stroke, cv2.LINE_AA)
    # OpenCV 5 draws no line of letters thicker than two pixels, so a thick copy cannot be the rim.
    rim = cv2.dilate(letters, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * stroke + 1,) * 2))
    left, top, across, down = cv2.boundingRect(rim)
    place = slice(top, top + down), slice(left, left + across)
    opacity = np.maximum(letters, rim)[place].astype(np.float32) / 255 * _OPACITY
    return place, letters[place].astype(np.float32)[..., None], opacity[..., None]
