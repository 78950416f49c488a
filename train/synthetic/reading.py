"""Reading who it is back out of a picture, by the colours.

Looked at is where the keypoints of the wanted motion say, so that rendered frames can be judged as well as drawn ones.
"""

from __future__ import annotations

import numpy as np

from apvgen.types import Motion

PARTS = ("skin", "hair", "upper", "lower", "legs", "shoes", "background")
"""What `colour_layout` reads, in order. Hair is what covers the head, so a hat counts."""

NECK, HIPS, KNEES, ANKLES = 1, [8, 11], [9, 12], [10, 13]
_CHEEKS, _FOREHEAD, _CHIN = [50, 280], 10, 152
_PATCH = 0.07
"""Half a side of the patches looked at, in face heights; on the trunk, where patterns are, three times as much."""


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
