"""A project's pose written for other tools, from Python and from the command line."""

import json
import sys
from fractions import Fraction

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from apvgen import cli, exchange, pipeline, project
from apvgen.config import Limits
from apvgen.errors import OutputError
from apvgen.exchange import Reading
from apvgen.exchange.export import export, squared
from apvgen.exchange.video import wan_video
from apvgen.layouts import FACE478
from apvgen.media import VideoReader
from apvgen.pose import draw_pose
from apvgen.types import Track


def run(*arguments: object):
    return CliRunner().invoke(cli.cli, [str(argument) for argument in arguments], catch_exceptions=False)


def test_the_pose_video_shows_the_pose_frames_and_has_the_voice(tmp_path, small_project):
    told = []
    done = export(small_project, "pose-video", tmp_path / "pose.mp4", on_progress=lambda *event: told.append(event))
    video = VideoReader(done.path, None, Limits())
    assert (done.frames, done.fps, video.frame_count, video.fps, video.hw) == (12, 25, 12, 25, (128, 64))
    assert video.info.has_audio
    _, alignment = project.load_tracks(small_project)
    expected = draw_pose(alignment.target, 5, "mesh")
    assert np.abs(list(video.frames())[5].astype(int) - expected).mean() < 6  # four colour samples share one in a video
    assert told[-1] == ("export", 12, 12)


def test_the_photo_beside_is_cut_as_the_pose_is(tmp_path, small_project):
    done = export(small_project, "openpose", tmp_path / "poses")
    photo = cv2.cvtColor(cv2.imread(str(done.photo)), cv2.COLOR_BGR2RGB)
    analysis, _ = project.load_tracks(small_project)
    np.testing.assert_array_equal(photo, pipeline.load_reference(small_project, analysis).image)
    assert done.photo == tmp_path / "poses-photo.png"
    assert export(small_project, "openpose", tmp_path / "found", "detected").photo is None


def test_wan_gets_16_frames_a_second_in_whole_clips_and_no_face(tmp_path, small_project):
    done = export(small_project, "wan-s2v", tmp_path / "wan.mp4")
    video = VideoReader(done.path, None, Limits())
    assert (done.frames, video.frame_count, video.fps) == (80, 80, 16)
    analysis, _ = project.load_tracks(small_project)
    lost = Track.empty(FACE478, len(analysis), analysis.driving.hw, analysis.driving.fps)
    faceless = type(analysis.driving)(analysis.driving.body, analysis.driving.hands, lost)
    with_face, without = (list(wan_video(motion, "mesh")[0]) for motion in (analysis.driving, faceless))
    np.testing.assert_array_equal(with_face, without)
    assert with_face[0].any()


def test_wan_shows_the_pose_of_its_own_moment(analysis):
    body = analysis.driving.body
    moving = body.xy + np.arange(len(body), dtype=np.float32)[:, None, None] * 9
    driving = type(analysis.driving)(
        Track(body.layout, moving, body.score, body.hw, body.fps), analysis.driving.hands, analysis.driving.face
    )
    frames, count, _ = wan_video(driving, "mesh")
    pictures = list(frames)
    left = [int(np.flatnonzero(picture.any((0, 2)))[0]) for picture in pictures]
    expected = [left[0] + 9 * min(11, round(k * 25 / 16)) for k in range(count)]
    np.testing.assert_allclose(left, expected, atol=9)
    assert left[-1] == left[8], "the last pose is held"


@pytest.mark.parametrize(
    ("form", "name"),
    [("openpose", "a"), ("openpose-coco", "a.zip"), ("wholebody", "a.npz"), ("echomimic", "a")],
)
def test_what_was_exported_can_drive(tmp_path, small_project, form, name):
    done = export(small_project, form, tmp_path / name, "detected")
    analysis, _ = project.load_tracks(small_project)
    back = exchange.read_motion(done.path, Reading())
    assert (len(back), back.fps) == (done.frames, done.fps)
    places = back.body.xy * np.divide(analysis.driving.hw, back.hw)[::-1]
    places[:, 1] = analysis.driving.body.xy[0, 1] if form == "wholebody" else places[:, 1]
    np.testing.assert_allclose(places[0], analysis.driving.body.xy[0], atol=0.01)


def test_echomimic_gets_24_frames_a_second_and_a_square_photo(tmp_path, small_project):
    done = export(small_project, "echomimic", tmp_path / "poses")
    assert (done.frames, done.fps) == (12, 24)
    photo = cv2.imread(str(done.photo))
    assert photo.shape == (768, 768, 3)
    assert not photo[:, :192].any()
    assert photo[:, 192:576].any((0, 2)).all()


def test_a_wide_picture_is_padded_above_and_below():
    canvas = squared(np.full((60, 120, 3), 200, np.uint8))
    assert (canvas[192:576] == 200).all()
    assert not canvas[:192].any()
    assert not canvas[576:].any()


@pytest.mark.parametrize(
    ("form", "name", "match"),
    [
        ("pose-video", "a.avi", "end in .mp4"),
        ("wan-s2v", "a", "end in .mp4"),
        ("wholebody", "a.zip", "end in .npz"),
        ("openpose", "taken", "exists already"),
        ("echomimic", "taken", "exists already"),
    ],
)
def test_a_bad_place_is_refused_before_any_work(tmp_path, small_project, form, name, match):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=match):
        export(small_project, form, tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_export_and_import_from_the_command_line(tmp_path, small_project):
    place, motion = tmp_path / "poses", tmp_path / "motion.npz"
    result = run("export", "--project", small_project.folder, "--format", "openpose", "--out", place, "--json")
    told = json.loads(result.output)
    assert told == {"path": str(place), "photo": f"{place}-photo.png", "frames": 12, "fps": "25"}
    told = json.loads(run("import", place, "--out", motion, "--fps", "50", "--json").output)
    assert (told["frames"], told["fps"], told["size"]) == (12, "50", [128, 64])
    assert told["share_with_body"] == told["share_with_face"] == 1
    assert exchange.read_motion(motion, Reading()).fps == Fraction(50)
    assert "body in 100 %" in run("import", place, "--out", motion).output


def test_a_bad_track_is_one_clear_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    for out, message in (("motion.npz", "no .json and no .npy"), ("motion.txt", "end in .npz")):
        monkeypatch.setattr(sys, "argv", ["apvgen", "import", str(tmp_path / "empty"), "--out", str(tmp_path / out)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        assert exit_.value.code == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error


def test_formats_on_the_command_line_are_those_of_the_package():
    from typing import get_args

    from apvgen.cli import exchange as commands
    from apvgen.exchange import export as package

    assert get_args(package.Format) == commands._FORMATS
    assert get_args(package.Source) == commands._SOURCES
