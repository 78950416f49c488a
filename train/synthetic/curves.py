"""Smooth outlines from few points, and the shapes that limbs are made of."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np


@cache
def _catmull_rom(count: int, pieces: int, closed: bool) -> np.ndarray:
    """`[pieces * spans (+ 1), count]`: the linear map from control points to a curve through them."""
    spans = count if closed else count - 1
    rows = []
    for span in range(spans):
        for t in np.arange(pieces) / pieces:
            weights = 0.5 * np.array(
                [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
            )
            row = np.zeros(count)
            for k, weight in enumerate(weights, span - 1):
                row[k % count if closed else min(max(k, 0), count - 1)] += weight
            rows.append(row)
    if not closed:
        rows.append(np.eye(count)[-1])
    return np.array(rows)


def smooth(points: np.ndarray, pieces: int = 4, closed: bool = True) -> np.ndarray:
    """A Catmull-Rom curve through points `[..., N, D]`, with `pieces` points to a span."""
    return _catmull_rom(points.shape[-2], pieces, closed) @ points


@cache
def _arc(first: float, last: float, count: int) -> np.ndarray:
    angles = np.linspace(first, last, count)
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def circle(count: int = 24) -> np.ndarray:
    """The unit circle, `[count, 2]`."""
    return _arc(0, 2 * np.pi * (1 - 1 / count), count)


def ellipse(centre: np.ndarray, across: np.ndarray, down: np.ndarray, count: int = 24) -> np.ndarray:
    """An ellipse with half-axes `across` and `down`, `[count, 2]`."""
    unit = circle(count)
    return centre + unit[:, :1] * across + unit[:, 1:] * down


def capsule(
    start: np.ndarray, end: np.ndarray, start_radius: float, end_radius: float, flat: bool = False
) -> np.ndarray:
    """Outline `[N, 2]` of a limb with round ends, or a flat far one."""
    along = end - start
    length = max(float(np.hypot(*along)), 1e-6)
    x, y = along / length
    turn = np.array([[x, y], [-y, x]])
    near = start + start_radius * (_arc(np.pi / 2, 3 * np.pi / 2, 9) @ turn)
    far = end + end_radius * (_arc(-np.pi / 2, np.pi / 2, 2 if flat else 9) @ turn)
    return np.concatenate([near, far])


def hull(points: np.ndarray) -> np.ndarray:
    """Convex outline of points `[N, 2]`."""
    return cv2.convexHull(points.astype(np.float32))[:, 0].astype(float)


def ribbon(points: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Outline of a band along `[N, 2]` points with half-widths `[N]`."""
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], -1) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    return np.concatenate([points + across * widths[:, None], (points - across * widths[:, None])[::-1]])
