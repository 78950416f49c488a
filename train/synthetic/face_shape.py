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
_EYE_REACH, _NOSE_REACH, _MOUTH_REACH, _CORNER_REACH, _BROW_REACH = 0.085, 0.07, 0.13, 0.06, 0.06
"""Standard deviations of the zones that a change fades out in."""
_NOSE_TOP, _JAW_TOP, _CHIN_TOP = 9, 0.0, 0.42


def rig_of(shape: FaceShape) -> FaceRig:
    """The face that speaks, its height about 1."""
    return FaceRig.of(shaped(_canonical(), shape), _fields())


def shaped(mesh: np.ndarray, shape: FaceShape) -> np.ndarray:
    """`[468, 3]` changed as `shape` says; symmetric if it was."""
    face = mesh.copy()
    for corners in EYES:
        _enlarge(face, mesh[list(corners)].mean(0), _EYE_REACH, (shape.eyes, shape.eyes * shape.eye_height, 1.0))
    _enlarge(face, mesh[4], _NOSE_REACH, (shape.nose_width, shape.nose_length, shape.nose_length))
    mouth = mesh[[lm.MOUTH_LEFT, lm.MOUTH_RIGHT]].mean(0)
    _enlarge(face, mouth, _MOUTH_REACH, (shape.mouth_width, 1.0, 1.0))
    thicker = _near(mesh, mesh[[lm.LIP_UPPER, lm.LIP_LOWER]].mean(0) * (1, 1, 0.9), _CORNER_REACH * 1.4)
    face[:, 1] += thicker * (shape.lips - 1) * (face[:, 1] - mouth[1])
    for side, (corner, eye, brow) in enumerate(((lm.MOUTH_LEFT, EYES[0], 105), (lm.MOUTH_RIGHT, EYES[1], 334))):
        sign = 2 * side - 1
        face[:, 1] -= shape.smile * _near(face, face[corner], _CORNER_REACH)
        face[:, 1] -= shape.brow_lift * _near(face, face[brow], _BROW_REACH)
        zone = _near(face, face[list(eye)].mean(0), _EYE_REACH * 1.3)
        offset = face - face[list(eye)].mean(0)
        face[:, 1] -= zone * np.sin(np.radians(shape.eye_tilt)) * sign * offset[:, 0]
        face[:, 0] += zone * shape.eye_spacing * sign
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


def _enlarge(mesh: np.ndarray, centre: np.ndarray, reach: float, factors: tuple[float, float, float]) -> None:
    """Scale x, y, z about a centre, in place, fading out around it."""
    weight = _near(mesh, centre, reach)[:, None]
    mesh += weight * (np.array(factors) - 1) * (mesh - centre)
