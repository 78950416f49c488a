"""Watching the frames of a video go by: where shots begin, and who is seen at intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np

from apvgen.keypoints.people import Sighting, look_of
from apvgen.keypoints.quest import Guess

Sight = Callable[[np.ndarray], Sequence[np.ndarray]]
"""RGB uint8 `[H, W, 3]` picture -> boxes `[4]` of its people (left, top, right, bottom in pixels)."""

_SECONDS = 0.5
"""People are looked for this often; in between, they are followed."""

_CUT = 18
"""Mean difference of two thumbnails, of 255, from which a new shot begins. Measured: a talker's is 1, a dancer's up to
8, between unlike scenes from 38. A false alarm costs only a look around."""

_THUMBNAIL = 16
"""Side in pixels: coarse, so that moving texture averages out."""


def sample_step(fps: Fraction) -> int:
    """Frames from one look around to the next."""
    return max(1, round(_SECONDS * fps))


def sightings_in(image: np.ndarray, sight: Sight) -> list[Sighting]:
    return [Sighting(box, look_of(image, box)) for box in sight(image)]


class Lookout:
    """What is seen of people and cuts in one segment.

    sightings: sample frame -> the people in it. cuts: frames that begin a shot. guess: where the person probably
    wanted is, as far as the frames watched so far tell.
    """

    def __init__(self, sight: Sight, step: int, start: int) -> None:
        self._sight, self._step, self._start = sight, step, start
        self.sightings: dict[int, list[Sighting]] = {}
        self.cuts: set[int] = set()
        self.guess = Guess()

    def watch(self, images: Iterable[np.ndarray], first: int) -> Iterator[np.ndarray]:
        """The same images, each given out when all is known about it.

        first: the number of the first image, at most `start`; what is seen before `start` is other segments' business.
        """
        previous = None
        for frame, image in enumerate(images, first):
            small = _thumbnail(image)
            cut = previous is not None and np.abs(small - previous).mean() > _CUT
            previous = small
            if frame == first or cut or frame % self._step == 0:
                seen = sightings_in(image, self._sight)
                self.guess.update(frame, [sighting.box for sighting in seen], cut)
                if frame >= self._start:
                    self.sightings[frame] = seen
                    self.cuts |= {frame} if cut else set()
            yield image


def _thumbnail(image: np.ndarray) -> np.ndarray:
    stride = max(min(image.shape[:2]) // (6 * _THUMBNAIL), 1)
    sparse = np.ascontiguousarray(image[::stride, ::stride])
    return cv2.resize(sparse, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.int16)
