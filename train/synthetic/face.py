"""The face over time: the person's own mesh speaking, blinking, looking about."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from apvgen.audio2face import expression
from apvgen.audio2face import landmarks as lm
from apvgen.audio2face.articulation import CHANNELS, FRAME_RATE
from apvgen.audio2face.mesh import FaceRig
from train.synthetic.face_shape import EYES, rig_of
from train.synthetic.people import FaceShape
from train.synthetic.speech import Speech

IRIS = 0.3
"""Radius in widths of the eye."""
_GAZE_EVERY, _GAZE_SWING = 0.9, np.array([0.1, 0.05])
"""Seconds between glances, and their deviation in widths of the eye."""
_SKULL_BASE = np.array([0.0, 0.46, 0.2])
"""Where the head turns on the neck, in face heights from the mesh's origin."""
_EAR_OUT, _EAR_BACK = 1.03, 0.1


@dataclass(frozen=True)
class Expression:
    """What a face does besides turning: articulation `[T, len(CHANNELS)]`, closure of the lids and lift of the brows
    `[T]`, gaze `[T, 2]` in widths of the eye."""

    mouth: np.ndarray
    lids: np.ndarray
    brows: np.ndarray
    gaze: np.ndarray


@dataclass(frozen=True)
class Face:
    """mesh: float64 `[T, 478, 3]`, upright, in face heights from where the head turns; ears: `[2, 3]`, right first.

    rest: float64 `[468, 3]`, the mesh with the mouth shut.
    """

    mesh: np.ndarray
    rest: np.ndarray
    ears: np.ndarray
    iris: float


def talking(speech: Speech, fps: Fraction, rng: np.random.Generator) -> Expression:
    """The face of somebody who says `speech`."""
    frames = len(speech.mouth)
    times = np.arange(frames) / float(fps)
    brows = expression.brows(20 * np.log10(speech.loudness + 1e-3) / 20, FRAME_RATE, rng)
    brows = np.interp(times * FRAME_RATE, np.arange(len(brows)), brows)
    return Expression(speech.mouth, expression.blinks(times, speech.pauses, rng), brows, _glances(times, rng))


def silent(frames: int, fps: Fraction, rng: np.random.Generator) -> Expression:
    """The face of somebody who listens to music: mouth shut, neutral or with a slight smile."""
    times = np.arange(frames) / float(fps)
    mouth = np.zeros((frames, len(CHANNELS)))
    mouth[:, CHANNELS.index("spread")] = max(0.0, rng.uniform(-0.3, 0.5))
    brows = 0.3 * expression.wander(frames / float(fps), 1.5, frames, rng)
    return Expression(mouth, expression.blinks(times, np.zeros(0), rng), brows, _glances(times, rng))


def neutral() -> Expression:
    """One frame, mouth shut, eyes on the camera."""
    return Expression(np.zeros((1, len(CHANNELS))), np.zeros(1), np.zeros(1), np.zeros((1, 2)))


def face_of(shape: FaceShape, shown: Expression) -> Face:
    """The face of that shape showing an expression."""
    rig = rig_of(shape)
    moved = rig.raise_brows(rig.close_lids(rig.articulate(shown.mouth), shown.lids), shown.brows)
    irises, radius = _irises(rig, shown.gaze)
    mesh = np.concatenate([moved, irises], 1)
    ears = rig.rest[[[127, 234], [356, 454]]].mean(1) * [_EAR_OUT, 1, 1] + [0, 0, _EAR_BACK]
    return Face(mesh - _SKULL_BASE, rig.rest - _SKULL_BASE, ears - _SKULL_BASE, radius)


def _irises(rig: FaceRig, gaze: np.ndarray) -> tuple[np.ndarray, float]:
    """`[T, 10, 3]`: centre, left, top, right and bottom of both irises as MediaPipe orders them; and their radius."""
    points = []
    widths = [np.ptp(rig.rest[list(corners), 0]) for corners in EYES]
    radius = IRIS * float(np.mean(widths))
    for side, (corners, width) in enumerate(zip(EYES, widths, strict=True)):
        lids = np.concatenate([lm.UPPER_LIDS[side * 7 : side * 7 + 7], lm.LOWER_LIDS[side * 7 : side * 7 + 7]])
        middle = (rig.rest[lids].mean(0) + rig.rest[list(corners)].mean(0)) / 2
        centre = np.repeat(middle[None], len(gaze), 0)
        centre[:, :2] += gaze * width
        around = radius * np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]])
        points.append(centre[:, None] + around)
    return np.concatenate(points, 1), radius


def _glances(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`[T, 2]`: quick moves between places that are looked at for a while."""
    count = int(times[-1] / _GAZE_EVERY) + 3
    moments = np.cumsum(rng.exponential(_GAZE_EVERY, count))
    places = rng.normal(size=(count + 1, 2)) * _GAZE_SWING
    return places[np.searchsorted(moments, times)]
