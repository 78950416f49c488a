"""Motion to other tools' formats and back; what those tools mean is written down here by hand."""

import json
import zipfile
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from apvgen import exchange, face68
from apvgen.errors import InputError, NoPersonError
from apvgen.exchange import Reading, echomimic, openpose, wholebody
from apvgen.layouts import BODY18, FACE468, FACE478, HANDS
from apvgen.types import Motion, Track

HW, FPS, T = (768, 512), Fraction(30000, 1001), 5
JOINTS = (
    *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist"),
    *("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
)
BODY_25 = (
    *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip"),
    *("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
    *("LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
)
COCO_17 = (
    *("Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow"),
    *("LWrist", "RWrist", "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle"),
)


@pytest.fixture
def motion() -> Motion:
    """Random points, some of them missed, nobody in frame 3; the neck between the shoulders."""
    rng = np.random.default_rng(0)

    def track(layout) -> Track:
        xy = rng.uniform(1, 500, (T, *layout.shape, 2)).astype(np.float32)
        score = rng.uniform(0.31, 1, (T, *layout.shape)).astype(np.float32)
        if layout is BODY18:
            xy[:, 1], score[:, 1] = xy[:, [2, 5]].mean(1), 1
            score[1, 7] = 0
        if layout is HANDS:
            score[2, 0] = 0
        score[3] = 0
        return Track(layout, np.where(score[..., None] > 0, xy, np.float32(np.nan)), score, HW, FPS)

    return Motion(track(BODY18), track(HANDS), track(FACE478))


def dots(face: Track) -> tuple[np.ndarray, np.ndarray]:
    return face68.from_mesh(face.xy, face.score)


def slower(motion: Motion) -> Motion:
    """The same frames, 24 a second."""
    return Motion(*(replace(part, fps=Fraction(24)) for part in (motion.body, motion.hands, motion.face)))


def assert_same(back: Motion, motion: Motion, atol: float = 0.0) -> None:
    assert (back.hw, back.fps) == (motion.hw, motion.fps)
    for part in ("body", "hands"):
        np.testing.assert_allclose(getattr(back, part).xy, getattr(motion, part).xy, rtol=0, atol=atol)
        np.testing.assert_array_equal(getattr(back, part).score, getattr(motion, part).score)
    (xy, score), (xy_before, score_before) = dots(back.face), dots(motion.face)
    np.testing.assert_allclose(xy, xy_before, rtol=0, atol=max(atol, 2e-4))
    np.testing.assert_array_equal(score, score_before)


@pytest.mark.parametrize("body", ["body25", "coco18"])
@pytest.mark.parametrize("name", ["poses", "poses.zip"])
def test_openpose_gives_every_shared_point_back(tmp_path, motion, body, name):
    openpose.write(motion, tmp_path / name, body)
    back = exchange.read_motion(tmp_path / name, Reading())
    assert_same(back, motion)
    np.testing.assert_array_equal(back.face.xy[:, [468, 473]], motion.face.xy[:, [468, 473]])


def test_wholebody_gives_every_shared_point_back(tmp_path, motion):
    wholebody.write(motion, tmp_path / "whole.npz")
    assert_same(exchange.read_motion(tmp_path / "whole.npz", Reading()), motion, atol=1e-4)


def test_echomimic_gives_every_shared_point_back(tmp_path, motion):
    at_24 = Motion(
        *(Track(p.layout, p.xy, p.score, HW, Fraction(24)) for p in (motion.body, motion.hands, motion.face))
    )
    echomimic.write(at_24, tmp_path / "poses")
    assert_same(exchange.read_motion(tmp_path / "poses", Reading()), at_24, atol=1e-4)


def test_a_drawn_face_of_468_points_has_no_pupils(tmp_path, motion):
    drawn = Track(FACE468, motion.face.xy[:, :468], motion.face.score[:, :468], HW, FPS)
    openpose.write(Motion(motion.body, motion.hands, drawn), tmp_path / "poses")
    back = exchange.read_motion(tmp_path / "poses", Reading())
    np.testing.assert_array_equal(dots(back.face)[1], dots(motion.face)[1])
    assert not back.face.seen[:, [468, 473]].any()


def test_equal_motion_gives_equal_zips(tmp_path, motion):
    for name in ("a.zip", "b.zip"):
        openpose.write(motion, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def keypoints(names: tuple[str, ...]) -> list[float]:
    """x = 10 + the joint's number in our body, y = 100 + that; toes and the hips' middle far away."""
    places = [JOINTS.index(name) if name in JOINTS else 900 for name in names]
    return [value for place in places for value in (10 + place, 100 + place, 0.5)]


@pytest.mark.parametrize("names", [BODY_25, JOINTS])
def test_openpose_joints_are_found_by_their_names(tmp_path, names):
    (tmp_path / "poses").mkdir()
    hand = [value for point in range(21) for value in (200 + point, 50, 0.25)]
    person = {"pose_keypoints_2d": keypoints(names), "hand_left_keypoints_2d": hand, "face_keypoints_2d": []}
    (tmp_path / "poses" / "clip_000000000007_keypoints.json").write_text(json.dumps({"people": [person]}))
    motion = exchange.read_motion(tmp_path / "poses", Reading(fps=Fraction(25)))
    np.testing.assert_array_equal(motion.body.xy[0], [(10 + k, 100 + k) for k in range(18)])
    np.testing.assert_array_equal(motion.hands.xy[0, 0, :, 0], 200 + np.arange(21))
    assert not motion.hands.seen[0, 1].any()
    assert not motion.face.seen.any()


def test_openpose_is_written_as_openpose_orders_it(tmp_path, motion):
    openpose.write(motion, tmp_path / "poses")
    names = sorted(path.name for path in (tmp_path / "poses").iterdir())
    assert names[0] == "000000000000_keypoints.json"
    frames = [json.loads((tmp_path / "poses" / name).read_text()) for name in names]
    assert frames[3]["people"] == []
    person = frames[1]["people"][0]
    body = np.array(person["pose_keypoints_2d"]).reshape(25, 3)
    for k, name in enumerate(BODY_25):
        if name == "MidHip":
            np.testing.assert_allclose(body[k, :2], motion.body.xy[1, [8, 11]].mean(0), rtol=1e-6)
        elif name not in JOINTS or name == "LWrist":
            assert not body[k].any(), name
        else:
            np.testing.assert_array_equal(body[k, :2].astype(np.float32), motion.body.xy[1, JOINTS.index(name)])
    assert len(person["face_keypoints_2d"]) == 70 * 3
    right = np.array(person["hand_right_keypoints_2d"], np.float32).reshape(21, 3)
    np.testing.assert_array_equal(right[:, :2], motion.hands.xy[1, 1])


@pytest.mark.parametrize("one_person", [True, False])
@pytest.mark.parametrize("scores", ["scores", "keypoint_scores", None])
def test_wholebody_points_are_found_by_their_numbers(tmp_path, one_person, scores):
    points = np.stack([np.arange(133.0), 200 + np.arange(133.0), np.full(133, 0.9)], -1)[None]
    points = points if one_person else points[:, None]
    arrays = {"keypoints": points} if scores is None else {"keypoints": points[..., :2], scores: points[..., 2]}
    np.savez(tmp_path / "whole.npz", **arrays)
    motion = exchange.read_motion(tmp_path / "whole.npz", Reading(default_fps=Fraction(25)))
    for joint, name in enumerate(JOINTS):
        expected = 5.5 if name == "Neck" else COCO_17.index(name)
        assert motion.body.xy[0, joint, 0] == expected, name
    np.testing.assert_array_equal(motion.hands.xy[0, 0, :, 0], 91 + np.arange(21))
    np.testing.assert_array_equal(motion.hands.xy[0, 1, :, 0], 112 + np.arange(21))
    np.testing.assert_allclose(dots(motion.face)[0][0, :, 0], 23 + np.arange(68), atol=1e-4)


def pose(offset: float = 0.0) -> dict:
    """A pose as EchoMimicV2's own tool stores it, for a landscape picture that was padded to a square."""
    rng = np.random.default_rng(1)
    candidate, hands, faces = (rng.uniform(0, 1, shape) + offset for shape in ((18, 2), (2, 21, 2), (1, 68, 2)))
    return {
        "bodies": {"candidate": candidate, "subset": np.arange(18.0)[None], "score": np.full((1, 18), 1.02)},
        "hands": hands,
        "hands_score": np.full((2, 21), 0.5),
        "faces": faces,
        "faces_score": np.full((1, 68), 0.75),
        "num": 0,
        "draw_pose_params": [432, 768, 168, 600, 0, 768],
    }


def test_echomimic_poses_are_shares_of_their_picture(tmp_path):
    (tmp_path / "poses").mkdir()
    for k in range(12):
        np.save(tmp_path / "poses" / f"{k}.npy", pose(k / 100))
    motion = exchange.read_motion(tmp_path / "poses", Reading())
    assert (len(motion), motion.hw, motion.fps) == (12, (432, 768), 24)
    last = pose(0.11)
    np.testing.assert_allclose(motion.body.xy[11], last["bodies"]["candidate"] * (768, 432), rtol=1e-6)
    np.testing.assert_allclose(motion.hands.xy[11], last["hands"] * (768, 432), rtol=1e-6)
    np.testing.assert_allclose(dots(motion.face)[0][11], last["faces"][0] * (768, 432), atol=1e-3)
    assert motion.body.score[0, 0] == np.float32(1.02)


def test_echomimic_can_read_what_is_written(tmp_path, motion):
    at_24 = Motion(
        *(Track(p.layout, p.xy, p.score, HW, Fraction(24)) for p in (motion.body, motion.hands, motion.face))
    )
    echomimic.write(at_24, tmp_path / "poses")
    content = (tmp_path / "poses" / "1.npy").read_bytes()
    assert b"numpy.core.multiarray" in content
    assert b"numpy._core" not in content, "numpy before version 2 could not load it"
    loaded = np.load(tmp_path / "poses" / "1.npy", allow_pickle=True).tolist()
    assert loaded.keys() == pose().keys()
    for key in ("hands", "hands_score", "faces", "faces_score"):
        assert loaded[key].shape == pose()[key].shape
        assert loaded[key].dtype == float
    height, width, top, bottom, left, right = loaded["draw_pose_params"]
    assert (bottom - top, right - left) == (height, width) == (768, 512)
    assert (left, right) == (128, 640)
    np.testing.assert_allclose(loaded["bodies"]["candidate"][0] * (512, 768), motion.body.xy[1, 0], rtol=1e-6)
    assert loaded["bodies"]["subset"][0, 7] == -1
    assert loaded["bodies"]["candidate"][7].tolist() == [-1, -1]


def test_the_folder_may_lie_anywhere_in_a_zip(tmp_path):
    np.save(tmp_path / "0.npy", pose())
    with zipfile.ZipFile(tmp_path / "poses.zip", "w") as archive:
        archive.write(tmp_path / "0.npy", "demo/pose/01/0.npy")
        archive.writestr("__MACOSX/demo/pose/01/._0.npy", b"resource fork")
        archive.writestr("demo/pose/.DS_Store", b"finder")
    assert len(exchange.read_motion(tmp_path / "poses.zip", Reading())) == 1


def crowd(tmp_path, frames: int = 60) -> None:
    """A small person walks right, a large one stands; they change places in the file, as trackless tools do."""
    rng = np.random.default_rng(2)
    shape = rng.uniform(0, 1, (2, 133, 2))
    keypoints = np.zeros((frames, 2, 133, 2))
    for t in range(frames):
        people = [shape[0] * 60 + (10 + 2 * t, 20), shape[1] * 300 + (300, 300)]
        keypoints[t] = people if t % 3 else people[::-1]
    np.savez(tmp_path / "two.npz", keypoints=keypoints, scores=np.ones((frames, 2, 133)), fps=30, hw=[700, 700])


def test_a_person_is_followed_though_the_order_changes(tmp_path):
    crowd(tmp_path)
    large, small = (exchange.read_motion(tmp_path / "two.npz", Reading(person=person)) for person in (0, 1))
    assert large.fps == 30
    np.testing.assert_allclose(np.diff(large.body.xy[:, 0, 0]), 0, atol=1e-4)
    np.testing.assert_allclose(np.diff(small.body.xy[:, 0, 0]), 2, atol=1e-4)
    with pytest.raises(NoPersonError, match="choose from 0 to 1"):
        exchange.read_motion(tmp_path / "two.npz", Reading(person=2))


def test_a_track_that_does_not_say_its_rate_and_size_takes_what_is_given(tmp_path):
    xy = np.random.default_rng(3).uniform(10, 333, (4, 133, 2))
    np.savez(tmp_path / "bare.npz", keypoints=xy, scores=np.ones((4, 133)))
    with pytest.raises(InputError, match="give --fps"):
        exchange.read_motion(tmp_path / "bare.npz", Reading())
    motion = exchange.read_motion(tmp_path / "bare.npz", Reading(default_fps=Fraction(25)))
    assert motion.fps == 25
    assert all(side % 2 == 0 for side in motion.hw)
    assert (motion.hw[::-1] > motion.body.xy.max((0, 1))).all()
    motion = exchange.read_motion(tmp_path / "bare.npz", Reading(fps=Fraction(50), hw=(400, 600)))
    assert (motion.fps, motion.hw) == (50, (400, 600))


def test_coordinates_that_are_shares_need_the_size_of_the_picture(tmp_path):
    (tmp_path / "poses").mkdir()
    person = {"pose_keypoints_2d": [0.25, 0.5, 0.9] * 18}
    (tmp_path / "poses" / "0.json").write_text(json.dumps({"people": [person]}))
    with pytest.raises(InputError, match="--size"):
        exchange.read_motion(tmp_path / "poses", Reading(fps=Fraction(25)))
    motion = exchange.read_motion(tmp_path / "poses", Reading(fps=Fraction(25), hw=(400, 600)))
    assert motion.body.xy[0, 0].tolist() == [150, 200]


def test_parts_that_controlnets_tools_leave_out_are_missed(tmp_path):
    (tmp_path / "poses").mkdir()
    person = {"pose_keypoints_2d": keypoints(JOINTS), "face_keypoints_2d": None, "hand_left_keypoints_2d": None}
    frame = {"people": [person], "canvas_height": 300, "canvas_width": 400}
    (tmp_path / "poses" / "0.json").write_text(json.dumps(frame))
    motion = exchange.read_motion(tmp_path / "poses", Reading(fps=Fraction(25)))
    assert motion.hw == (300, 400)
    assert motion.body.seen.all()
    assert not motion.hands.seen.any()


def test_another_tools_track_becomes_a_motion_file_while_it_is_needed(tmp_path, motion):
    openpose.write(motion, tmp_path / "dance")
    with exchange.as_motion_file(tmp_path / "dance", Reading()) as place:
        assert place.name == "dance.npz"
        assert_same(exchange.read_motion(place, Reading()), motion)
    assert not place.exists()
    video = tmp_path / "dance.mp4"
    with exchange.as_motion_file(video, Reading()) as place:
        assert place is video
