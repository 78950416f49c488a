"""Head rotation: found in a detected face mesh, applied to a voice-driven one."""

from __future__ import annotations

import numpy as np

from apvgen.fda import STABLE_LANDMARKS
from apvgen.types import FRAMES_AT_ONCE, Track


def rotation_between(neutral: np.ndarray, posed: np.ndarray) -> np.ndarray:
    """The rotation that best turns one mesh into another, up to scale and shift (Kabsch).

    neutral: `[N, 3]`, the face from the front. posed: `[T, N, 3]` in the same axes (x right, y down, z away).
    Returns float64 `[T, 3, 3]` for column vectors; NaN where `posed` has a NaN.
    """
    source = neutral - neutral.mean(0)
    target = posed - posed.mean(1, keepdims=True)
    return nearest_rotation(np.einsum("tni,nj->tij", target, source))


def driving_rotation(face: Track, neutral: np.ndarray) -> np.ndarray:
    """Head rotation of a detected face track with depth, relative to `neutral` `[>= 468, 3]`; float64 `[T, 3, 3]`.

    Jaw and lips are left out, so that a talking driver does not nod the result.
    """
    chosen = list(STABLE_LANDMARKS)
    posed = np.concatenate([face.xy[:, chosen], face.depth[:, chosen, None]], -1).astype(float)
    return rotation_between(neutral[chosen].astype(float), posed)


def nearest_rotation(matrices: np.ndarray) -> np.ndarray:
    """The rotation nearest to each `[T, 3, 3]` matrix, for example an average of rotations; NaN stays NaN."""
    result = np.full_like(matrices, np.nan)
    known = np.isfinite(matrices).all((1, 2))
    u, _, vt = np.linalg.svd(matrices[known])
    u[:, :, -1] *= np.linalg.det(u @ vt)[:, None]  # a mirror image is no rotation
    result[known] = u @ vt
    return result


def turn(vertices: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Rotate `[T, N, 3]` meshes about their own centre by `[T, 3, 3]`; keeps the dtype."""
    turned = np.empty_like(vertices)
    for start in range(0, len(vertices), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        centre = vertices[part].mean(1, keepdims=True)
        turned[part] = np.einsum("tij,tnj->tni", rotation[part], vertices[part] - centre) + centre
    return turned
