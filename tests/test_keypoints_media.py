"""MediaPipe on real photos and videos: shares found, sides, seams, pictures of any number of people."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from apvgen.config import Limits
from apvgen.keypoints import load_detector
from apvgen.keypoints import segments as segments_module
from apvgen.keypoints.detector import TrackingDetector
from apvgen.media import VideoReader, read_image
from apvgen.types import Motion

pytestmark = pytest.mark.media

FRAMES = 60


class Start:
    """The first frames of a video."""

    def __init__(self, path: Path, frames: int) -> None:
        self._video = VideoReader(path, None, Limits())
        self.hw, self.fps, self.frame_count = self._video.hw, self._video.fps, frames

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        return self._video.frames(start, self.frame_count if stop is None else stop)


@pytest.fixture(scope="module")
def detector() -> TrackingDetector:
    return load_detector("mediapipe")


@pytest.fixture(scope="module")
def dance_path(media: Path) -> Path:
    return media / "driving" / "dance_576x1024_29fps.mp4"


@pytest.fixture(scope="module")
def dance(detector: TrackingDetector, dance_path: Path) -> Motion:
    return detector.detect_video(Start(dance_path, FRAMES))


def test_a_dancer_is_found_in_every_frame_with_face_and_hands(dance: Motion) -> None:
    assert dance.body.frames_seen.all()
    assert dance.face.frames_seen.all()
    left, right = dance.hands.seen.any(-1).mean(0)
    assert left > 0.8
    assert right > 0.95


def test_left_is_the_persons_left(dance: Motion) -> None:
    hands = np.nanmean(dance.hands.xy[..., 0], axis=(0, 2))
    wrists = np.nanmean(dance.body.xy[:, [7, 4], 0], axis=0)
    assert hands[0] > hands[1]
    assert wrists[0] > wrists[1]


def test_hands_hang_on_arms_and_faces_on_heads(dance: Motion) -> None:
    seen = dance.hands.seen[..., 0]
    np.testing.assert_array_equal(dance.body.xy[:, [7, 4]][seen], dance.hands.xy[:, :, 0][seen])
    np.testing.assert_array_equal(dance.body.xy[:, 0], dance.face.xy[:, 1])


def test_depth_is_in_the_unit_of_x(dance: Motion) -> None:
    """A nose tip lies nearer than the cheeks, by roughly half of the distance between these."""
    width = np.linalg.norm(dance.face.xy[:, 454] - dance.face.xy[:, 234], axis=-1)
    nose = dance.face.depth[:, [454, 234]].mean(-1) - dance.face.depth[:, 1]
    assert 0.3 < np.median(nose / width) < 0.8


def test_no_seam_shows_between_segments(
    detector: TrackingDetector, dance_path: Path, dance: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments_module, "_LENGTH", 20)
    pieces = detector.detect_video(Start(dance_path, FRAMES))
    face = np.linalg.norm(pieces.face.xy - dance.face.xy, axis=-1)
    assert face.max() < 2
    first = np.array([start for start, _ in segments_module.segments(FRAMES)][1:])
    assert first.tolist() == [20, 40]
    jumps = (pieces.body.take(first).xy - pieces.body.take(first - 1).xy) - (
        dance.body.take(first).xy - dance.body.take(first - 1).xy
    )
    clear = (pieces.body.score > 0.5) & (dance.body.score > 0.5)
    off = np.linalg.norm(jumps, axis=-1)[clear[first] & clear[first - 1]]
    assert np.median(off) < 2  # pixels, of a person of 900
    assert np.quantile(off, 0.9) < 10


def test_each_of_two_people_side_by_side_has_the_own_face(detector: TrackingDetector, media: Path) -> None:
    video = Start(media / "talking" / "speech_pair_30fps.mp4", 24)
    assert len(detector.find_people(video)) == 2
    faces = [detector.detect_video(video, person).face for person in (0, 1)]
    assert all(face.frames_seen.all() for face in faces)
    left, right = sorted(faces, key=lambda face: np.nanmean(face.xy[..., 0]))
    middle = video.hw[1] / 2
    assert np.nanmax(left.xy[..., 0]) < middle < np.nanmin(right.xy[..., 0])


@pytest.mark.parametrize("name", ["fullbody_800x1275.jpg", "man_flux_1.png", "woman_flux_1.png"])
def test_reference_photos_show_a_face_and_a_body(detector: TrackingDetector, media: Path, name: str) -> None:
    motion = detector.detect_image(read_image(media / "reference" / name, Limits()))
    assert motion.face.seen.all()
    assert motion.body.seen[0, :8].all()
    assert motion.hands.seen[0].any()


@pytest.mark.parametrize("height", [400, 150, 100])
def test_a_small_dancer_in_a_wide_picture_keeps_the_face(
    detector: TrackingDetector, dance_path: Path, height: int
) -> None:
    frame = next(iter(VideoReader(dance_path, Fraction(29), Limits()).frames()))
    small = cv2.resize(frame, (round(height * 576 / 1024), height), interpolation=cv2.INTER_AREA)
    picture = np.full((720, 1280, 3), 90, np.uint8)
    picture[720 - height :, 700 : 700 + small.shape[1]] = small
    motion = detector.detect_image(picture)
    assert motion.face.frames_seen[0]
    assert (motion.face.xy[0] > [700, 720 - height]).all()


def test_a_hidden_face_is_missed(detector: TrackingDetector, dance_path: Path, dance: Motion) -> None:
    frame = next(iter(VideoReader(dance_path, None, Limits()).frames()))
    outline = cv2.convexHull(dance.face.xy[0].astype(np.int32))
    hidden = cv2.fillConvexPoly(frame.copy(), outline, (120, 90, 80))
    motion = detector.detect_image(cv2.GaussianBlur(hidden, (5, 5), 0))
    assert not motion.face.frames_seen[0]
