"""What people really hand in: each bad input ends in one clear sentence and leaves nothing, each odd one works.

Everything here runs the real detector, voice model and draft renderer, on the bundled example.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apvgen import project
from apvgen.config import Limits, Options
from apvgen.errors import InputError, LimitError, MediaError, NoPersonError
from apvgen.media import read_image, write_video
from apvgen.pipeline import Animator
from apvgen.types import Audio

EXAMPLE = Path(__file__).resolve().parents[1] / "assets" / "example"
FPS = Fraction(25)


@pytest.fixture(scope="module")
def animator(tmp_path_factory):
    os.environ["APVGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield Animator(Options(detector="mediapipe"))
    del os.environ["APVGEN_CACHE"]


@pytest.fixture(scope="module")
def photo():
    return read_image(EXAMPLE / "photo.jpg", Limits())


@pytest.fixture
def inputs(tmp_path, photo):
    """The example's photo, half a second of speech, and a video made of the photo."""
    from apvgen.media import read_audio

    voice = read_audio(EXAMPLE / "voice.wav", Limits())
    half_a_second = Audio(voice.samples[:, voice.rate : voice.rate * 3 // 2], voice.rate)
    blank = np.zeros((13, 64, 64, 3), np.uint8)
    write_video(tmp_path / "voice.mp4", blank, FPS, half_a_second)
    write_video(tmp_path / "driving.mp4", still(photo, 13), FPS)
    return {"reference": EXAMPLE / "photo.jpg", "driving": tmp_path / "driving.mp4", "voice": tmp_path / "voice.mp4"}


def still(picture: np.ndarray, frames: int) -> np.ndarray:
    return np.repeat(picture[None], frames, 0)


def refused(animator, inputs, tmp_path, error: type[InputError]) -> str:
    with pytest.raises(error) as caught:
        animator.analyse(inputs, tmp_path / "project")
    assert not (tmp_path / "project").exists()
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def noise(hw: tuple[int, int], frames: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (frames, *hw, 3), np.uint8)


def test_a_reference_without_a_face(animator, inputs, tmp_path):
    Image.fromarray(noise((300, 200), 1)[0]).save(tmp_path / "wall.png")
    sentence = refused(animator, {**inputs, "reference": tmp_path / "wall.png"}, tmp_path, NoPersonError)
    assert "No face was found in the reference photo wall.png" in sentence


def test_a_driving_video_without_a_person(animator, inputs, tmp_path):
    write_video(tmp_path / "rain.mp4", noise((96, 64), 13), FPS)
    refused(animator, {**inputs, "driving": tmp_path / "rain.mp4"}, tmp_path, NoPersonError)


def test_a_person_who_is_not_there(inputs, tmp_path, monkeypatch):
    monkeypatch.setenv("APVGEN_CACHE", str(tmp_path / "cache"))
    second = Animator(Options(detector="mediapipe", person=1))
    refused(second, inputs, tmp_path, NoPersonError)


@pytest.mark.parametrize("role", ["reference", "driving", "voice"])
@pytest.mark.parametrize("kind", ["text", "empty", "missing", "folder", "truncated"])
def test_files_that_are_not_what_they_should_be(animator, inputs, tmp_path, role, kind):
    bad = tmp_path / f"bad{inputs[role].suffix}"
    if kind == "text":
        bad.write_text("these are not the pixels you are looking for" * 50)
    elif kind == "empty":
        bad.touch()
    elif kind == "folder":
        bad.mkdir()
    elif kind == "truncated":
        bad.write_bytes(inputs[role].read_bytes()[:1500])
    sentence = refused(animator, {**inputs, role: bad}, tmp_path, InputError)
    assert bad.name in sentence


def test_a_voice_without_sound_and_a_silent_voice(animator, inputs, tmp_path):
    refused(animator, {**inputs, "voice": inputs["driving"]}, tmp_path, MediaError)
    silence = Audio(np.zeros((1, 16000), np.float32), 16000)
    write_video(tmp_path / "silent.mp4", np.zeros((25, 64, 64, 3), np.uint8), FPS, silence)
    assert "silent" in refused(animator, {**inputs, "voice": tmp_path / "silent.mp4"}, tmp_path, MediaError)


def test_limits_are_stated_and_configurable(inputs, tmp_path):
    short = Animator(Options(detector="mediapipe", limits=Limits(video_seconds=0.3)))
    assert "0.3 s" in refused(short, inputs, tmp_path, LimitError)
    small = Animator(Options(detector="mediapipe", limits=Limits(image_pixels=1000)))
    refused(small, inputs, tmp_path, LimitError)


def test_a_one_frame_video_drives_a_still_body(animator, inputs, tmp_path, photo):
    write_video(tmp_path / "one.mp4", still(photo, 1), FPS)
    made = animator.analyse({**inputs, "driving": tmp_path / "one.mp4"}, tmp_path / "project")
    analysis, alignment = project.load_tracks(made)
    assert made.settings.report["motion_frames"] == 1
    assert np.ptp(analysis.driving.body.xy[:, 0], axis=0).max() == 0
    assert alignment.target.face.frames_seen.all()


def test_no_face_is_drawn_after_the_person_left_the_picture(animator, inputs, tmp_path, photo):
    frames = still(photo, 13)
    frames[6:] = 0
    write_video(tmp_path / "leaves.mp4", frames, FPS)
    made = animator.analyse({**inputs, "driving": tmp_path / "leaves.mp4"}, tmp_path / "project")
    target = project.load_tracks(made)[1].target
    assert target.face.frames_seen[:5].all()
    assert not target.face.frames_seen[7:].any()
    assert not target.body.frames_seen[7:].any()


def test_of_two_people_the_larger_one_drives(animator, inputs, tmp_path, photo):
    height, width = photo.shape[:2]
    small = np.asarray(Image.fromarray(photo).resize((width // 2, height // 2)))
    wide = np.full((height, width + width // 2, 3), 128, np.uint8)
    wide[:, :width], wide[height // 2 : height // 2 + small.shape[0], width:] = photo, small[: height - height // 2]
    write_video(tmp_path / "two.mp4", still(wide, 13), FPS)
    made = animator.analyse({**inputs, "driving": tmp_path / "two.mp4"}, tmp_path / "project")
    face = project.load_tracks(made)[0].driving.face
    assert np.nanmax(face.xy[..., 0]) < width


def started(inputs: dict[str, Path], out: Path, **more) -> subprocess.Popen:
    given = [part for role, path in inputs.items() for part in (f"--{role}", str(path))]
    command = [sys.executable, "-m", "apvgen", "run", *given, "--out", str(out), "--detector", "mediapipe"]
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "APVGEN_CACHE": str(out.parent / "cache")}
    return subprocess.Popen(
        command, cwd=root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


@pytest.fixture
def example():
    return {"reference": EXAMPLE / "photo.jpg", "driving": EXAMPLE / "motion.npz", "voice": EXAMPLE / "voice.wav"}


def test_the_bundled_example_runs_from_the_command_line(example, tmp_path):
    process = started(example, tmp_path / "out.mp4")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    settings = json.loads((tmp_path / "out.json").read_text())
    assert settings["made_as"] == "draft"
    assert {"apvgen", "detector", "voice_model"} <= settings["made_with"].keys()
    assert "Traceback" not in errors
    assert "W0000" not in errors, "a library's log reaches the user"


def test_ctrl_c_while_rendering_leaves_no_video(example, tmp_path):
    process = started(example, tmp_path / "out.mp4")
    partial = lambda: [path for path in tmp_path.iterdir() if path.name.startswith(".out")]  # noqa: E731
    deadline = time.monotonic() + 200
    while not partial() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert partial(), "rendering never began"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped" in errors
    assert "Traceback" not in errors
    assert not partial()
    assert not (tmp_path / "out.mp4").exists()


def test_a_full_disk_is_one_clear_sentence(example, tmp_path):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = started(example, tmp_path / "out.mp4", preexec_fn=small_files)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 2, errors
    assert "Error: " in errors
    assert "Traceback" not in errors
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".mp4", ".npz", ".partial")]


def test_a_small_person_in_a_large_photo_is_cut_out_whole(photo):
    from apvgen.keypoints import load_detector
    from apvgen.keypoints.mask import person_mask

    height, width = photo.shape[:2]
    wide = np.full((4 * height, 4 * width, 3), 200, np.uint8)
    wide[height : 2 * height, width : 2 * width] = photo
    found = load_detector("mediapipe").detect_image(photo).body
    body = np.where(found.seen[0][:, None], found.xy[0], np.nan)
    alone, small = person_mask(photo, body), person_mask(wide, body + np.array([width, height]))
    inside = small[height : 2 * height, width : 2 * width]
    overlap = np.minimum(alone, inside).sum() / np.maximum(alone, inside).sum()
    assert overlap > 0.9
    assert small.sum() == pytest.approx(inside.sum(), rel=0.1)
