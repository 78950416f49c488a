"""A person's own face mesh: MediaPipe's canonical face with parts of it made larger, smaller or moved.

Coordinates: shares of the face's height, x right, y down, z away from the camera, origin as `mesh.frontal` sets it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from apvgen.audio2face import landmarks as lm
from apvgen.audio2face.articulation import smoothstep
from apvgen.audio2face.builtin import ASSETS
from apvgen.audio2face.face_geometry import CANONICAL_FACE
from apvgen.audio2face.mesh import FaceRig, frontal, load_fields
from train.synthetic.people import FaceShape

EYES = ((33, 133), (362, 263))
"""Corners of the right and the left eye."""
_EYE_ZONE = (0.09, 0.21)
"""Distances from an eye within which it is enlarged as a whole, and from which nothing is."""
_APERTURE_REACH, _NOSE_REACH, _CORNER_REACH, _BROW_REACH = 0.055, 0.07, 0.06, 0.06
_MOUTH_ZONE = (0.15, 0.3)
"""Standard deviations of the zones that other changes fade out in; around the mouth as around an eye."""
_NOSE_TOP, _JAW_TOP, _CHIN_TOP = 9, 0.0, 0.42


def rig_of(shape: FaceShape) -> FaceRig:
    """The face that speaks, its height about 1."""
    return FaceRig.of(shaped(_canonical(), shape), _fields())


def shaped(mesh: np.ndarray, shape: FaceShape) -> np.ndarray:
    """`[468, 3]` changed as `shape` says; symmetric if it was."""
    face = mesh.copy()
    face += sum(_opened(mesh, mesh[list(corners)].mean(0), shape) - mesh for corners in EYES)
    _enlarge(face, _near(mesh, mesh[4], _NOSE_REACH), mesh[4], (shape.nose_width, shape.nose_length, shape.nose_length))
    mouth = mesh[[lm.MOUTH_LEFT, lm.MOUTH_RIGHT]].mean(0)
    width = shape.mouth_width / np.ptp(mesh[[lm.MOUTH_LEFT, lm.MOUTH_RIGHT], 0])
    _enlarge(face, _zone(mesh, mouth, _MOUTH_ZONE), mouth, (width, 1.0, 1.0))
    thicker = _near(mesh, mesh[[lm.LIP_UPPER, lm.LIP_LOWER]].mean(0) * (1, 1, 0.9), _CORNER_REACH * 1.4)
    face[:, 1] += thicker * (shape.lips - 1) * (face[:, 1] - mouth[1])
    face += sum(_side(face, side, shape) for side in (-1, 1))
    jaw = smoothstep(face[:, 1], _JAW_TOP, 0.55)
    face[:, 0] *= shape.width * (1 + (shape.jaw - 1) * jaw)
    face[:, 1] += (shape.chin - 1) * 0.3 * smoothstep(face[:, 1], _CHIN_TOP, 0.62)
    return face


@cache
def _canonical() -> np.ndarray:
    with np.load(CANONICAL_FACE) as stored:
        face = frontal(stored["vertices"] * [1, -1, -1])
    return face / (face[lm.CHIN, 1] - face[lm.FOREHEAD, 1])


@cache
def _fields(folder: Path = ASSETS) -> dict[str, np.ndarray]:
    return load_fields(folder)


def _near(mesh: np.ndarray, centre: np.ndarray, reach: float) -> np.ndarray:
    """`[468]`: 1 at a centre, fading with the distance from it."""
    return np.exp(-np.square(mesh - centre).sum(1) / (2 * reach**2))


def _zone(mesh: np.ndarray, centre: np.ndarray, zone: tuple[float, float]) -> np.ndarray:
    """`[468]`: 1 nearer to a centre in the picture than the first distance, 0 farther than the second."""
    return 1 - smoothstep(np.hypot(*(mesh - centre)[:, :2].T), *zone)


def _opened(mesh: np.ndarray, centre: np.ndarray, shape: FaceShape) -> np.ndarray:
    """The mesh with an eye enlarged as a whole, then its lids opened."""
    face, zone = mesh.copy(), _zone(mesh, centre, _EYE_ZONE)
    _enlarge(face, zone, centre, (shape.eyes, shape.eyes, 1.0))
    height = face[:, 1] - centre[1]
    _enlarge(face, np.exp(-0.5 * (height / _APERTURE_REACH) ** 2) * zone, centre, (1.0, shape.eye_height, 1.0))
    return face


def _side(face: np.ndarray, side: int, shape: FaceShape) -> np.ndarray:
    """`[468, 3]`: by what smile, brow and the eye's place and tilt move one side: -1 the person's right, 1 the left."""
    corner, corners, brow = (lm.MOUTH_LEFT, EYES[0], 105) if side < 0 else (lm.MOUTH_RIGHT, EYES[1], 334)
    eye = face[list(corners)].mean(0)
    zone, moved = _zone(face, eye, _EYE_ZONE), np.zeros_like(face)
    moved[:, 0] = zone * shape.eye_spacing * side
    moved[:, 1] -= shape.smile * _near(face, face[corner], _CORNER_REACH)
    moved[:, 1] -= shape.brow_lift * _near(face, face[brow], _BROW_REACH)
    moved[:, 1] -= zone * np.sin(np.radians(shape.eye_tilt)) * side * (face[:, 0] - eye[0])
    return moved


def _enlarge(mesh: np.ndarray, weight: np.ndarray, centre: np.ndarray, factors: tuple[float, float, float]) -> None:
    """Scale x, y, z about a centre by weights `[468]`, in place."""
    mesh += weight[:, None] * (np.array(factors) - 1) * (mesh - centre)
