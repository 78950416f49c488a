"""What a `TrackingDetector` keeps in memory, with networks that only count themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from apvgen.errors import Cancelled
from apvgen.keypoints.detector import Backend, Followed, TrackingDetector
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.types import Motion, Track

BOX = np.array([10, 10, 40, 60], np.float32)
FRAMES = 300


@dataclass
class CountedNetworks:
    """One person, always in the same place."""

    alive: list[CountedNetworks] = field(repr=False)

    def __post_init__(self) -> None:
        self.alive.append(self)

    def sight(self, _image: np.ndarray) -> list[np.ndarray]:
        return [BOX]

    def follow(self, images: Iterable[np.ndarray], _start: int, _quest: object) -> Iterator[Followed]:
        for _ in images:
            yield Followed(BOX, None)

    def close(self) -> None:
        self.alive.remove(self)


def _motion(figures, hw, fps, _cuts) -> Motion:
    return Motion(*(Track.empty(layout, len(figures), hw, fps) for layout in (BODY18, HANDS, FACE478)))


@pytest.fixture
def video() -> SimpleNamespace:
    blank = np.zeros((72, 64, 3), np.uint8)
    return SimpleNamespace(
        hw=(72, 64),
        fps=Fraction(25),
        frame_count=FRAMES,
        frames=lambda start, stop: (blank for _ in range(start, stop)),
    )


@pytest.fixture
def alive() -> list[CountedNetworks]:
    return []


@pytest.fixture
def detector(alive) -> TrackingDetector:
    return TrackingDetector(Backend("counted", "1", "", lambda: CountedNetworks(alive), _motion, 3))


def test_after_a_video_one_set_of_networks_is_left_for_the_next_picture(detector, alive, video):
    assert len(detector.detect_video(video)) == FRAMES
    assert len(alive) == 1
    detector.detect_image(np.zeros((72, 64, 3), np.uint8))
    assert len(detector.find_people(video)) == 1
    assert len(alive) == 1


def test_after_a_stop_midway_one_set_of_networks_is_left_at_most(detector, alive, video):
    def slowly(start, stop):
        for _ in range(start, stop):
            time.sleep(0.01)
            yield np.zeros((72, 64, 3), np.uint8)

    def stop(done, _total):
        if done:
            raise Cancelled("stop")

    video.frames = slowly
    with pytest.raises(Cancelled):
        detector.detect_video(video, on_progress=stop)
    assert len(alive) <= 1


def test_who_was_seen_comes_with_the_motion_at_no_further_look(detector, video):
    reports = []
    found = detector.detect(video, on_progress=lambda done, total: reports.append((done, total)))
    np.testing.assert_array_equal(found.people, np.broadcast_to(BOX, (1, FRAMES, 4)))
    assert len(found.motion) == FRAMES
    assert reports[-1] == (FRAMES, FRAMES)  # one pass
