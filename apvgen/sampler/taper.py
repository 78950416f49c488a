"""Overlapping ranges that cover a length, and shares that fade from one range into the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

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
    """How much each range counts at each of its places: float32 `[len(range)]` in (0, 1], at every place one in sum.

    ranges: in order, covering 0..length. Each fades in linearly over what it shares with those before it, which fade
    out by as much. (Weights divided by their sum would jump where a range that was moved back meets two others.)
    """
    common = [before.stop - part.start for before, part in pairwise(ranges)]
    left = np.ones(length)
    shares = []
    for part, shared in zip(reversed(ranges), [*reversed(common), 0], strict=True):
        fade = np.minimum(np.arange(1, len(part) + 1) / (shared + 1), 1)
        shares.append((fade * left[part.start : part.stop]).astype(np.float32))
        left[part.start : part.stop] *= 1 - fade
    return tuple(reversed(shares))
