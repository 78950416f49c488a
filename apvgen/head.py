"""Head rotation: found in a detected face mesh, applied to a voice-driven one."""

from __future__ import annotations

import numpy as np

from apvgen.fda import stable_landmarks
from apvgen.types import FRAMES_AT_ONCE, Track


def rotation_between(neutral: np.ndarray, posed: np.ndarray) -> np.ndarray:
    """The rotation that best turns one mesh into another, up to scale and shift (Kabsch).

    neutral: `[N, 3]`, the face from the front. posed: `[T, N, 3]` in the same axes (x right, y down, z away).
    Returns float64 `[T, 3, 3]` for column vectors; NaN where `posed` has a NaN.
    """
    source = neutral - neutral.mean(0)
    target = posed - posed.mean(1, keepdims=True)
    return nearest_rotation(np.einsum("tni,nj->tij", target, source))


def rotation_in_picture(neutral: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """As `rotation_between` for a face without depth, `flat` `[T, N, 2]`: the rotation under which `neutral` looks most
    like it from afar (scaled orthographic projection).

    The linear map from `neutral` to the picture by least squares, then the two orthonormal rows nearest to it.
    """
    source = neutral - neutral.mean(0)
    target = flat - flat.mean(1, keepdims=True)
    maps = np.einsum("tni,nj->tij", target, np.linalg.pinv(source).T)
    rotation = np.full((len(flat), 3, 3), np.nan)
    known = np.isfinite(maps).all((1, 2))
    u, _, vt = np.linalg.svd(maps[known], full_matrices=False)
    rows = u @ vt
    rotation[known] = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], 1)
    return rotation


def driving_rotation(face: Track, neutral: np.ndarray) -> np.ndarray:
    """Head rotation of a detected face track, relative to `neutral` `[>= 468, 3]`; float64 `[T, 3, 3]`.

    Jaw and lips are left out, so that a talking driver does not nod the result. Without depth, as in a face of 68
    points, it is estimated from the picture, in which a driver of another build appears to look up or down by some
    degrees.
    """
    chosen = stable_landmarks(face.xy[:, :468])
    flat, front = face.xy[:, chosen].astype(float), neutral[chosen].astype(float)
    if face.depth is None:
        return rotation_in_picture(front, flat)
    return rotation_between(front, np.concatenate([flat, face.depth[:, chosen, None]], -1))


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
