"""Whom to follow through a video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from apvgen.keypoints.people import PersonTrack, overlap

_LEAST_FIT = 0.2
"""IoU of a person's box found in a frame with the box expected there."""

LEAST_APART = 0.3
"""Distance of two boxes' centres, in their mean side, below which one person stands before the other."""

_CLEARLY = 0.1
"""By how much more IoU a box belongs to somebody else."""


class Quest(Protocol):
    """Whom to follow."""

    def expected(self, frame: int) -> np.ndarray | None:
        """The wanted person's box `[4]`; None where absent."""
        ...

    def is_wanted(self, box: np.ndarray, frame: int) -> bool:
        """Whether a box found in a frame is not rather somebody else's."""
        ...

    def begins_shot(self, frame: int) -> bool: ...

    def territory(self, frame: int) -> np.ndarray | None:
        """The part `[4]` of the picture that may show the wanted person, who has others beside; None for all of it."""
        ...


def best_match(boxes: Sequence[np.ndarray], expected: np.ndarray) -> int | None:
    """Which of the boxes found in a frame is the expected one; None where none fits."""
    fits = [float(overlap(expected, box)) for box in boxes]
    best = max(range(len(fits)), key=fits.__getitem__, default=None)
    return None if best is None or fits[best] < _LEAST_FIT else best


class Guess:
    """A `Quest` while the survey is still under way: the largest person at first, then the same one."""

    def __init__(self) -> None:
        self._box: np.ndarray | None = None
        self._shot = -1

    def update(self, frame: int, boxes: Sequence[np.ndarray], cut: bool) -> None:
        """Take note of who is seen in a frame, before it is followed."""
        same = None if cut or self._box is None else best_match(boxes, self._box)
        if same is not None:
            self._box = boxes[same]
        else:
            self._box = max(boxes, key=lambda box: np.prod(box[2:] - box[:2]), default=None)
        self._shot = frame if cut else self._shot

    def expected(self, frame: int) -> np.ndarray | None:  # noqa: ARG002
        return self._box

    def is_wanted(self, box: np.ndarray, frame: int) -> bool:  # noqa: ARG002
        return True

    def begins_shot(self, frame: int) -> bool:
        return frame == self._shot

    def territory(self, frame: int) -> np.ndarray | None:  # noqa: ARG002
        return None


@dataclass(frozen=True)
class Search:
    """A `Quest` after the survey.

    boxes: `[T, 4]` of the wanted person in every frame of the video, NaN where absent. others: `[P, T, 4]`, the same
    of the other people. cuts: frames that begin a new shot.
    """

    boxes: np.ndarray
    others: np.ndarray
    cuts: frozenset[int]

    @classmethod
    def of(cls, people: Sequence[PersonTrack], person: int, cuts: frozenset[int]) -> Search:
        others = [other.box for index, other in enumerate(people) if index != person]
        boxes = people[person].box
        return cls(boxes, np.array(others).reshape(-1, *boxes.shape), cuts)

    def expected(self, frame: int) -> np.ndarray | None:
        box = self.boxes[frame]
        return None if np.isnan(box).any() else box

    def is_wanted(self, box: np.ndarray, frame: int) -> bool:
        if not len(self.others):
            return True
        return overlap(box, self.others[:, frame]).max() <= overlap(box, self.boxes[frame]) + _CLEARLY

    def begins_shot(self, frame: int) -> bool:
        return frame in self.cuts

    def territory(self, frame: int) -> np.ndarray | None:
        mine, others = self.boxes[frame], self.others[:, frame]
        others = others[np.isfinite(others).all(-1)]
        return None if np.isnan(mine).any() or not len(others) else territory(mine, others)

    def is_alone(self, start: int, stop: int) -> bool:
        """Whether nobody else is expected in the frames from `start` to `stop`."""
        return not np.isfinite(self.others[:, start:stop]).any()


def apart(mine: np.ndarray, other: np.ndarray) -> np.ndarray:
    """From the centre of one box `[..., 4]` to that of another, in their mean side: `[..., 2]`, NaN where one is."""
    return (other[..., :2] + other[..., 2:] - mine[..., :2] - mine[..., 2:]) / (
        mine[..., 2:] - mine[..., :2] + other[..., 2:] - other[..., :2]
    )


def territory(mine: np.ndarray, others: Iterable[np.ndarray]) -> np.ndarray:
    """The part `[4]` of a picture, infinite where nobody bounds it, that may show the person of one of some boxes."""
    free = np.array([-np.inf, -np.inf, np.inf, np.inf])
    for other in others:
        _cede(free, mine, other)
    return free


def _cede(free: np.ndarray, mine: np.ndarray, other: np.ndarray) -> None:
    """Take from `free` what lies behind the side that another person's box turns to mine.

    Arms reach beyond boxes, so a gap between the two stays free; an overlap is halved.
    """
    away = apart(mine, other)
    axis = int(np.argmax(abs(away)))
    if abs(away[axis]) < LEAST_APART:
        return
    if away[axis] > 0:
        free[axis + 2] = min(free[axis + 2], max(other[axis], (mine[axis + 2] + other[axis]) / 2))
    else:
        free[axis] = max(free[axis], min(other[axis + 2], (mine[axis] + other[axis + 2]) / 2))
