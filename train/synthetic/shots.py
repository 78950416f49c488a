"""Who is filmed doing what from where: close-ups who talk, dancers, dancers who talk, and stills."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from apvgen.audio2face import expression
from apvgen.audio2face.mesh import lip_gap
from apvgen.types import HW, Audio, Motion
from train.synthetic.dance import dance
from train.synthetic.draw import picture
from train.synthetic.draw.room import room
from train.synthetic.face import Expression, neutral, silent, talking
from train.synthetic.figure import Camera, Figure, figure
from train.synthetic.moves import Moves, standing
from train.synthetic.people import Person, Split, somebody
from train.synthetic.skeleton import NECK, leg_length
from train.synthetic.speech import Speech, speak

Scene = Literal["face", "body", "speaking_dancer"]
FPS = Fraction(25)
SPLITS: dict[Split, int] = {"train": 0, "held_out": 1}
_SCENES: dict[Scene, int] = {"face": 1, "body": 2, "speaking_dancer": 3}
_NUMBERS: dict[Scene, slice] = {"face": slice(0, None, 2), "body": slice(1, None, 2), "speaking_dancer": slice(None)}
"""People with even numbers are only filmed close up, those with odd ones only from afar."""
_STATURE_OF_HEIGHT, _STATURE_OF_WIDTH = (0.88, 0.94), 1.42
"""Stature in shares of the picture's height, and at most of its width."""
_FLOOR = 0.955
_FACE_OF_CLOSE_UP = (0.5, 0.6)
"""Height of the face in shares of a close-up's shorter side."""
_FACE_MIDDLE = -0.336
"""Of the mesh, from where the head turns, in face heights down."""
_NODS = np.array([6.0, 3.0, 2.5])
"""Deviation of a talking head's yaw, pitch and roll in degrees."""
_NOD_PERIOD = 0.9


@dataclass(frozen=True)
class Shot:
    """A clip before it is drawn.

    background: see `draw.room`. coarse_face: little detail in the face. mouth: articulation `[T, len(CHANNELS)]`.
    """

    figure: Figure
    background: np.ndarray
    coarse_face: bool
    mouth: np.ndarray
    voice: Audio | None = None

    def frames(self) -> tuple[np.ndarray, np.ndarray]:
        """RGB uint8 `[T, H, W, 3]` and exact masks uint8 `[T, H, W]`, 255 on the person."""
        drawn = list(picture.frames(self.figure, self.background, self.coarse_face))
        return np.stack([frame for frame, _ in drawn]), np.stack([mask for _, mask in drawn])

    @property
    def motion(self) -> Motion:
        """The exact keypoints."""
        return self.figure.motion()

    @property
    def opening(self) -> np.ndarray:
        """`[T]`: distance between the inner lips in face heights."""
        return lip_gap(self.figure.face.mesh)


def shot(scene: Scene, seed: int, index: int, hw: HW, frames: int, fps: Fraction = FPS, split: Split = "train") -> Shot:
    """Shot `index` of a seed: a `face` close-up, a dancing `body`, or a `speaking_dancer`."""
    rng = np.random.default_rng([seed, index, _SCENES[scene], SPLITS[split]])
    who = somebody(split, rng, _NUMBERS[scene])
    if scene == "face":
        speech = speak(rng, frames, fps, split)
        return _close_up(who, speech, hw, fps, rng)
    moves, camera = dance(rng, frames, fps), _afar(hw, rng)
    if scene == "body":
        return _dancer(who, moves, silent(frames, fps, rng), camera, hw, fps, rng)
    speech = speak(rng, frames, fps, split)
    made = _dancer(who, moves, talking(speech, fps, rng), camera, hw, fps, rng)
    return replace(made, coarse_face=False, voice=speech.audio)


def still(who: Person, hw: HW) -> Shot:
    """One frame of somebody who stands: frontal, arms slightly away from the body, mouth shut, in full detail."""
    camera = Camera(_stature(hw, float(np.mean(_STATURE_OF_HEIGHT))), (hw[1] / 2 - 0.5, _FLOOR * hw[0]))
    rng = np.random.default_rng(who.number)
    return replace(_dancer(who, standing(1), neutral(), camera, hw, FPS, rng), coarse_face=False)


def _afar(hw: HW, rng: np.random.Generator) -> Camera:
    scale = _stature(hw, rng.uniform(*_STATURE_OF_HEIGHT))
    return Camera(scale, (hw[1] * (0.5 + rng.uniform(-0.05, 0.05)), hw[0] * (_FLOOR + rng.uniform(-0.015, 0.01))))


def _stature(hw: HW, share: float) -> float:
    return share * min(hw[0], _STATURE_OF_WIDTH * hw[1])


def _dancer(
    who: Person, moves: Moves, shown: Expression, camera: Camera, hw: HW, fps: Fraction, rng: np.random.Generator
) -> Shot:
    made = figure(who, moves, shown, camera, hw, fps)
    horizon = camera.floor[1] - 0.1 * hw[0]
    return Shot(made, room(who, hw, horizon, rng), True, shown.mouth)


def _close_up(who: Person, speech: Speech, hw: HW, fps: Fraction, rng: np.random.Generator) -> Shot:
    frames = len(speech.mouth)
    seconds = frames / float(fps)
    moves = standing(frames)
    sway = [expression.wander(seconds, _NOD_PERIOD, frames, rng) for _ in range(4)]
    head = np.stack(sway[:3], -1) * _NODS
    hips_at = np.stack([0.004 * sway[3], np.zeros(frames), np.zeros(frames)], -1)
    moves = replace(moves, head=head, chest=0.15 * head, hips_at=hips_at)
    shown = talking(speech, fps, rng)
    scale = rng.uniform(*_FACE_OF_CLOSE_UP) * min(hw) / who.build.face
    up = leg_length(who.build) + who.build.torso + NECK - _FACE_MIDDLE * who.build.face
    middle = np.array(hw[::-1]) * rng.uniform([0.47, 0.51], [0.53, 0.57])
    camera = Camera(scale, (float(middle[0]), float(middle[1] + up * scale)))
    made = figure(who, moves, shown, camera, hw, fps)
    return Shot(made, room(who, hw, 2 * hw[0], rng), False, shown.mouth, speech.audio)
