"""Which clip comes when: one endless stream, whose order depends on the seed alone.

Rank r of n takes the positions p = r (mod n) (`train.batches`), so nothing is seen twice or left out, and a run that
goes on from position p sees what it would have seen.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np


class Stream:
    """The order of `clips` clips, a fresh permutation in every pass."""

    def __init__(self, clips: int, seed: int) -> None:
        self._clips, self._seed = clips, seed

    def __getitem__(self, position: int) -> tuple[int, int]:
        """(clip, pass) at a position of the stream."""
        turn, place = divmod(position, self._clips)
        return int(_permutation(self._clips, self._seed, turn)[place]), turn


@lru_cache(maxsize=4)
def _permutation(clips: int, seed: int, turn: int) -> np.ndarray:
    return np.random.default_rng([seed, turn]).permutation(clips)
