"""From metric face space to pixels: rigid poses as numbers and matrices, and the camera that AniPortrait draws with.

Metric space is MediaPipe's: centimetres, x right, y up, z towards the camera, which stands at the origin.
Numbers and quirks from Zejun-Yang/AniPortrait, `src/utils/pose_util.py` at 7f6593f.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from apvgen.types import HW

VERTICAL_FOV = 63.0
"""Degrees."""
NEAR, FAR = 1.0, 10000.0
"""Centimetres; MediaPipe's default camera (google-ai-edge/mediapipe, `face_landmarker_graph.cc`)."""


def perspective_matrix(aspect: float) -> np.ndarray:
    """float32 `[4, 4]` for row vectors `(x, y, z, 1)`, y turned downwards; aspect = width / height."""
    focal = 1 / np.tan(np.radians(VERTICAL_FOV) / 2)
    depth = 1 / (NEAR - FAR)
    matrix = np.zeros((4, 4), np.float32)
    matrix[0, 0], matrix[1, 1] = focal / aspect, -focal
    matrix[2, 2:] = (NEAR + FAR) * depth, -1
    matrix[3, 2] = FAR * NEAR * depth
    return matrix


def project(points: np.ndarray, transforms: np.ndarray, hw: HW) -> np.ndarray:
    """float64 `[T, N, 2]`, pixels of a picture of size `hw`, for metric `points` `[T, N, 3]` placed by `[T, 4, 4]`.

    As in the original, which multiplies with the matrix from its wrong side, w is -1.0001 z instead of -z: at most
    0.03 px in a picture of 512 px.
    """
    height, width = hw
    camera = perspective_matrix(width / height).astype(np.float64)
    placed = np.einsum("tij,tnj->tni", transforms[:, :3, :3], points) + transforms[:, None, :3, 3]
    clip = placed @ camera[:, :3].T
    return (clip[..., :2] / clip[..., 3:] + 1) / 2 * (width, height)


def seen_from_front(points: np.ndarray, distance: float) -> np.ndarray:
    """`[..., 3]` metric points as a camera before them sees them: x right, y down, z away from it, in centimetres.

    distance: from the camera to the origin, where sizes stay as they are. Nearer points are spread, as in a photo and
    in the meshes detected in it; from far away, a face that filled its picture is a third wider for its height.
    """
    x, y, z = np.moveaxis(points, -1, 0)
    spread = distance / (distance - z)
    return np.stack([x * spread, -y * spread, -z], axis=-1)


def pose_matrices(poses: np.ndarray) -> np.ndarray:
    """float64 `[T, 4, 4]` for `[T, 6]`: extrinsic x, y, z rotations in degrees, then the translation."""
    matrices = np.tile(np.eye(4), (len(poses), 1, 1))
    matrices[:, :3, :3] = Rotation.from_euler("xyz", poses[:, :3], degrees=True).as_matrix()
    matrices[:, :3, 3] = poses[:, 3:]
    return matrices


def pose_vectors(matrices: np.ndarray) -> np.ndarray:
    """float64 `[T, 6]`: the inverse of `pose_matrices`; a uniform scale in `[T, 4, 4]` is dropped."""
    angles = Rotation.from_matrix(matrices[:, :3, :3]).as_euler("xyz", degrees=True)
    return np.concatenate([angles, matrices[:, :3, 3]], axis=1)


def relative_to_first(transforms: np.ndarray) -> np.ndarray:
    """`[T, 4, 4]`: what each transform does beyond the first, in the face's own axes."""
    return np.linalg.inv(transforms[0]) @ transforms


def smooth(sequence: np.ndarray, window: int) -> np.ndarray:
    """The running mean of `[T, ...]` over `window // 2` entries to either side, fewer at the ends.

    Keeps the dtype, so that integers are truncated; an even window is one wider than it says.
    """
    reach = window // 2
    smoothed = np.empty_like(sequence)
    for t in range(len(sequence)):
        smoothed[t] = sequence[max(0, t - reach) : t + reach + 1].mean(0)
    return smoothed
