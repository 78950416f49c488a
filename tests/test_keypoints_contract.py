"""What every detector does, whatever its backend: lengths, missed points, people, cuts, cancellation."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import onnx_people
import pytest

from apvgen.errors import Cancelled, NoPersonError
from apvgen.keypoints import Detector, load_detector
from apvgen.types import HW, Motion

PHOTO = Path(__file__).resolve().parents[1] / "assets" / "example" / "photo.jpg"
HW_SCENE = (320, 480)
GREY = 110
BELOW_THE_CHIN = 190
Box = tuple[int, int, int, int]


class Film:
    """Frames in memory, read as `VideoReader` is."""

    def __init__(self, frames: list[np.ndarray], fps: Fraction = Fraction(8)) -> None:
        self._frames, self.fps, self.hw, self.frame_count = frames, fps, frames[0].shape[:2], len(frames)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        return iter(self._frames[start:stop])


class Stage:
    """A detector, and people whom it sees."""

    def __init__(self, detector: Detector, people: list[np.ndarray]) -> None:
        self.detector, self._people = detector, people

    def scene(self, *boxes: Box | None, hw: HW = HW_SCENE) -> np.ndarray:
        """A picture with person k in box k (left, top, right, bottom), which may reach beyond the picture."""
        height, width = hw
        canvas = np.full((3 * height, 3 * width, 3), GREY, np.uint8)
        for box, person in zip(boxes, self._people, strict=False):
            if box is not None:
                left, top, right, bottom = box
                area = canvas[height + top : height + bottom, width + left : width + right]
                area[:] = cv2.resize(person, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        return canvas[height : 2 * height, width : 2 * width].copy()


@pytest.fixture(scope="module", params=["mediapipe", "rtmlib"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    if request.param == "mediapipe":
        photo = cv2.imread(str(PHOTO))[..., ::-1]
        other = photo[:, ::-1].copy()
        other[BELOW_THE_CHIN:] = other[BELOW_THE_CHIN:, :, ::-1]
        return Stage(load_detector("mediapipe"), [photo, other])
    folder = tmp_path_factory.mktemp("weights")
    onnx_people.write_people(folder)
    red, green = (np.full((9, 9, 3), colour, np.uint8) for colour in ((200, 60, 60), (60, 200, 60)))
    return Stage(load_detector("rtmlib", folder), [red, green])


LEFT, RIGHT = (30, 20, 230, 320), (300, 110, 440, 320)
BLACK = np.zeros((*HW_SCENE, 3), np.uint8)


def check(motion: Motion, film: Film) -> None:
    """Lengths, types, and the rule for missed points."""
    assert len(motion) == film.frame_count
    assert (motion.hw, motion.fps) == (film.hw, film.fps)
    assert motion.face.depth is not None
    for track in (motion.body, motion.hands, motion.face):
        assert track.xy.dtype == track.score.dtype == np.float32
        assert np.array_equal(np.isfinite(track.xy).all(-1), track.score > 0)
        assert (track.score >= 0).all()
        places = track.xy[track.seen]
        assert ((places >= 0) & (places < film.hw[::-1])).all()


def centre(motion: Motion) -> np.ndarray:
    """Mean x of the body's points in each frame."""
    return np.nanmean(motion.body.xy[..., 0], axis=1)


def test_follows_a_person_who_moves(stage: Stage) -> None:
    film = Film([stage.scene((30 + 5 * t, 20, 230 + 5 * t, 320)) for t in range(10)])
    motion = stage.detector.detect_video(film)
    check(motion, film)
    assert motion.body.frames_seen.all()
    assert np.polyfit(np.arange(10), centre(motion), 1)[0] == pytest.approx(5, abs=1)
    assert (abs(centre(motion) - (130 + 5 * np.arange(10))) < 30).all()


def test_black_frames_in_the_middle_are_missed_and_nothing_else_is(stage: Stage) -> None:
    film = Film([stage.scene(LEFT)] * 5 + [BLACK] * 6 + [stage.scene(LEFT)] * 5)
    motion = stage.detector.detect_video(film)
    check(motion, film)
    expected = np.array([True] * 5 + [False] * 6 + [True] * 5)
    assert np.array_equal(motion.body.frames_seen, expected)
    assert not motion.face.frames_seen[~expected].any()
    assert not motion.hands.frames_seen[~expected].any()


def test_a_person_who_leaves_the_picture_is_missed_from_then_on(stage: Stage) -> None:
    film = Film([stage.scene((30 + 40 * t, 20, 230 + 40 * t, 320)) for t in range(16)])
    motion = stage.detector.detect_video(film)
    check(motion, film)
    assert motion.body.frames_seen[:6].all()
    assert not motion.body.frames_seen[12:].any()


def test_a_cut_to_another_place_is_followed_at_once(stage: Stage) -> None:
    film = Film([stage.scene(LEFT)] * 6 + [stage.scene((250, 40, 430, 310))] * 6)
    motion = stage.detector.detect_video(film)
    check(motion, film)
    assert motion.body.frames_seen.all()
    assert (centre(motion)[:6] < 200).all()
    assert (centre(motion)[6:] > 280).all()


def test_the_largest_of_two_people_is_followed_and_the_other_can_be_chosen(stage: Stage) -> None:
    film = Film([stage.scene(LEFT, RIGHT)] * 9)
    largest, other = (stage.detector.detect_video(film, person) for person in (0, 1))
    for motion in (largest, other):
        check(motion, film)
        assert motion.body.frames_seen.all()
    assert (centre(largest) < 240).all()
    assert (centre(other) > 300).all()
    tracks = stage.detector.find_people(film)
    assert len(tracks) == 2
    assert tracks[0].area > tracks[1].area > 0
    assert [track.frames_seen for track in tracks] == [9, 9]
    assert all(track.box.shape == (9, 4) and track.box.dtype == np.float32 for track in tracks)


def test_a_person_who_leaves_is_not_replaced_by_the_other(stage: Stage) -> None:
    film = Film([stage.scene(LEFT, RIGHT)] * 13 + [stage.scene(None, RIGHT)] * 5)
    motion = stage.detector.detect_video(film, 0)
    check(motion, film)
    assert motion.body.frames_seen[:13].all()
    assert not (np.nan_to_num(motion.body.xy[..., 0]) > 300).any()


def test_asking_for_a_person_too_many_names_how_many_there_are(stage: Stage) -> None:
    with pytest.raises(NoPersonError, match=r"Person 1 does not exist: 1 person was found"):
        stage.detector.detect_video(Film([stage.scene(LEFT)] * 3), 1)


def test_a_video_without_people_is_refused(stage: Stage) -> None:
    film = Film([np.full((*HW_SCENE, 3), GREY, np.uint8)] * 3)
    assert stage.detector.find_people(film) == ()
    with pytest.raises(NoPersonError, match="No person was found"):
        stage.detector.detect_video(film)


def test_one_frame_is_enough(stage: Stage) -> None:
    film = Film([stage.scene(LEFT)])
    motion = stage.detector.detect_video(film)
    check(motion, film)
    assert motion.body.frames_seen.all()


def test_a_picture_is_one_frame_and_shows_the_same_as_a_video_of_it(stage: Stage) -> None:
    picture = stage.scene(LEFT)
    motion = stage.detector.detect_image(picture)
    assert (len(motion), motion.fps, motion.hw) == (1, 1, HW_SCENE)
    still = stage.detector.detect_video(Film([picture]))
    assert np.array_equal(motion.body.xy, still.body.xy, equal_nan=True)


def test_a_picture_without_people_is_missed_throughout(stage: Stage) -> None:
    motion = stage.detector.detect_image(BLACK)
    assert not any(track.score.any() for track in (motion.body, motion.hands, motion.face))


def test_equal_videos_give_equal_motions(stage: Stage) -> None:
    film = Film([stage.scene((30 + 9 * t, 20, 230 + 9 * t, 320)) for t in range(6)])
    first = stage.detector.detect_video(film)
    stage.detector.detect_image(stage.scene(RIGHT))
    second = stage.detector.detect_video(film)
    for a, b in ((first.body, second.body), (first.hands, second.hands), (first.face, second.face)):
        assert np.array_equal(a.xy, b.xy, equal_nan=True)
        assert np.array_equal(a.score, b.score)


def test_progress_rises_to_the_end(stage: Stage) -> None:
    seen: list[tuple[int, int]] = []
    stage.detector.detect_video(Film([stage.scene(LEFT)] * 4), 0, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {4}


def test_cancelling_stops_the_work_and_the_next_run_is_whole(stage: Stage) -> None:
    read = []

    class Watched(Film):
        def frames(self, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
            for frame in super().frames(start, stop):
                read.append(frame)
                yield frame

    def cancel(_done: int, _total: int) -> None:
        raise Cancelled("stopped")

    film = Watched([stage.scene(LEFT)] * 400)
    with pytest.raises(Cancelled):
        stage.detector.detect_video(film, 0, cancel)
    stopped_after = len(read)
    assert stopped_after < 400
    short = Film([stage.scene(LEFT)] * 2)
    check(stage.detector.detect_video(short), short)
    assert len(read) == stopped_after


def test_says_what_it_is(stage: Stage) -> None:
    assert stage.detector.name in ("mediapipe", "rtmlib")
    assert stage.detector.version
    assert stage.detector.name in stage.detector.describe().lower()
