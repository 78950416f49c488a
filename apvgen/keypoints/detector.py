"""Finding one person's motion in a picture or a video: the same way through for every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

from apvgen.keypoints.lookout import Lookout, sample_step, sightings_in
from apvgen.keypoints.people import Detection, PersonTrack, Sighting, Survey, boxes_of, choose, track_people
from apvgen.keypoints.quest import Quest, Search
from apvgen.keypoints.segments import Tick, run_segments, segments
from apvgen.process import return_freed_memory
from apvgen.types import HW, Motion

if TYPE_CHECKING:
    from apvgen.media import VideoReader

OnProgress = Callable[[int, int], None]
"""Called with (frames done, frames in all) on the caller's thread; may raise `Cancelled`."""

_WARM_UP = 3
"""Frames before a segment that settle where the person is, so that no seam shows."""


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

    def detect(self, video: VideoReader, person: int = 0, on_progress: OnProgress | None = None) -> Detection:
        """As `detect_video`, and with it, at no further cost, who else is in the video."""
        ...

    def find_people(self, video: VideoReader, on_progress: OnProgress | None = None) -> tuple[PersonTrack, ...]:
        """Everybody in the video, the largest over time first; none where nobody is."""
        ...


class Followed(NamedTuple):
    """One frame's finding. box: float `[4]` left, top, right, bottom in pixels. figure: the backend's own."""

    box: np.ndarray
    figure: Any


class Networks(Protocol):
    """One backend's networks, for one thread at a time."""

    def sight(self, image: np.ndarray) -> Sequence[np.ndarray]:
        """Boxes `[4]` (left, top, right, bottom in pixels) of the people in an RGB uint8 `[H, W, 3]` picture."""
        ...

    def follow(self, images: Iterable[np.ndarray], start: int, quest: Quest) -> Iterator[Followed | None]:
        """The wanted person in each image, the first of which is frame `start`; asks the quest after taking the image.

        Begins afresh: equal images give equal results, whatever was followed before.
        """
        ...

    def close(self) -> None:
        """Give the networks' memory back; nothing is asked of them afterwards."""
        ...


@dataclass(frozen=True)
class Backend:
    """What makes a `TrackingDetector`.

    load: starts a set of networks; called on the thread that uses them. motion: puts the figures of all frames (None
    where missed) together; the last argument are the frames that begin a new shot. workers: threads that work at once.
    """

    name: str
    version: str
    description: str
    load: Callable[[], Networks]
    motion: Callable[[Sequence[Any | None], HW, Fraction, Iterable[int]], Motion]
    workers: int


class _Part(NamedTuple):
    """What a first pass found in one segment."""

    start: int
    sightings: dict[int, list[Sighting]]
    cuts: set[int]
    followed: list[Followed | None]


class TrackingDetector:
    """A `Detector` that works through a video in segments on threads.

    The first pass looks around at intervals and follows whoever seems wanted. Who is who shows at its end; segments in
    which there are others, or the wanted person was missed, are followed again. Of a video of one person the
    first pass nearly always stands, and no frame is decoded twice.
    """

    def __init__(self, backend: Backend) -> None:
        self.name, self.version = backend.name, backend.version
        self._backend = backend
        self._idle: list[Networks] = []

    def describe(self) -> str:
        return self._backend.description

    def detect_image(self, image: np.ndarray) -> Motion:
        hw = image.shape[:2]
        with self._networks() as networks:
            sightings = {0: sightings_in(image, networks.sight)}
            people = track_people(Survey(hw, 1, 1, sightings, frozenset()))
            found = next(iter(networks.follow([image], 0, Search.of(people, 0, frozenset())))) if people else None
        return self._backend.motion([found and found.figure], hw, Fraction(1), ())

    def detect_video(self, video: VideoReader, person: int = 0, on_progress: OnProgress | None = None) -> Motion:
        return self.detect(video, person, on_progress).motion

    def detect(self, video: VideoReader, person: int = 0, on_progress: OnProgress | None = None) -> Detection:
        report = on_progress or _ignore
        with self._one_set_kept():
            parts = self._first_pass(video, True, report)
            survey = _survey(parts, video)
            people = track_people(survey)
            choose(people, person)
            found = self._second_pass(video, parts, Search.of(people, person, survey.cuts), report)
            motion = self._backend.motion([one and one.figure for one in found], video.hw, video.fps, survey.cuts)
            return Detection(motion, boxes_of(people, video.frame_count))

    def find_people(self, video: VideoReader, on_progress: OnProgress | None = None) -> tuple[PersonTrack, ...]:
        with self._one_set_kept():
            return track_people(_survey(self._first_pass(video, False, on_progress or _ignore), video))

    def _first_pass(self, video: VideoReader, follow: bool, report: OnProgress) -> list[_Part]:
        pieces, frames = segments(video.frame_count), video.frame_count
        work = partial(self._explore, video, follow)
        parts = run_segments(pieces, work, self._backend.workers, lambda done: report(min(done, frames), frames))
        report(frames, frames)
        return parts

    def _second_pass(
        self, video: VideoReader, parts: Sequence[_Part], search: Search, report: OnProgress
    ) -> list[Followed | None]:
        """Every frame's finding: of the first pass where it stands, and else followed again."""
        again = [(part.start, part.start + len(part.followed)) for part in parts if not _stands(part, search)]
        before, more = video.frame_count, sum(stop - start for start, stop in again)
        renewed = run_segments(
            again,
            partial(self._follow, video, search),
            self._backend.workers,
            lambda done: report(before + min(done, more), before + more),
        )
        found = {part.start: part.followed for part in parts}
        found |= {start: followed for (start, _), followed in zip(again, renewed, strict=True)}
        return [one for start in sorted(found) for one in found[start]]

    def _explore(self, video: VideoReader, follow: bool, start: int, stop: int, tick: Tick) -> _Part:
        before = max(start - _WARM_UP, 0)
        with self._networks() as networks:
            lookout = Lookout(networks.sight, sample_step(video.fps), start)
            images = _ticking(lookout.watch(video.frames(before, stop), before), tick)
            followed = list(networks.follow(images, before, lookout.guess)) if follow else [None for _ in images]
        return _Part(start, lookout.sightings, lookout.cuts, followed[start - before :])

    def _follow(self, video: VideoReader, search: Search, start: int, stop: int, tick: Tick) -> list[Followed | None]:
        before = max(start - _WARM_UP, 0)
        with self._networks() as networks:
            followed = list(networks.follow(_ticking(video.frames(before, stop), tick), before, search))
        return followed[start - before :]

    @contextmanager
    def _networks(self) -> Iterator[Networks]:
        """A set of networks that nobody else uses; kept for the next, unless an error or a stop left it midway."""
        networks = self._idle.pop() if self._idle else self._backend.load()
        try:
            yield networks
        except BaseException:
            with suppress(Exception):  # a failed graph fails again when it is closed, which would hide the first error
                networks.close()
            raise
        self._idle.append(networks)

    @contextmanager
    def _one_set_kept(self) -> Iterator[None]:
        """Afterwards only what the next picture needs is in memory: hundreds of megabytes less for all that follows."""
        try:
            yield
        finally:
            while len(self._idle) > 1:
                self._idle.pop().close()
            return_freed_memory()


Item = TypeVar("Item")


def _ticking(items: Iterable[Item], tick: Tick) -> Iterator[Item]:
    for item in items:
        tick()
        yield item


def _stands(part: _Part, search: Search) -> bool:
    """Whether a first pass has the wanted person in every frame where one is expected, with nobody else about."""
    missed = [frame for frame, one in enumerate(part.followed, part.start) if one is None]
    alone = search.is_alone(part.start, part.start + len(part.followed))
    return alone and all(search.expected(frame) is None for frame in missed)


def _survey(parts: Sequence[_Part], video: VideoReader) -> Survey:
    sightings = {frame: seen for part in parts for frame, seen in part.sightings.items()}
    cuts = frozenset().union(*(part.cuts for part in parts))
    return Survey(video.hw, video.frame_count, sample_step(video.fps), sightings, cuts)


def _ignore(_done: int, _total: int) -> None:
    """Progress that nobody watches."""
