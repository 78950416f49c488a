"""Taking a voice out of music and noise before a voice model hears it, with Demucs (an optional package)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Protocol

import numpy as np

from apvgen.audio2face.windows import cover, crossfade
from apvgen.errors import MissingModelError
from apvgen.types import Audio, VoiceFace

if TYPE_CHECKING:
    import torch

    from apvgen.audio2face import Audio2Face

MODEL = "hf://htdemucs"
"""Hybrid Transformer Demucs (Rouard et al. 2023), as safetensors from the model hub on first use."""
_STEM = "vocals"
_BLOCK, _OVERLAP = 60, 4
"""Seconds: what is separated at once, so that memory does not grow with the length, and how blocks overlap."""


class Separator(Protocol):
    """What is used of `demucs.api.Separator`."""

    samplerate: int
    audio_channels: int

    def separate_tensor(self, wav: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]: ...


class VocalsFirst:
    """An `Audio2Face` that hears only the voice in the sound."""

    def __init__(self, voice: Audio2Face, separator: Separator, version: str) -> None:
        """version: of the separator and its weights."""
        self._voice, self._separator = voice, separator
        self.name, self.version = voice.name, f"{voice.version} after {version}"

    def animate(self, audio: Audio, face: np.ndarray, fps: Fraction, frames: int, seed: int) -> VoiceFace:
        """As the voice model within does, for the voice in `audio` alone."""
        return self._voice.animate(isolated(audio, self._separator), face, fps, frames, seed)


def with_vocals_only(voice: Audio2Face, device: str = "cpu", model: str = MODEL) -> VocalsFirst:
    """`voice` behind a separator.

    Raises MissingModelError when the package is absent, or its weights are and cannot be fetched.
    """
    try:
        from demucs import __version__
        from demucs.api import Separator as Demucs
    except ImportError as error:
        raise MissingModelError(
            f'isolating the voice needs the package demucs ({error}): run pip install "demucs>=4.1", or leave it off'
        ) from error
    try:
        # Random shifts would give other bytes on every run.
        separator = Demucs(model, device=device, shifts=0)
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise MissingModelError(
            f"the weights {model} for isolating the voice cannot be loaded ({reason}): go online for the first use, "
            "or leave it off"
        ) from error
    return VocalsFirst(voice, separator, f"demucs {__version__} {model}")


def isolated(audio: Audio, separator: Separator) -> Audio:
    """The voice in `audio`: one channel, as long as the sound, at the separator's rate."""
    rate = separator.samplerate
    seconds = cover(ceil(audio.duration), _BLOCK, _OVERLAP)
    windows = [range(window.start * rate, window.stop * rate) for window in seconds]

    def of_window(window: range) -> np.ndarray:
        return _voice_in(_block(audio, window.start // rate, window.stop // rate), separator)

    count = int(audio.duration * rate)
    if not count:
        return Audio(np.zeros((1, 0), np.float32), rate)
    return Audio(crossfade(windows, _OVERLAP * rate, of_window, count, Fraction(1))[None], rate)


def _block(audio: Audio, start: int, stop: int) -> Audio:
    """From second `start` to `stop`, with silence where the sound has ended."""
    samples = audio.samples[:, start * audio.rate : stop * audio.rate]
    missing = (stop - start) * audio.rate - samples.shape[1]
    return Audio(np.pad(samples, ((0, 0), (0, missing))), audio.rate)


def _voice_in(block: Audio, separator: Separator) -> np.ndarray:
    """float32 `[N]` at the separator's rate."""
    import soxr
    import torch

    same = block.samples.shape[0] == separator.audio_channels
    channels = block.samples if same else np.repeat(block.mono[None], separator.audio_channels, 0)
    heard = soxr.resample(channels.T, block.rate, separator.samplerate).T
    stems = separator.separate_tensor(torch.from_numpy(np.ascontiguousarray(heard)))[1]
    return stems[_STEM].mean(0).cpu().numpy()
