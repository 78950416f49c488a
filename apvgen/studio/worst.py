"""Which frames a person should look at first, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from apvgen import outliers
from apvgen.fda import STABLE_LANDMARKS
from apvgen.types import Motion, Track

SHOWN = 8
APART_SECONDS = 0.4
"""Neighbours of a shown frame mostly fail for its reason, so they are left out."""
USUAL = 0.1
"""A part that is seen in a smaller share of the frames is absent from the clip, which is no frame's fault."""
LEAST_JUMP = 0.03
"""A part that leaves its path by less than this share of the picture's longer side does not jump."""
LEAST_FACE_JUMP = 0.02
"""The same for the size and the place of the aligned face, in face sizes."""
SIDES_PER_SPREAD = 4
"""A face is about four standard deviations of its landmarks wide and tall."""

SIDES = ("left", "right")
MISSING, NOT_DRAWN, JUMPS, UNCERTAIN, INCOMPLETE = 1.0, 1.0, 0.8, 0.6, 0.6
"""How bad each is; the last two for a part of which every point is uncertain or missing, and less for fewer."""


@dataclass(frozen=True)
class Fault:
    """One thing that can be wrong. cost: float64 `[T]`, 0 where it is not. words: what to call it."""

    words: str
    cost: np.ndarray


@dataclass(frozen=True)
class Bad:
    """A frame to look at. score: the sum of its costs. reasons: in words, worst first."""

    frame: int
    score: float
    reasons: tuple[str, ...]


def worst_frames(driving: Motion, aligned: Track, below: float) -> list[Bad]:
    """The worst frames, worst first, at most `SHOWN` and some time apart.

    driving: what was found, corrections included. aligned: the face that is drawn, in the same pixels. below: points
    that scored less are uncertain.
    """
    faults = [*_found_faults(driving, below), *_face_faults(aligned)]
    costs = np.stack([fault.cost for fault in faults], -1)
    return [_bad(int(t), costs[t], faults) for t in _spread(costs.sum(-1), APART_SECONDS * float(driving.fps))]


def _bad(t: int, costs: np.ndarray, faults: list[Fault]) -> Bad:
    order = [k for k in np.argsort(-costs, kind="stable") if costs[k] > 0]
    return Bad(t, float(costs.sum()), tuple(faults[k].words for k in order))


def _spread(score: np.ndarray, apart: float) -> Iterator[int]:
    """The highest places of `[T]` scores, each at least `apart` frames from all before it."""
    taken: list[int] = []
    for t in np.argsort(-score, kind="stable"):
        if score[t] <= 0 or len(taken) == SHOWN:
            return
        if all(abs(t - other) >= apart for other in taken):
            taken.append(t)
            yield t


def _found_faults(driving: Motion, below: float) -> Iterator[Fault]:
    hands = [(f"{name} hand", driving.hands.xy[:, k], driving.hands.score[:, k]) for k, name in enumerate(SIDES)]
    parts = [("body", driving.body.xy, driving.body.score), *hands, ("face", driving.face.xy, driving.face.score)]
    least = LEAST_JUMP * max(driving.hw)
    for name, xy, score in parts:
        seen = np.isfinite(xy).all(-1) & (score > 0)
        if seen.any(1).mean() >= USUAL:
            yield from _part_faults(name, seen, score, below)
            yield Fault(f"{name} jumps", JUMPS * outliers.jumps(_middle(xy, seen), least).any(1))


def _part_faults(name: str, seen: np.ndarray, score: np.ndarray, below: float) -> Iterator[Fault]:
    """What can be wrong with the points of one part: `seen` bool `[T, N]`, `score` `[T, N]`."""
    there = seen.any(1)
    usual = seen.mean(0) >= 0.5
    absent = (~seen[:, usual]).mean(1) if usual.any() else np.zeros(len(seen))
    unsure = (seen & (score < below)).mean(1)
    yield Fault(f"{name} not found", MISSING * ~there)
    yield Fault(f"{name} incomplete", INCOMPLETE * absent * there)
    yield Fault(f"{name} uncertain", UNCERTAIN * unsure)


def _face_faults(face: Track) -> Iterator[Fault]:
    """FDA's outliers as they reach the picture, on landmarks that the jaw does not move."""
    stable = face.xy[:, list(STABLE_LANDMARKS)].astype(float)
    place, size = stable.mean(1), stable.std(1)  # smooth in the landmarks, as the sides of their box are not
    drawn = face.frames_seen
    least = LEAST_FACE_JUMP * np.nanmedian(size, 0) if drawn.any() else np.ones(2)
    yield Fault("no face drawn", NOT_DRAWN * ~drawn)
    yield Fault("face size jumps", JUMPS * outliers.jumps(size, least).any(1))
    yield Fault("face place jumps", JUMPS * outliers.jumps(place, SIDES_PER_SPREAD * least).any(1))


def _middle(xy: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The mean of the seen points of `[T, N, 2]`, `[T, 2]`; NaN where some usual point is missing."""
    steady = seen.mean(0) >= 0.5
    return np.where(seen[:, steady].all(1)[:, None], xy[:, steady].mean(1), np.nan)
