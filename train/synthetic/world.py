"""Clips of the world: close-ups who talk, dancers, and for evaluation dancers who talk; portraits of anybody.

Clip k of a seed and split is the same on every run and machine, whatever was drawn before it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np

from apvgen.types import HW, Reference
from train.examples import Clip
from train.outpaint import Classical, paint
from train.synthetic.people import Person, Split
from train.synthetic.shots import FPS, Scene, Shot, shot, still
from train.synthetic.surround import TrueSurround

Outpainting = Literal["classical", "truth"]
"""What is around a close-up: its edges' colours drawn outwards, or the person seen whole, as of an ideal painter."""


def clip_key(scene: Scene, split: Split, seed: int, index: int) -> str:
    """The name of a clip."""
    return f"{scene}-{split}-{seed}-{index:06d}"


def face_clip(
    seed: int,
    index: int,
    hw: HW,
    frames: int,
    fps: Fraction = FPS,
    split: Split = "train",
    outpainting: Outpainting = "classical",
) -> Clip:
    """A close-up of somebody who talks and hardly moves, with the voice and a painted surround."""
    made = shot("face", seed, index, hw, frames, fps, split)
    pictures, _ = made.frames()
    surround = paint(pictures[0], Classical() if outpainting == "classical" else TrueSurround(made))
    facts = _facts(made, seed, index, split) | surround.facts
    key = clip_key("face", split, seed, index)
    return Clip(key, "face", pictures, made.motion, made.voice, surround.image, 0, facts)


def body_clip(seed: int, index: int, hw: HW, frames: int, fps: Fraction = FPS, split: Split = "train") -> Clip:
    """Somebody who dances, whole and silent, with little detail in the face."""
    made = shot("body", seed, index, hw, frames, fps, split)
    key = clip_key("body", split, seed, index)
    return Clip(key, "body", made.frames()[0], made.motion, facts=_facts(made, seed, index, split))


def speaking_dancer(seed: int, index: int, hw: HW, frames: int, fps: Fraction = FPS, split: Split = "held_out") -> Clip:
    """Somebody who dances and talks, the face in full detail: what a model trained on the two others should render."""
    made = shot("speaking_dancer", seed, index, hw, frames, fps, split)
    key = clip_key("speaking_dancer", split, seed, index)
    return Clip(key, "body", made.frames()[0], made.motion, made.voice, facts=_facts(made, seed, index, split))


def portrait(who: Person, hw: HW) -> Reference:
    """A neutral full-body picture of anybody (`people.person(number)`), with its keypoints and exact mask."""
    made = still(who, hw)
    (image,), (mask,) = made.frames()
    return Reference(image, made.motion, mask.astype(np.float32) / 255)


def _facts(made: Shot, seed: int, index: int, split: Split) -> dict:
    """JSON values. opening: distance between the inner lips in face heights, a frame each; mouth: articulation
    (`apvgen.audio2face.articulation.CHANNELS`), a frame each."""
    who = made.figure.person
    return {
        "source": "train.synthetic",
        "split": split,
        "seed": seed,
        "index": index,
        "person": who.number,
        "colours": {part: list(colour) for part, colour in who.colours.items()},
        "opening": np.round(made.opening, 4).tolist(),
        "mouth": np.round(made.mouth.astype(float), 4).tolist(),
    }
