"""Overlapping ranges that cover a length, and shares that fade from one range into the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def full_ranges(length: int, size: int, overlap: int) -> tuple[range, ...]:
    """Ranges of exactly `size` over 0..length, `overlap` in common; the last one is moved back to fit."""
    starts = range(0, max(length - overlap, 1), size - overlap)
    return tuple(range(start, start + size) for start in (min(start, length - size) for start in starts))


def cut_ranges(length: int, size: int, overlap: int) -> tuple[range, ...]:
    """Ranges of at most `size` over 0..length, `overlap` in common; the last one is cut where the length ends."""
    starts = range(0, max(length - overlap, 1), size - overlap)
    return tuple(range(start, min(start + size, length)) for start in starts)


def tapered_shares(ranges: Sequence[range], length: int) -> tuple[np.ndarray, ...]:
    """How much each range counts at each of its places: float32 `[len(range)]` in (0, 1].

    A range's weight falls linearly towards its ends; divided by the sum over all ranges, two neighbours crossfade over
    exactly what they share, and the shares at every place sum to one.
    """
    weights = [np.minimum(np.arange(1, len(part) + 1), np.arange(len(part), 0, -1)) for part in ranges]
    total = np.zeros(length)
    for part, weight in zip(ranges, weights, strict=True):
        total[part.start : part.stop] += weight
    return tuple(
        (weight / total[part.start : part.stop]).astype(np.float32)
        for part, weight in zip(ranges, weights, strict=True)
    )
