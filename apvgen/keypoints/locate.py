"""Where the people of a picture are, small ones too: MediaPipe's person network over windows of several sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from apvgen.keypoints.graphs import Circle, PeopleGraph
from apvgen.types import HW

Person = tuple[float, Circle]
"""Score in [0.5, 1] and place."""

Window = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

SURE = 0.8
"""Of a person seen with a lower score, size and place can be far off."""

_SMALL = 0.35
"""So can they for one whose circle has a smaller radius than this share of the window."""

_NEARER = 1.6
"""Half side of the window for a second look, in radii."""

_LEAST_HALF = 16
"""Pixels from the middle to the side of the smallest window."""

_SAME = 0.25
"""Two people's centres are further apart than this, in radii of the larger."""

_HEAD_TOP, _HALF_WIDTH = 1.25, 0.4
"""Of a standing person without the arms, in radii."""

_WIDE = 1.25
"""Pictures wider than this times their height are searched in squares first, since people stand upright."""


def locate(image: np.ndarray, graph: PeopleGraph) -> list[Person]:
    """The people in an RGB uint8 `[H, W, 3]` picture, the surest first.

    The network sees a window at 224 x 224 pixels, so windows shrink until somebody is found.
    """
    for needed, windows in _searches(image.shape[:2]):
        seen = _distinct(person for window in windows for person in look(image, window, graph))
        found = _distinct(_look_again(image, person, graph) for person in seen)
        if found and found[0][0] >= needed:
            return [person for person in found if person[0] >= needed]
    return []


def _searches(hw: HW) -> Iterator[tuple[float, list[Window]]]:
    """The score that counts, and the windows to look at, in turn; small windows on scenery raise false alarms."""
    height, width = hw
    whole, squares = [(0, 0, width, height)], _squares(hw, min(hw))
    yield (0.5, squares) if width > _WIDE * height else (0.5, whole)
    yield (SURE, whole) if width > _WIDE * height else (SURE, squares)
    if min(hw) >= 4 * _LEAST_HALF:
        yield SURE, _squares(hw, min(hw) // 2)


def _squares(hw: HW, side: int) -> list[Window]:
    """Squares that cover a picture, each overlapping the next by at least half."""
    tops, lefts = (np.linspace(0, n - side, int(np.ceil(2 * n / side)) - 1).astype(int).tolist() for n in hw)
    return [(left, top, left + side, top + side) for top in tops for left in lefts]


def look(image: np.ndarray, window: Window, graph: PeopleGraph) -> list[Person]:
    """The people in one window of an RGB uint8 `[H, W, 3]` picture, in pixels of the picture."""
    left, top, right, bottom = window
    found = graph(image[top:bottom, left:right])
    return [(score, circle._replace(x=circle.x + left, y=circle.y + top)) for score, circle in found]


def _look_again(image: np.ndarray, person: Person, graph: PeopleGraph) -> Person:
    """The same person seen from nearer, where the first look was doubtful and there is a nearer."""
    height, width = image.shape[:2]
    for _ in range(2):
        score, circle = person
        half = _NEARER * circle.radius
        if 2 * half > min(height, width) or (score >= SURE and circle.radius > _SMALL * min(height, width)):
            break
        nearer = look(image, around(circle.x, circle.y, half, (height, width)), graph)
        person = max(nearer, key=lambda other: other[0] - _distance(other[1], circle), default=person)
    return person


def _distance(a: Circle, b: Circle) -> float:
    """Between centres, in radii of the larger."""
    return float(np.hypot(a.x - b.x, a.y - b.y)) / max(a.radius, b.radius)


def around(x: float, y: float, half: float, hw: HW) -> Window:
    """The square of side `2 half` about a point, as much of it as lies in the picture; at least some pixels of it."""
    height, width = hw
    x, y = float(np.clip(x, 0, width - 1)), float(np.clip(y, 0, height - 1))
    half = max(half, _LEAST_HALF)
    return max(int(x - half), 0), max(int(y - half), 0), min(int(x + half) + 1, width), min(int(y + half) + 1, height)


def _distinct(people: Iterable[Person]) -> list[Person]:
    """The surest of those that are the same person."""
    kept: list[Person] = []
    for score, circle in sorted(people, key=lambda person: -person[0]):
        if all(_distance(circle, other) > _SAME for _, other in kept):
            kept.append((score, circle))
    return kept


def box_of(circle: Circle, hw: HW) -> np.ndarray:
    """float32 `[4]` left, top, right, bottom of a person, inside the picture.

    MediaPipe's circle passes near the eyes of a standing person, and holds the feet.
    """
    along = np.array([circle.dx, circle.dy])
    across = _HALF_WIDTH * np.array([-circle.dy, circle.dx])
    centre = np.array([circle.x, circle.y])
    corners = [centre + end * along + side * across for end in (_HEAD_TOP, -1) for side in (-1, 1)]
    limits = np.array(hw[::-1])
    return np.concatenate([np.clip(np.min(corners, 0), 0, limits), np.clip(np.max(corners, 0), 0, limits)]).astype(
        np.float32
    )
