"""Speed and memory of the built-in voice model, on one thread."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from statistics import median

import numpy as np

from apvgen.audio2face import load_voice_model
from apvgen.types import Audio

_SECONDS, _LONG_SECONDS = 60, 600
_FPS = Fraction(25)
_RATE = 48000
_REPEATS = 5


def run() -> dict[str, float]:
    """Seconds to load, seconds of 48 kHz stereo animated in a second, memory that 10 minutes take, result included."""
    import torch

    torch.set_num_threads(1)
    loading = [_timed(load_voice_model) for _ in range(_REPEATS)]
    short, long = _speechlike(_SECONDS), _speechlike(_LONG_SECONDS)
    speed = median(_SECONDS / _timed(_animate, short) for _ in range(_REPEATS))
    return {
        "voice_model_load_s": median(loading),
        "voice_1min_x_realtime": speed,
        "voice_10min_x_realtime": _LONG_SECONDS / _timed(_animate, long),
        "voice_10min_peak_mb": _peak_mb(_animate, long),
    }


def _animate(audio: Audio) -> None:
    load_voice_model().animate(audio, _round_face(), _FPS, int(audio.duration * _FPS), seed=0)


def _speechlike(seconds: int) -> Audio:
    noise = np.random.default_rng(0).standard_normal((2, seconds * _RATE), dtype=np.float32)
    noise *= 0.1 * (1 + np.sin(np.arange(seconds * _RATE, dtype=np.float32) * (2 * np.pi * 4 / _RATE)))
    return Audio(noise, _RATE)


def _round_face() -> np.ndarray:
    """float32 `[468, 3]`: points on a ball; speed does not depend on the shape."""
    points = np.random.default_rng(1).standard_normal((468, 3))
    return (100 * points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def _timed(work: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def _peak_mb(work: Callable[..., object], *arguments: object) -> float:
    tracemalloc.start()
    work(*arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20
