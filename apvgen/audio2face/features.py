"""Sound -> log-mel frames that do not depend on its sampling rate, channels or recording level."""

from __future__ import annotations

from functools import cache

import numpy as np

from apvgen.errors import InputError
from apvgen.types import Audio

SAMPLE_RATE = 16000
HOP = 160
"""Samples between frames: 100 frames a second, frame k centred on k / 100 s."""
BANDS = 40
_WINDOW, _FFT = 400, 512
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7600.0
_CHUNK_FRAMES = 4096
_CHUNK_SECONDS = 20

_LEVEL_BAND_HZ = (150.0, 3400.0)
"""The level is measured where a telephone line carries it too."""
_LEVEL_BLOCK, _LEVEL_REACH, _LEVEL_PERCENTILE = 100, 4, 90
"""Frames a block, blocks to either side, and the percentile within a block that counts as its level."""
_QUIETEST_LEVEL_DB = -62.0
"""A recording below this level is taken for silence instead of being raised to the level of speech."""
_FLOOR_DB, _SCALE_DB = -36.0, 20.0
"""What lies 36 dB below the speech is room and recorder, in which real and synthetic voices differ most."""
SILENCE = _FLOOR_DB / _SCALE_DB
"""The value of every band in silence."""


def log_mel(audio: Audio) -> np.ndarray:
    """float32 `[1 + duration * 100, BANDS]` in about [-1.8, 1]: band level over the local speech level, 1 unit = 20 dB.

    Works in chunks: beside the result (16 kB a second) and the sound at 16 kHz it needs a few megabytes at any length.
    Raises InputError for sound with numbers that are not finite.
    """
    return normalise_level(mel_power_db(to_model_rate(audio)))


def to_model_rate(audio: Audio) -> np.ndarray:
    """float32 `[N]`: the mean of the channels at SAMPLE_RATE."""
    import soxr

    if audio.rate == SAMPLE_RATE:
        return _finite(audio.mono)
    stream = soxr.ResampleStream(audio.rate, SAMPLE_RATE, 1, dtype="float32")
    count, step = audio.samples.shape[1], audio.rate * _CHUNK_SECONDS
    chunks = [
        stream.resample_chunk(_finite(audio.samples[:, start : start + step].mean(0)), last=start + step >= count)
        for start in range(0, count, step)
    ]
    return np.concatenate([*chunks, np.zeros(0, np.float32)])


def mel_power_db(samples: np.ndarray) -> np.ndarray:
    """float32 `[1 + N // HOP, BANDS]`: power density of each band in dB; 0 dB = white noise of unit variance."""
    padded = np.pad(samples, (_WINDOW // 2, _WINDOW // 2 + HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP][: 1 + len(samples) // HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    bank = mel_filterbank().T / np.square(window).sum()
    chunks = (frames[start : start + _CHUNK_FRAMES] * window for start in range(0, len(frames), _CHUNK_FRAMES))
    power = [np.square(np.abs(np.fft.rfft(chunk, _FFT))) @ bank for chunk in chunks]
    return (10 * np.log10(np.concatenate(power) + 1e-12)).astype(np.float32)


def normalise_level(power_db: np.ndarray) -> np.ndarray:
    """Band levels in dB -> network input: relative to the loud frames of the surrounding seconds, floored, scaled."""
    relative = power_db - speech_level_db(power_db)[:, None]
    return (np.maximum(relative, _FLOOR_DB) / _SCALE_DB).astype(np.float32)


def speech_level_db(power_db: np.ndarray) -> np.ndarray:
    """`[T]`: level in dB of the loud frames within about 4 s of each frame, never below that of a quiet room."""
    centres = band_centres()
    inside = (centres >= _LEVEL_BAND_HZ[0]) & (centres <= _LEVEL_BAND_HZ[1])
    frame_level = 10 * np.log10(np.mean(10 ** (power_db[:, inside] / 10), axis=1) + 1e-12)
    blocks = np.pad(frame_level, (0, -len(frame_level) % _LEVEL_BLOCK), mode="edge").reshape(-1, _LEVEL_BLOCK)
    level = np.pad(np.percentile(blocks, _LEVEL_PERCENTILE, axis=1), _LEVEL_REACH, mode="edge")
    reached = np.lib.stride_tricks.sliding_window_view(level, 2 * _LEVEL_REACH + 1).max(1)
    middles = (np.arange(len(reached)) + 0.5) * _LEVEL_BLOCK
    return np.maximum(np.interp(np.arange(len(frame_level)), middles, reached), _QUIETEST_LEVEL_DB)


def _mel_edges() -> np.ndarray:
    """`[BANDS + 2]` Hz, evenly spaced on the mel scale 2595 log10(1 + f / 700) (O'Shaughnessy 1987)."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (_LOWEST_HZ, _HIGHEST_HZ))
    return 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)


def band_centres() -> np.ndarray:
    """`[BANDS]`: the frequency in Hz at which each band weighs most."""
    return _mel_edges()[1:-1]


@cache
def mel_filterbank() -> np.ndarray:
    """float32 `[BANDS, _FFT // 2 + 1]`: triangles over the FFT bins, each summing to 1."""
    edges = _mel_edges()
    bins = np.arange(_FFT // 2 + 1) * SAMPLE_RATE / _FFT
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.minimum(rising, falling).clip(0)
    return (triangles / triangles.sum(1, keepdims=True)).astype(np.float32)


def _finite(samples: np.ndarray) -> np.ndarray:
    if not np.isfinite(samples).all():
        raise InputError("the voice holds samples that are not numbers (NaN or infinite): export it again as WAV")
    return samples
