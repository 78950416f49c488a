"""A person whose every point moves evenly, so that what an edit does to it is known."""

from fractions import Fraction

import numpy as np

from apvgen.layouts import BODY18, FACE468, HANDS
from apvgen.types import Layout, Motion, Track

HW, FPS, T = (400, 600), Fraction(25), 12
STEP = np.array([4.0, -2.0])
"""Pixels by which every point moves from a frame to the next: whole numbers, so that sums are exact."""


def walking_person() -> Motion:
    """Body, both hands and face, all seen, with points on whole pixels."""
    rng = np.random.default_rng(0)

    def track(layout: Layout) -> Track:
        start = rng.integers(50, 350, (1, *layout.shape, 2))
        walk = STEP * np.arange(T).reshape(-1, *([1] * (len(layout.shape) + 1)))
        score = np.full((T, *layout.shape), 0.5, np.float32)
        return Track(layout, (start + walk).astype(np.float32), score, HW, FPS)

    return Motion(track(BODY18), track(HANDS), track(FACE468))


def without(track: Track, frames: slice, *points: object) -> Track:
    """The track with some points missed in some frames."""
    xy, score = track.xy.copy(), track.score.copy()
    xy[(frames, *points)], score[(frames, *points)] = np.nan, 0
    return Track(track.layout, xy, score, track.hw, track.fps)


def same(one: Motion, other: Motion, frames: object = slice(None)) -> bool:
    """Whether two motions are equal to the byte in `frames`."""
    pairs = [(getattr(one, part), getattr(other, part)) for part in ("body", "hands", "face")]
    return all(
        a.xy[frames].tobytes() == b.xy[frames].tobytes() and a.score[frames].tobytes() == b.score[frames].tobytes()
        for a, b in pairs
    )
