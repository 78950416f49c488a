"""Voice -> talking face. One protocol, so that every voice model stands in for every other."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np

from apvgen.errors import InputError
from apvgen.types import Audio, VoiceFace


class Audio2Face(Protocol):
    """A voice model. `name` and `version` identify it in projects and caches."""

    name: str
    version: str

    def animate(self, audio: Audio, face: np.ndarray, fps: Fraction, frames: int, seed: int) -> VoiceFace:
        """The face of a person saying `audio`, exactly `frames` frames at `fps`.

        face: float32 `[468 or 478, 3]`, the reference person's mesh: x right, y down in pixels, depth in the same unit.
        Frames past the end of the sound show a resting mouth. The same seed gives the same bytes.
        """
        ...


def load_voice_model(name: str = "builtin") -> Audio2Face:
    """The voice model of that name. Raises InputError for an unknown one, MissingModelError when a file is absent."""
    if name != "builtin":
        raise InputError(f"there is no voice model named {name!r}: choose builtin")
    from apvgen.audio2face.builtin import BuiltinVoice

    return BuiltinVoice()
