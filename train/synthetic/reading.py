"""Reading a person back out of a picture: who it is by the colours, and how far the mouth is open.

Both look where the keypoints of the wanted motion say, so that they judge rendered frames as well as drawn ones.
"""

from __future__ import annotations

import cv2
import numpy as np

from apvgen.types import HW, Motion
from train.synthetic.draw.mouth import TEETH, TONGUE
from train.synthetic.people import MOUTH_INSIDE

PARTS = ("skin", "hair", "upper", "lower", "legs", "shoes", "background")
"""What `colour_layout` reads, in order. Hair is what covers the head, so a hat counts."""

NECK, HIPS, KNEES, ANKLES = 1, [8, 11], [9, 12], [10, 13]
_CHEEKS, _FOREHEAD, _CHIN, _CORNERS = [50, 280], 10, 152, [61, 291]
_PATCH = 0.07
"""Half a side of the patches looked at, in face heights; on the trunk, where patterns are, three times as much."""
MOUTH_HW: HW = (12, 16)
"""Of the pictures of mouths that are compared: about what a dancer's mouth has at 384 x 256 px."""
_ABOVE, _BELOW = 0.06, 0.2
"""Where a mouth may be open, in face heights above and below the line through its corners."""
_ALIKE = 32.0
"""Distance in RGB up to which a pixel is taken for teeth, tongue or the dark."""


def colour_layout(pictures: np.ndarray, motion: Motion) -> np.ndarray:
    """float64 `[len(PARTS), 3]`: the mean RGB of each part, the median over frames; NaN for what is never in sight.

    pictures: RGB uint8 `[T, H, W, 3]`, of the motion's size and frames.
    """
    frames = [_layout(picture, motion, t) for t, picture in enumerate(pictures)]
    known = np.isfinite(frames).all(-1).any(0)
    layout = np.full((len(PARTS), 3), np.nan)
    layout[known] = np.nanmedian(np.array(frames)[:, known], 0)
    return layout


def layout_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance in RGB over the parts that both layouts know."""
    return float(np.nanmean(np.linalg.norm(first - second, axis=-1)))


def mouth_opening(pictures: np.ndarray, motion: Motion) -> np.ndarray:
    """float64 `[T]`: the area in which the mouth's inside is seen, in squared face heights; NaN without a face.

    The place looked at depends on head and corners of the mouth, not on how far the wanted mouth is open.
    """
    inside = np.array([MOUTH_INSIDE, TEETH, TONGUE])
    areas = np.full(len(pictures), np.nan)
    for t, picture in enumerate(pictures):
        outline = _around_mouth(motion.face.xy[t].astype(float))
        if not np.isfinite(outline).all():
            continue
        where = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillConvexPoly(where, np.rint(outline).astype(np.int32), 1)
        colours = picture[where > 0].astype(float)
        alike = np.linalg.norm(colours[:, None] - inside, axis=-1).min(1) < _ALIKE
        height = np.linalg.norm(outline[3] - outline[0]) / (_ABOVE + _BELOW)
        areas[t] = alike.sum() / height**2
    return areas


def mouth_pictures(pictures: np.ndarray, motion: Motion) -> np.ndarray:
    """float32 `[T, *MOUTH_HW, 3]`: what is seen around the mouth, turned and scaled alike in all frames, each between
    corners of the mouth and 0.06 face heights above to 0.2 below them; NaN without a face."""
    cut = np.full((len(pictures), *MOUTH_HW, 3), np.nan, np.float32)
    places = np.array([[0, 0], [MOUTH_HW[1], 0], [0, MOUTH_HW[0]]], np.float32) - 0.5
    for t, picture in enumerate(pictures):
        outline = _around_mouth(motion.face.xy[t].astype(float))[[0, 1, 3]].astype(np.float32)
        if np.isfinite(outline).all():
            to_picture = cv2.getAffineTransform(places, outline)
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            cut[t] = cv2.warpAffine(picture.astype(np.float32), to_picture, MOUTH_HW[::-1], flags=flags)
    return cut


def _around_mouth(face: np.ndarray) -> np.ndarray:
    """Corners of the quadrilateral looked at, `[4, 2]`: upper left of the picture, and on clockwise."""
    down = face[_CHIN] - face[_FOREHEAD]
    return np.concatenate([face[_CORNERS] - _ABOVE * down, face[_CORNERS[::-1]] + _BELOW * down])


def _layout(picture: np.ndarray, motion: Motion, t: int) -> np.ndarray:
    body, face = motion.body.xy[t].astype(float), motion.face.xy[t].astype(float)
    down = face[_CHIN] - face[_FOREHEAD]
    size = _PATCH * float(np.hypot(*down))
    hips = body[HIPS]
    places = {
        "skin": (face[_CHEEKS], size),
        "hair": (face[[_FOREHEAD]] - 0.17 * down, size),
        "upper": (body[[NECK]] + 0.5 * (hips.mean(0) - body[NECK]), 3 * size),
        "lower": (hips + 0.35 * (body[KNEES] - hips), size),
        "legs": (body[KNEES] + 0.5 * (body[ANKLES] - body[KNEES]), size),
        "shoes": (body[ANKLES], 0.5 * size),
        "background": (np.array([[0.06, 0.1], [0.94, 0.1], [0.06, 0.5], [0.94, 0.5]]) * motion.hw[::-1], size),
    }
    return np.stack([_mean_colour(picture, *places[part]) for part in PARTS])


def _mean_colour(picture: np.ndarray, places: np.ndarray, size: float) -> np.ndarray:
    """Mean RGB of square patches of half-side `size`; NaN where a place is unknown."""
    if not np.isfinite(places).all() or not np.isfinite(size):
        return np.full(3, np.nan)
    low = np.maximum(np.floor(places - size), 0).astype(int)
    high = np.ceil(places + size).astype(int) + 1
    patches = [picture[y0:y1, x0:x1].reshape(-1, 3) for (x0, y0), (x1, y1) in zip(low, high, strict=True)]
    pixels = np.concatenate(patches)
    return pixels.mean(0) if len(pixels) else np.full(3, np.nan)
