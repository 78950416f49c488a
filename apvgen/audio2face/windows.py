"""Long sequences through models that take short ones: overlapping windows, faded into each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil

import numpy as np


def cover(total: int, longest: int, overlap: int) -> list[range]:
    """Windows that cover entries 0 to `total`, each sharing `overlap` entries with the next.

    All have nearly the same length, at most `longest`, so that no last one is too short to be understood.
    `longest` must be at least three times `overlap`.
    """
    count = max(1, ceil((total - overlap) / (longest - overlap)))
    starts = [(total - overlap) * n // count for n in range(count + 1)]
    return [range(start, following + overlap) for start, following in pairwise(starts)]


def crossfade(
    windows: Sequence[range], overlap: int, compute: Callable[[range], np.ndarray], count: int, step: Fraction
) -> np.ndarray:
    """float32 `[count, ...]`: the sequence that `compute` gives window by window, sampled at 0, step, 2 step, ...

    windows: of `cover`. compute: a window -> `[len(window), ...]`. step: in entries; between entries, a cubic spline.
    Only the result and one window are held at a time.
    """
    result = np.zeros(0, np.float32)
    for window in windows:
        inside = range(ceil(window.start / step), min(count, (window.stop - 1) // step + 1))
        places = np.arange(inside.start, inside.stop) * step.numerator / step.denominator - window.start
        part = sampled(compute(window), places)
        if not len(result):
            result = np.zeros((count, *part.shape[1:]), np.float32)
        weight = _fade(places, window, overlap, windows[-1].stop)
        result[inside.start : inside.stop] += weight.reshape(-1, *[1] * (part.ndim - 1)) * part
    return result


def sampled(sequence: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`[len(places), ...]`: `sequence` `[N, ...]` at `places` in [0, N - 1], itself at whole ones."""
    from scipy.interpolate import CubicSpline

    whole = places.astype(int)
    if np.array_equal(whole, places):
        return sequence[whole]
    return CubicSpline(np.arange(len(sequence)), sequence)(places)


def _fade(places: np.ndarray, window: range, overlap: int, total: int) -> np.ndarray:
    """Weights that rise over the window's first `overlap` entries as those of the window before it fall."""
    rise, fall = (np.ones(len(places)) for _ in range(2))
    if window.start > 0:
        rise = places / (overlap - 1)
    if window.stop < total:
        fall = (len(window) - 1 - places) / (overlap - 1)
    return np.sin(np.pi / 2 * np.minimum(rise, fall).clip(0, 1)) ** 2
