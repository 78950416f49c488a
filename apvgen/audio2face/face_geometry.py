"""The metric face: a detected mesh in centimetres, freed of its pose by a fit to MediaPipe's canonical face.

The method of google-ai-edge/mediapipe, `mediapipe/modules/face_geometry/libs/geometry_pipeline.cc`, in float64.
Metric space: centimetres, x right, y up, z towards the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from apvgen.audio2face.mesh import complete_mesh
from apvgen.audio2face.projection import NEAR, VERTICAL_FOV
from apvgen.errors import MissingModelError, NoPersonError
from apvgen.types import HW

CANONICAL_FACE = Path(__file__).resolve().parents[2] / "assets" / "face" / "canonical_face.npz"
_CROP = 1.5
"""Side of the square picture around a face, in face sizes (Zejun-Yang/AniPortrait, `src/utils/util.py`, crop_face)."""
_SMALLEST_CROP = 1e-3
"""Pixels; keeps a face without extent finite until it is refused."""
_HANDEDNESS = np.array([1.0, 1.0, -1.0])


@dataclass(frozen=True)
class MetricFace:
    """vertices: float64 `[468, 3]`, the face in the canonical face's place, upright and seen from the front.
    transform: float64 `[4, 4]`, rotation (with a scale near 1) and translation from there to where the camera saw it.
    """

    vertices: np.ndarray
    transform: np.ndarray

    @property
    def distance(self) -> float:
        """Centimetres from the camera to the canonical face's origin, inside the head."""
        return float(-self.transform[2, 3])


@cache
def canonical_face(path: Path = CANONICAL_FACE) -> tuple[np.ndarray, np.ndarray]:
    """float64 `[468, 3]` centimetres, and `[468]` weights of the points for fitting (0 for most).

    Raises MissingModelError when the file is absent.
    """
    if not path.is_file():
        raise MissingModelError(f"{path} is absent: install the program again, or make it with train.canonical_face")
    with np.load(path) as stored:
        return stored["vertices"].astype(np.float64), stored["weights"].astype(np.float64)


def metric_face(landmarks: np.ndarray, hw: HW) -> MetricFace:
    """The metric face of `landmarks` `[468 or 478, 3]`: x, y in [0, 1] of a picture of size `hw`, depth in widths.

    Raises NoPersonError for a face that is a single point.
    """
    canonical, weights = canonical_face()
    screen = _on_near_plane(landmarks[: len(canonical)].astype(np.float64), hw)
    flat_scale = _scale(procrustes(canonical, screen * _HANDEDNESS, weights))
    scale = flat_scale * _scale(procrustes(canonical, _unproject(screen, flat_scale), weights))
    seen = _unproject(screen, scale)
    transform = procrustes(canonical, seen, weights)
    vertices = (seen - transform[:3, 3]) @ np.linalg.inv(transform[:3, :3]).T
    return MetricFace(vertices, transform)


def metric_face_of_mesh(face: np.ndarray) -> MetricFace:
    """The metric face of a mesh in pixels (`[468 or 478, 3]`, depth in pixels too), as if in a square crop around it.

    The voice models do not know the picture; AniPortrait crops it in this way before it detects the face.
    Raises InputError for another shape, NoPersonError for a mesh with gaps or without extent.
    """
    points = complete_mesh(face)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    side = max(_CROP * (high - low).max(), _SMALLEST_CROP)
    corner = np.append((low + high - side) / 2, 0)
    return metric_face((points - corner) / side, (1, 1))


def procrustes(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float64 `[4, 4]`: rotation, uniform scale and shift that bring `source` nearest to `target` (both `[N, 3]`).

    Weighted least squares (Akca 2003, section 2.4). Raises NoPersonError when `target` has no extent.
    """
    share = weights / weights.sum()
    source_centre, target_centre = share @ source, share @ target
    source, target = source - source_centre, target - target_centre
    u, spread, vt = np.linalg.svd((share[:, None] * target).T @ source)
    if spread[0] < 1e-9:
        raise NoPersonError("the reference picture's face mesh is a single point: choose a larger or clearer face")
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))  # a mirror image is no rotation
    rotation = u @ vt
    scale = (share @ (source @ rotation.T * target).sum(1)) / (share @ (source**2).sum(1))
    transform = np.eye(4)
    transform[:3, :3] = scale * rotation
    transform[:3, 3] = target_centre - scale * rotation @ source_centre
    return transform


def _scale(transform: np.ndarray) -> float:
    return float(np.linalg.norm(transform[:3, 0]))


def _on_near_plane(landmarks: np.ndarray, hw: HW) -> np.ndarray:
    """Picture coordinates -> centimetres on the camera's near plane; depth in the same unit, away from the camera."""
    height = 2 * NEAR * np.tan(np.radians(VERTICAL_FOV) / 2)
    width = height * hw[1] / hw[0]
    x, y, z = landmarks.T
    return np.stack([(x - 0.5) * width, (0.5 - y) * height, z * width], axis=1)


def _unproject(screen: np.ndarray, scale: float) -> np.ndarray:
    """Points on the near plane -> metric space, for a face that is `scale` times its true size there."""
    z = (screen[:, 2] - screen[:, 2].mean() + NEAR) / scale
    return np.stack([screen[:, 0] * z / NEAR, screen[:, 1] * z / NEAR, -z], axis=1)
