"""Pose frames against the reference pictures, and against a slow drawing on everything those do not show."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from apvgen.layouts import BODY18, FACE68_FROM_MESH, FACE468, FACE478, HANDS
from apvgen.pose import People, draw_face_mesh, draw_people, draw_pose, people_canvas, pose_frames
from apvgen.types import HW, Layout, Motion, Track
from benchmarks.pose import draw_face_mesh_slowly, draw_people_slowly

HW_OUT = (768, 512)


def _picture(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def _black(hw: HW) -> np.ndarray:
    return np.zeros((*hw, 3), np.uint8)


@pytest.mark.golden
@pytest.mark.parametrize("name", ["set0", "set1", "set2"])
@pytest.mark.parametrize("hw", [(768, 512), (1024, 576)])
def test_people_are_drawn_like_the_original(golden: Path, name: str, hw: HW):
    gold = np.load(golden / "dwpose/draw_pose.npz")
    wanted = _picture(golden / f"dwpose/png/{name}_{hw[1]}x{hw[0]}.png")
    keys = ("score", "hands", "hands_score", "faces", "faces_score")
    people = People(gold[f"{name}_candidate"].reshape(-1, 18, 2), *(gold[f"{name}_{key}"] for key in keys))
    np.testing.assert_array_equal(draw_people(people, people_canvas(hw)), wanted)


@pytest.mark.golden
@pytest.mark.parametrize("frame", [0, 4])
def test_rescaled_people_are_drawn_like_the_original(golden: Path, frame: int):
    gold = np.load(golden / "dwpose/pose_rescale.npz")
    keys = ("score", "rescaled_hands", "hands_score", "rescaled_faces", "faces_score")
    bodies = gold[f"frame{frame}_rescaled_candidate"].reshape(-1, 18, 2)
    people = People(bodies, *(gold[f"frame{frame}_{key}"] for key in keys))
    wanted = _picture(golden / f"dwpose/png/rescaled_frame{frame}_512x768.png")
    np.testing.assert_array_equal(draw_people(people, people_canvas(HW_OUT)), wanted)


FACES = [f"face{k}_normed_512x{h}" for k in range(6) for h in (512, 768)] + [
    "mesh0_pixels_512x512",
    "mesh3_pixels_512x512",
    "mesh1_outside_512x512",
]


@pytest.mark.golden
@pytest.mark.parametrize("name", FACES)
def test_the_face_mesh_is_drawn_like_the_original(golden: Path, name: str):
    folder = golden / "aniportrait"
    which, kind, _ = name.split("_")
    geometry, projected = np.load(folder / "face_geometry.npz"), np.load(folder / "pose_util.npz")
    face = {
        "normed": lambda: geometry["landmarks"][int(which[-1]), :, :2],
        "pixels": lambda: projected["project_points"][int(which[-1])] / 512,
        "outside": lambda: projected["outside_keypoints"] / 512,
    }[kind]()
    wanted = _picture(folder / f"face_png/{name}.png")
    np.testing.assert_array_equal(draw_face_mesh(face, _black(wanted.shape[:2])), wanted)


def _random_people(rng: np.random.Generator, count: int) -> People:
    """People somewhere on and around the picture, some scores above 1, some points missed."""

    def scatter(groups: int, points: int, size: float) -> tuple[np.ndarray, np.ndarray]:
        xy = rng.uniform(-0.2, 1.2, (groups, 1, 2)) + rng.uniform(-size, size, (groups, points, 2))
        score = rng.uniform(0, 1.1, (groups, points))
        score[rng.random(score.shape) < 0.1] = 0
        xy[score == 0] = np.nan
        return xy, score

    return People(*scatter(count, 18, 0.5), *scatter(2 * count, 21, 0.1), *scatter(count, 68, 0.1))


SIZES = [(768, 512), (1024, 576), (512, 768), (400, 500), (770, 514), (64, 64), (720, 1080), (2200, 2304)]


@pytest.mark.parametrize("hw", SIZES, ids=str)
def test_any_people_equal_the_slow_drawing_at_any_size(hw: HW):
    rng, canvas = np.random.default_rng(hw), people_canvas(hw)
    for count in (1, 2, 3):
        people = _random_people(rng, count)
        np.testing.assert_array_equal(draw_people(people, canvas), draw_people_slowly(_without_nan(people), hw))


def _without_nan(people: People) -> People:
    """The slow drawing looks at scores only."""
    return People(*(np.nan_to_num(array, nan=0.5) for array in vars(people).values()))


@pytest.mark.parametrize("hw", SIZES, ids=str)
def test_any_face_mesh_equals_the_slow_drawing_at_any_size(hw: HW):
    rng = np.random.default_rng(hw)
    for size in (0.02, 0.1, 0.8):
        face = rng.uniform(0, 1, 2) + rng.uniform(-size, size, (468, 2))
        face[rng.random(468) < 0.1] = np.nan
        np.testing.assert_array_equal(draw_face_mesh(face, _black(hw)), draw_face_mesh_slowly(face, hw))


def test_points_on_the_very_edge_are_drawn_on_the_last_pixel():
    face = np.tile([1.0, 0.0], (468, 1))
    assert draw_face_mesh(face, _black((512, 512)))[0, 511].any()


def test_a_missed_point_is_never_drawn_whatever_its_score_says():
    rng = np.random.default_rng(3)
    people = _random_people(rng, 2)
    scored = replace(people, bodies_score=np.where(np.isnan(people.bodies[..., 0]), 0.9, people.bodies_score))
    canvas = people_canvas(HW_OUT)
    np.testing.assert_array_equal(draw_people(scored, canvas), draw_people(people, canvas))
    nowhere = People(*(np.full_like(array, np.nan) for array in vars(people).values()))
    assert not draw_people(nowhere, canvas).any()


def _motion(frames: int = 3, face: Layout = FACE478, hw: HW = HW_OUT) -> Motion:
    """A person drifting through the picture."""
    rng = np.random.default_rng(5)

    def track(layout: Layout, centre: tuple[float, float], size: float) -> Track:
        points = rng.uniform(-size, size, (*layout.shape, 2)) + centre
        xy = points + np.linspace(0, 0.2, frames).reshape(-1, *[1] * points.ndim)
        score = rng.uniform(0.4, 1, (frames, *layout.shape)).astype(np.float32)
        return Track(layout, (xy * hw[::-1]).astype(np.float32), score, hw, Fraction(25))

    return Motion(track(BODY18, (0.4, 0.5), 0.3), track(HANDS, (0.4, 0.6), 0.1), track(face, (0.4, 0.2), 0.08))


def _people_of(motion: Motion, t: int, faces: np.ndarray, faces_score: np.ndarray) -> People:
    wh = motion.hw[::-1]
    body, hands = motion.body, motion.hands
    return People(body.xy[[t]] / wh, body.score[[t]], hands.xy[t] / wh, hands.score[t], faces, faces_score)


def test_dots68_draws_the_face_as_68_points_of_the_mesh():
    motion = _motion()
    pairs = np.array(FACE68_FROM_MESH)
    dots = motion.face.xy[1][pairs].astype(float).mean(1) / motion.hw[::-1]
    people = _people_of(motion, 1, dots[None], motion.face.score[1][pairs].min(1)[None])
    np.testing.assert_array_equal(draw_pose(motion, 1, "dots68"), draw_people_slowly(people, HW_OUT))


@pytest.mark.parametrize("layout", [FACE478, FACE468])
def test_mesh_lays_the_lines_over_body_and_hands(layout: Layout):
    motion = _motion(face=layout)
    people = draw_people_slowly(_people_of(motion, 2, np.empty((0, 68, 2)), np.empty((0, 68))), HW_OUT)
    mesh = draw_face_mesh_slowly(motion.face.xy[2] / np.array(HW_OUT[::-1], float), HW_OUT)
    wanted = np.where(mesh.any(-1, keepdims=True), mesh, people)
    np.testing.assert_array_equal(draw_pose(motion, 2, "mesh"), wanted)
    assert (people.any(-1) & mesh.any(-1)).any()


@pytest.mark.parametrize("style", ["mesh", "dots68"])
def test_frames_on_one_canvas_leave_nothing_behind(style: str):
    motion = _motion()
    for t, frame in enumerate(pose_frames(motion, style)):
        np.testing.assert_array_equal(frame, draw_pose(motion, t, style))


@pytest.mark.parametrize("style", ["mesh", "dots68"])
def test_a_frame_without_a_pose_is_black(style: str):
    nobody = Motion(*(Track.empty(layout, 2, HW_OUT, Fraction(25)) for layout in (BODY18, HANDS, FACE478)))
    for frame in pose_frames(nobody, style):
        assert frame.shape == (*HW_OUT, 3)
        assert frame.dtype == np.uint8
        assert not frame.any()


@pytest.mark.parametrize("style", ["mesh", "dots68"])
def test_the_pose_is_stretched_to_another_size(style: str):
    small, large = _motion(hw=(384, 256)), _motion(hw=HW_OUT)
    np.testing.assert_array_equal(draw_pose(small, 0, style, HW_OUT), draw_pose(large, 0, style))


@pytest.mark.parametrize("style", ["mesh", "dots68"])
def test_a_missed_face_point_takes_its_lines_or_dot_with_it(style: str):
    motion = _motion()
    face = motion.face
    gone = replace(face, score=np.zeros_like(face.score))
    faceless = draw_pose(replace(motion, face=gone), 0, style)
    nan = replace(face, xy=np.full_like(face.xy, np.nan))
    np.testing.assert_array_equal(draw_pose(replace(motion, face=nan), 0, style), faceless)
    assert (draw_pose(motion, 0, style) != faceless).any()


def test_an_unknown_face_style_is_refused():
    with pytest.raises(ValueError, match="mesh or dots68"):
        draw_pose(_motion(), 0, "lines")
