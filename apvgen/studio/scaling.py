"""Pictures made small enough for the page."""

from __future__ import annotations

from math import ceil

import cv2
import numpy as np

from apvgen.types import HW


def within(hw: HW, side: int) -> HW:
    """The size `hw`, reduced so that no side is larger than `side` px."""
    scale = min(1.0, side / max(hw))
    return max(1, round(hw[0] * scale)), max(1, round(hw[1] * scale))


def fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """Shrink a picture so that no side is larger than `side`; smaller ones stay as they are."""
    hw = within(picture.shape[:2], side)
    return picture if hw == picture.shape[:2] else cv2.resize(picture, hw[::-1], interpolation=cv2.INTER_AREA)


def shrunk(drawing: np.ndarray, side: int) -> np.ndarray:
    """Like `fitted`, for lines on black: thickened first, since thin ones would fade away."""
    hw = within(drawing.shape[:2], side)
    if hw == drawing.shape[:2]:
        return drawing
    brush = np.ones((ceil(drawing.shape[0] / hw[0]),) * 2, np.uint8)
    return cv2.resize(cv2.dilate(drawing, brush), hw[::-1], interpolation=cv2.INTER_NEAREST)
