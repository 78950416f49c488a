"""Voice -> talking face. One protocol, so that every voice model stands in for every other."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
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


def load_voice_model(
    name: str = "builtin", folder: Path | None = None, device: str = "cpu", isolate_vocals: bool = False
) -> Audio2Face:
    """The voice model of that name, builtin or aniportrait.

    folder: of aniportrait's weights; by default `aniportrait` in the checkpoints folder. device: for its networks;
    the built-in model needs the CPU alone. isolate_vocals: take the voice out of music and noise first (needs Demucs).
    Raises InputError for an unknown name, MissingModelError when a file or package is absent.
    """
    voice = _named(name, folder, device)
    if not isolate_vocals:
        return voice
    from apvgen.audio2face.vocals import with_vocals_only

    return with_vocals_only(voice, device)


def _named(name: str, folder: Path | None, device: str) -> Audio2Face:
    if name == "builtin":
        from apvgen.audio2face.builtin import BuiltinVoice

        return BuiltinVoice()
    if name == "aniportrait":
        from apvgen.audio2face.aniportrait import load_aniportrait
        from apvgen.model.checkpoint import checkpoints_folder

        return load_aniportrait(folder or checkpoints_folder() / name, device)
    raise InputError(f"there is no voice model named {name!r}: choose builtin or aniportrait")
