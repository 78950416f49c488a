"""Finding one person's motion in a picture or a video: the same way through for every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from apvgen.keypoints.people import PersonTrack, Quest, Sighting, Survey, choose, look_of, track_people
from apvgen.keypoints.segments import Tick, run_segments, segments
from apvgen.types import HW, Motion

if TYPE_CHECKING:
    from apvgen.media import VideoReader

OnProgress = Callable[[int, int], None]
"""Called with (frames done, frames in all) on the caller's thread; may raise `Cancelled`."""

_SURVEY_SECONDS = 0.5
"""People are looked for this often; in between, they are followed."""

_WARM_UP = 4
"""Frames before a segment that settle where the person is, so that no seam shows."""

_CUT = 25
"""Mean difference of two frames' colours, of 255, from which a new shot begins. A dancer's is below 10; a false alarm
costs only a look around."""


class Detector(Protocol):
    """Body, hands and face of one person.

    name, version: what made a result, for cache keys. describe: a sentence for the user.
    """

    name: str
    version: str

    def describe(self) -> str: ...

    def detect_image(self, image: np.ndarray) -> Motion:
        """The largest person in an RGB uint8 `[H, W, 3]` picture: one frame at 1 fps, all missed where nobody is."""
        ...

    def detect_video(self, video: VideoReader, person: int = 0, on_progress: OnProgress | None = None) -> Motion:
        """The motion of one person, 0 being the largest over time: as many frames as the video, at its size and rate.

        Raises NoPersonError when there is no such person.
        """
        ...

    def find_people(self, video: VideoReader, on_progress: OnProgress | None = None) -> tuple[PersonTrack, ...]:
        """Everybody in the video, the largest over time first; none where nobody is."""
        ...


class Networks(Protocol):
    """One backend's networks, for one thread at a time."""

    def sight(self, image: np.ndarray) -> Sequence[np.ndarray]:
        """Boxes `[4]` (left, top, right, bottom in pixels) of the people in an RGB uint8 `[H, W, 3]` picture."""
        ...

    def follow(self, images: Iterable[np.ndarray], start: int, quest: Quest) -> Iterator[Any | None]:
        """What the backend finds of the wanted person in each image, the first of which is frame `start`.

        Begins afresh: equal images give equal results, whatever was followed before.
        """
        ...


@dataclass(frozen=True)
class Backend:
    """What makes a `TrackingDetector`.

    load: starts a set of networks; called on the thread that uses them. motion: puts what `follow` found in each frame
    together; the last argument are the frames that begin a new shot. workers: sets of networks that run at once.
    """

    name: str
    version: str
    description: str
    load: Callable[[], Networks]
    motion: Callable[[Sequence[Any | None], HW, Fraction, Iterable[int]], Motion]
    workers: int


class TrackingDetector:
    """A `Detector`: surveys the people of a video at intervals, then follows the wanted one, in segments on threads."""

    def __init__(self, backend: Backend) -> None:
        self.name, self.version = backend.name, backend.version
        self._backend = backend
        self._idle: list[Networks] = []

    def describe(self) -> str:
        return self._backend.description

    def detect_image(self, image: np.ndarray) -> Motion:
        hw = image.shape[:2]
        with self._networks() as networks:
            people = track_people(Survey(hw, 1, 1, {0: _sightings(image, networks)}, frozenset()))
            found = list(networks.follow([image], 0, Quest.of(people, 0, frozenset()))) if people else [None]
        return self._backend.motion(found, hw, Fraction(1), ())

    def detect_video(self, video: VideoReader, person: int = 0, on_progress: OnProgress | None = None) -> Motion:
        frames, report = video.frame_count, on_progress or _ignore
        survey = self._survey(video, lambda _: report(0, frames))
        people = track_people(survey)
        choose(people, person)
        follow = partial(self._follow, video, Quest.of(people, person, survey.cuts))
        parts = run_segments(segments(frames), follow, self._backend.workers, lambda done: report(done, frames))
        found = [figure for part in parts for figure in part]
        report(frames, frames)
        return self._backend.motion(found, video.hw, video.fps, survey.cuts)

    def find_people(self, video: VideoReader, on_progress: OnProgress | None = None) -> tuple[PersonTrack, ...]:
        report = on_progress or _ignore
        return track_people(self._survey(video, lambda done: report(done, video.frame_count)))

    def _survey(self, video: VideoReader, on_done: Callable[[int], None]) -> Survey:
        step = max(1, round(_SURVEY_SECONDS * video.fps))
        parts = run_segments(
            segments(video.frame_count), partial(self._look_around, video, step), self._backend.workers, on_done
        )
        sightings = {frame: seen for part, _ in parts for frame, seen in part.items()}
        return Survey(video.hw, video.frame_count, step, sightings, frozenset().union(*(cuts for _, cuts in parts)))

    def _look_around(
        self, video: VideoReader, step: int, start: int, stop: int, tick: Tick
    ) -> tuple[dict[int, list[Sighting]], set[int]]:
        """The people at the sample frames from `start` to `stop`, and the cuts between these."""
        sightings, cuts, previous = {}, set(), None
        before = max(start - 1, 0)
        with self._networks() as networks:
            for frame, image in enumerate(video.frames(before, stop), before):
                small = _thumbnail(image)
                if previous is not None and np.abs(small - previous).mean() > _CUT:
                    cuts.add(frame)
                if frame >= start and (frame % step == 0 or frame in cuts):
                    sightings[frame] = _sightings(image, networks)
                previous = small
                tick()
        return sightings, cuts

    def _follow(self, video: VideoReader, quest: Quest, start: int, stop: int, tick: Tick) -> list[Any | None]:
        found = []
        before = max(start - _WARM_UP, 0)
        with self._networks() as networks:
            for figure in networks.follow(video.frames(before, stop), before, quest):
                found.append(figure)
                tick()
        return found[start - before :]

    @contextmanager
    def _networks(self) -> Iterator[Networks]:
        """A set of networks that nobody else uses; kept for the next."""
        networks = self._idle.pop() if self._idle else self._backend.load()
        yield networks
        self._idle.append(networks)


def _sightings(image: np.ndarray, networks: Networks) -> list[Sighting]:
    return [Sighting(box, look_of(image, box)) for box in networks.sight(image)]


def _thumbnail(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return image[:: max(height // 32, 1), :: max(width // 32, 1)].astype(np.int16)


def _ignore(_done: int, _total: int) -> None:
    """Progress that nobody watches."""
