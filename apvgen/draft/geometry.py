"""Affine maps `[2, 3]` that act on column points: fitting, inverting, applying. Pixels, x right, y down, float64."""

from __future__ import annotations

import numpy as np

IDENTITY = np.eye(2, 3)


def transform(matrix: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Map `[..., 2]` points."""
    return xy @ matrix[:, :2].T + matrix[:, 2]


def invert(matrix: np.ndarray) -> np.ndarray:
    """The map back. Raises numpy's LinAlgError when `matrix` flattens the plane."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def about(linear: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The map with linear part `[2, 2]` that sends the point `source` to `target`."""
    return np.column_stack([linear, target - linear @ source])


def scale_of(matrix: np.ndarray) -> float:
    """How much the map enlarges lengths, averaged over directions."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def fit_similarity(source: np.ndarray, target: np.ndarray, mirrored: bool = False) -> np.ndarray:
    """Least-squares rotation, uniform scale and shift of `[N, 2]` points; one point or one place: the shift alone.

    mirrored: fit a reflection with rotation, scale and shift instead.
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    flip = np.array([1.0, -1.0 if mirrored else 1.0])
    p, q = (source - source_mean) * flip, target - target_mean
    spread = (p**2).sum()
    if spread < 1e-9:
        return about(np.eye(2), source_mean, target_mean)
    cosine, sine = (p * q).sum() / spread, (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / spread
    return about(np.array([[cosine, -sine], [sine, cosine]]) * flip, source_mean, target_mean)


def fit_affine(source: np.ndarray, target: np.ndarray, stiffness: float, mirrored: bool = False) -> np.ndarray:
    """Least-squares affine map of `[N, 2]` points, pulled towards the similarity that fits them best.

    stiffness: 0 is the free affine fit; directions that the points leave open follow the similarity.
    mirrored: pull towards the reflection that fits them best.
    """
    similarity = fit_similarity(source, target, mirrored)
    source_mean, target_mean = source.mean(0), target.mean(0)
    p, q = source - source_mean, target - target_mean
    pull = (stiffness * (p**2).sum() / 2 + 1e-9) * np.eye(2)
    linear = (q.T @ p + similarity[:, :2] @ pull) @ np.linalg.inv(p.T @ p + pull)
    return about(linear, source_mean, target_mean)


def limit_stretch(matrix: np.ndarray, low: float, high: float, centre: np.ndarray) -> np.ndarray:
    """Keep the map's stretch of every direction within `[low, high]`, leaving the image of `centre` in place."""
    u, stretch, vt = np.linalg.svd(matrix[:, :2])
    return about(u @ np.diag(stretch.clip(low, high)) @ vt, centre, transform(matrix, centre))


def smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, a smooth rise between."""
    x = np.clip((x - low) / (high - low), 0, 1)
    return x * x * (3 - 2 * x)
