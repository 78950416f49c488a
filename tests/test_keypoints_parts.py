"""The parts that detectors share: orders of points, what is dropped, smoothing, searching, segments, choosing."""

import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from apvgen.errors import Cancelled, MissingModelError
from apvgen.keypoints import coco133, load_detector, rtmlib_weights
from apvgen.keypoints.blazepose import steady
from apvgen.keypoints.clean import (
    BODY18_FROM_BLAZEPOSE,
    HEAD_FROM_MESH,
    doubled_hands,
    face_fits,
    openpose18,
    seen_track,
)
from apvgen.keypoints.graphs import Circle
from apvgen.keypoints.locate import box_of, locate
from apvgen.keypoints.lookout import Lookout
from apvgen.keypoints.segments import run_segments, segments
from apvgen.layouts import FACE478, HANDS

ROOT = Path(__file__).resolve().parents[1]
HW = (100, 200)


@pytest.mark.golden
def test_coco133_becomes_openpose_as_in_the_published_code(golden):
    data = np.load(golden / "dwpose" / "coco133_to_openpose.npz")
    xy, score = coco133.body18(data["keypoints_133"], data["scores_133"].astype(float))
    np.testing.assert_allclose(xy, data["keypoints_134"][:, :18], rtol=0, atol=1e-9)
    np.testing.assert_allclose(score, data["scores_134"][:, :18], rtol=0, atol=1e-9)
    xy, score = coco133.hands(data["keypoints_133"], data["scores_133"])
    hands = data["keypoints_134"][:, 92:134].reshape(-1, 2, 21, 2)
    np.testing.assert_allclose(xy, hands, rtol=0, atol=1e-9)
    np.testing.assert_allclose(score, data["scores_134"][:, 92:134].reshape(-1, 2, 21), rtol=0, atol=1e-9)


def test_blazepose_joints_have_the_names_that_openpose_gives_them():
    from mediapipe.python.solutions.pose import PoseLandmark

    names = (
        "NOSE", None, "RIGHT_SHOULDER", "RIGHT_ELBOW", "RIGHT_WRIST", "LEFT_SHOULDER", "LEFT_ELBOW", "LEFT_WRIST",
        "RIGHT_HIP", "RIGHT_KNEE", "RIGHT_ANKLE", "LEFT_HIP", "LEFT_KNEE", "LEFT_ANKLE",
        "RIGHT_EYE", "LEFT_EYE", "RIGHT_EAR", "LEFT_EAR",
    )  # fmt: skip
    for source, name in zip(BODY18_FROM_BLAZEPOSE, names, strict=True):
        assert name is None or PoseLandmark(source).name == name


@pytest.mark.parametrize(("scores", "neck"), [((0.31, 0.9), 1), ((0.3, 0.9), 0), ((0.9, 0.1), 0)])
def test_a_neck_needs_both_shoulders(scores, neck):
    xy, score = np.zeros((33, 2)), np.ones(33)
    xy[12], xy[11], score[[12, 11]] = (10, 20), (30, 40), scores
    points, found = openpose18(xy, score, BODY18_FROM_BLAZEPOSE)
    assert points[1] == pytest.approx((20, 30))
    assert found[1] == neck


def test_points_off_the_picture_are_missed():
    places = [(-0.1, 50), (0, 0), (199.9, 99.9), (200, 50), (50, 100), (np.nan, 3), (20, 30)]
    xy = np.full((1, 478, 3), 5.0)
    xy[0, :7, :2] = places
    score = np.full((1, 478), 0.5)
    score[0, 6] = 0
    track = seen_track(FACE478, xy, score, HW, Fraction(25))
    assert track.seen[0, :8].tolist() == [False, True, True, False, False, False, False, True]
    assert np.isnan(track.xy[0, [0, 3, 4, 5, 6]]).all()
    assert np.isnan(track.depth[0, [0, 3, 4, 5, 6]]).all()
    assert track.depth[0, 7] == 5


def test_one_hand_seen_by_both_sides_is_noticed_and_folded_hands_are_not():
    rng = np.random.default_rng(0)
    left = rng.uniform(0, 50, (21, 2))
    same, folded = left + rng.normal(0, 2, (21, 2)), left[::-1] + 5
    assert doubled_hands(np.stack([[left, same], [left, folded]])).tolist() == [True, False]
    assert not doubled_hands(np.full((1, *HANDS.shape, 2), np.nan)).any()


def test_a_mesh_must_lie_on_the_head():
    face = np.random.default_rng(0).uniform(0, 100, (478, 3))
    head = face[list(HEAD_FROM_MESH), :2] + 8
    elsewhere = head + np.array([60, 0])
    assert face_fits(np.stack([face, face]), np.stack([head, elsewhere])).tolist() == [True, False]


class TestSteady:
    """The smoothing of body joints."""

    fps = Fraction(30)

    def test_a_resting_joint_loses_two_thirds_of_its_noise(self):
        noise = np.random.default_rng(0).normal(0, 3, (300, 1, 2))
        assert steady(noise, 5, self.fps, ())[20:-20].std() < 3 / 3

    def test_even_motion_passes_without_lag(self):
        ramp = np.arange(60.0)[:, None, None] * [[[4, -2]]]
        np.testing.assert_allclose(steady(ramp, 5, self.fps, ())[15:-15], ramp[15:-15], atol=1e-9)

    def test_a_sudden_gesture_is_kept_and_stays_symmetrical_in_time(self):
        gesture = np.zeros((41, 1, 2))
        gesture[18:23] = 100
        out = steady(gesture, 5, self.fps, ())
        assert out[20].min() > 97
        np.testing.assert_allclose(out, out[::-1], atol=1e-9)

    def test_nothing_leaks_across_a_cut_or_into_missed_frames(self):
        xy = np.zeros((20, 1, 2))
        xy[10:], xy[15] = 500, np.nan
        out = steady(xy, 5, self.fps, (10,))
        assert (out[:10] == 0).all()
        np.testing.assert_allclose(np.delete(out[10:], 5, axis=0), 500)
        assert np.isnan(out[15]).all()


class OneDisc:
    """Stands in for the person network: sees a white disc that fills enough of its window."""

    def __init__(self, least: float) -> None:
        self.least, self.calls = least, 0

    def __call__(self, window: np.ndarray) -> list[tuple[float, Circle]]:
        self.calls += 1
        rows, columns = np.nonzero(window[..., 0] > 128)
        if not len(rows) or np.ptp(rows) / max(window.shape) < self.least:
            return []
        return [(0.95, Circle(float(columns.mean()), float(rows.mean()), 0.0, -float(np.ptp(rows)) / 2))]


@pytest.mark.parametrize(("hw", "x", "y", "radius"), [((360, 640), 500, 200, 60), ((640, 360), 80, 560, 70)])
def test_a_small_person_is_found_in_a_smaller_window(hw, x, y, radius):
    rows, columns = np.mgrid[: hw[0], : hw[1]]
    disc = ((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)[..., None].repeat(3, -1)
    picture = (disc * 255).astype(np.uint8)
    ((_, found),) = locate(picture, OneDisc(least=0.5))
    assert found[:2] == pytest.approx((x, y), abs=1)
    assert found.radius == pytest.approx(radius, abs=1)


def test_a_large_person_is_found_at_first_look():
    rows, columns = np.mgrid[:360, :300]
    picture = (((rows - 180) ** 2 + (columns - 150) ** 2 <= 140**2)[..., None].repeat(3, -1) * 255).astype(np.uint8)
    graph = OneDisc(least=0.5)
    assert len(locate(picture, graph)) == 1
    assert graph.calls == 1


@pytest.mark.parametrize("hw", [(1, 1), (3, 500), (40, 40)])
def test_pictures_of_any_size_can_be_searched(hw):
    assert locate(np.zeros((*hw, 3), np.uint8), OneDisc(least=0.5)) == []


def test_cuts_are_told_from_motion_and_people_are_looked_for_at_intervals_and_cuts():
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.integers(0, 255, (120, 400, 3)).astype(np.uint8), (0, 0), 3)
    pan = [texture[:, 2 * t : 2 * t + 200] for t in range(20)]
    other = [255 - frame // 2 for frame in pan[:10]]
    looked = []

    def sight(image):
        looked.append(image)
        return [np.array([10, 10, 60, 110], np.float32)]

    lookout = Lookout(sight, step=8, start=3)
    given = list(lookout.watch(pan[2:] + other, first=2))
    assert len(given) == 28
    assert lookout.cuts == {20}
    assert sorted(lookout.sightings) == [8, 16, 20, 24]
    assert len(looked) == 5  # and once at the first image, for the guess
    assert lookout.guess.begins_shot(20)


def test_the_box_of_a_person_stays_in_the_picture_and_follows_the_tilt():
    np.testing.assert_allclose(box_of(Circle(100, 60, 0, -40), HW), [84, 10, 116, 100])
    np.testing.assert_allclose(box_of(Circle(100, 50, 40, 0), HW), [60, 34, 150, 66])


@pytest.mark.parametrize("frames", [1, 47, 48, 133, 15000])
def test_segments_cover_every_frame_once(frames):
    pieces = segments(frames)
    assert [frame for start, stop in pieces for frame in range(start, stop)] == list(range(frames))
    lengths = [stop - start for start, stop in pieces]
    assert max(lengths) - min(lengths) <= 1


def test_results_come_in_order_whatever_the_number_of_workers():
    done = []
    for workers in (1, 3):
        out = run_segments(
            [(0, 2), (2, 5), (5, 6)], lambda a, b, tick: [tick() for _ in range(a, b)] and (a, b), workers, done.append
        )
        assert out == [(0, 2), (2, 5), (5, 6)]
    assert max(done) == 6


def test_an_error_in_one_segment_ends_the_others():
    finished = []

    def work(start, _stop, tick):
        if start == 0:
            raise ValueError("broken")
        for _ in range(10000):
            threading.Event().wait(0.001)
            tick()
        finished.append(start)

    with pytest.raises(ValueError, match="broken"):
        run_segments([(0, 1), (1, 2), (2, 3)], work, 2, [].append)
    assert not finished
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("keypoints")]


def test_a_cancelled_run_leaves_no_thread_behind():
    def endless(_start, _stop, tick):
        while True:
            threading.Event().wait(0.001)
            tick()

    def cancel(_done):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        run_segments([(0, 1), (1, 2)], endless, 2, cancel)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("keypoints")]


class TestChoice:
    """`load_detector` and the weights it looks for."""

    @pytest.fixture(autouse=True)
    def _no_weights(self, monkeypatch, tmp_path):
        monkeypatch.setenv("APVGEN_RTMLIB_WEIGHTS", str(tmp_path))

    @staticmethod
    def put(folder: Path, **sizes: int) -> None:
        for name, size in sizes.items():
            (folder / f"{name}.onnx").write_bytes(b"x" * size)

    def test_auto_is_mediapipe_without_weights_and_says_so(self):
        detector = load_detector("auto")
        assert detector.name == "mediapipe"
        assert "no weights" in detector.describe()

    def test_auto_is_rtmlib_with_weights_and_says_so(self, tmp_path):
        self.put(tmp_path, yolox_m=3, rtmw_l=3)
        detector = load_detector("auto")
        assert detector.name == "rtmlib"
        assert "weights were found" in detector.describe()
        assert "rtmw_l" in detector.version

    def test_of_several_weights_the_small_finder_and_the_large_body_are_taken(self, tmp_path):
        assert rtmlib_weights() == ()
        self.put(tmp_path, yolox_m=5, yolox_tiny=2)
        assert rtmlib_weights() == ()
        self.put(tmp_path, dw_s=4, rtmw_l=9)
        assert [path.name for path in rtmlib_weights()] == ["yolox_tiny.onnx", "rtmw_l.onnx"]

    def test_a_folder_without_weights_is_named(self, tmp_path):
        with pytest.raises(MissingModelError, match=f"yolox.*{tmp_path.name}.*mediapipe"):
            load_detector("rtmlib", tmp_path)

    def test_offline_says_what_to_do(self, monkeypatch):
        import rtmlib.tools.file

        def offline(_url):
            raise OSError("no route to host")

        monkeypatch.setattr(rtmlib.tools.file, "download_checkpoint", offline)
        with pytest.raises(MissingModelError, match=r"no route to host.*go online once"):
            load_detector("rtmlib")

    def test_damaged_weights_are_named(self, tmp_path):
        self.put(tmp_path, yolox_m=30, dw_l=30)
        with pytest.raises(MissingModelError, match=r"yolox_m\.onnx cannot be loaded"):
            load_detector("rtmlib", tmp_path).detect_image(np.zeros((64, 64, 3), np.uint8))

    def test_an_unknown_name_is_refused(self):
        with pytest.raises(ValueError, match="openpose"):
            load_detector("openpose")


def run_python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)


def test_choosing_a_detector_imports_no_network():
    heavy = "{'mediapipe', 'rtmlib', 'onnxruntime', 'scipy', 'av'}"
    code = f"import sys, apvgen.keypoints as k; k.load_detector('mediapipe'); print({heavy} & set(sys.modules))"
    assert run_python(code).stdout.strip() == "set()"


def test_detecting_prints_nothing():
    code = (
        "import numpy, apvgen.keypoints as k; k.load_detector('mediapipe').detect_image(numpy.zeros((99, 99, 3), 'u1'))"
    )
    done = run_python(code)
    assert (done.stdout, done.stderr) == ("", "")
