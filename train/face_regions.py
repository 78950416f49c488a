"""Where face and mouth are in a picture: the mouth is a fiftieth of a face, and most of what a voice moves."""

from __future__ import annotations

import cv2
import numpy as np

from apvgen.types import Motion

_OUTLINE = (61, 0, 291, 17)
"""Corners and middles of the outer lips in the face mesh."""
_MARGIN = 0.25
"""Around them, in widths of the mouth."""


def face_area(motion: Motion) -> np.ndarray:
    """float32 `[T, H, W]`: one inside the outline of the face mesh, without hair and ears; zero elsewhere."""
    area = np.zeros((len(motion), *motion.hw), np.float32)
    for picture, points in zip(area, motion.face.xy, strict=True):
        known = points[np.isfinite(points).all(-1)]
        if len(known):
            cv2.fillConvexPoly(picture, cv2.convexHull(np.rint(known).astype(np.int32)), 1)
    return area


def mouth_weights(motion: Motion, weight: float) -> np.ndarray:
    """float32 `[T, H, W]`: `weight` on the upright box around the lips, one elsewhere and where no face is known."""
    weights = np.ones((len(motion), *motion.hw), np.float32)
    for picture, lips in zip(weights, motion.face.xy[:, _OUTLINE].astype(float), strict=True):
        if not np.isfinite(lips).all():
            continue
        low, high = lips.min(0), lips.max(0)
        margin = _MARGIN * (high[0] - low[0])
        left, top = np.maximum(np.floor(low - margin), 0).astype(int)
        right, bottom = np.maximum(np.ceil(high + margin), 0).astype(int)
        picture[top:bottom, left:right] = weight
    return weights
