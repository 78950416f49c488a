"""The whole way through, with a scripted detector and voice model: what is found is known, so what comes out is."""

import json
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from tiny_aniportrait import make_tiny_aniportrait

from apvgen import pipeline, project, tracks
from apvgen.config import AlignOptions, Limits, Options, Trim
from apvgen.edits import Edits
from apvgen.errors import Cancelled, InputError, MediaError, NoPersonError
from apvgen.exchange import openpose
from apvgen.fda import Override
from apvgen.keypoints import Detection
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.media import VideoReader, write_video
from apvgen.pipeline import AnalysisModels, Animator
from apvgen.types import Motion, Track, VoiceFace

OPTIONS = Options(hw=(192, 128))
RATE = 16000


def motion_of(frames: int, hw: tuple[int, int], fps: Fraction) -> Motion:
    """A person whose points lie on fixed places and drift right by one pixel a frame."""
    rng = np.random.default_rng(0)
    drift = np.stack([np.arange(frames), np.zeros(frames)], -1)[:, None]

    def track(layout, low, high, depth=None):
        xy = rng.uniform(low, high, (1, layout.points, 2)) * hw[::-1] + drift
        shape = (frames, *layout.shape)
        return Track(layout, xy.reshape(*shape, 2).astype(np.float32), np.ones(shape, np.float32), hw, fps, depth)

    depth = rng.uniform(-10, 10, (1, 478)).repeat(frames, 0).astype(np.float32)
    return Motion(track(BODY18, 0.3, 0.9), track(HANDS, 0.3, 0.9), track(FACE478, 0.3, 0.6, depth))


def people_of(frames: int) -> np.ndarray:
    """Boxes of two people, of whom the second comes in at frame 10."""
    boxes = np.repeat([[[10, 5, 30, 90]], [[40, 5, 55, 90]]], frames, 1).astype(np.float32)
    boxes[1, :10] = np.nan
    return boxes + np.arange(frames, dtype=np.float32)[:, None]


class ScriptedDetector:
    name, version = "scripted", "1"

    def __init__(self, face: bool = True) -> None:
        self.face, self.videos = face, []

    def detect_image(self, image):
        found = motion_of(1, image.shape[:2], Fraction(1))
        return found if self.face else Motion(found.body, found.hands, Track.empty(FACE478, 1, found.hw, found.fps))

    def detect(self, video, person=0, on_progress=None):
        self.videos.append(video)
        for k in range(video.frame_count):
            if on_progress:
                on_progress(k + 1, video.frame_count)
        return Detection(motion_of(video.frame_count, video.hw, video.fps), people_of(video.frame_count))


class ScriptedVoice:
    name, version = "scripted", "1"

    def animate(self, audio, face, fps, frames, seed):
        vertices = np.repeat(face[None, :468].astype(np.float32), frames, 0)
        vertices[:, 14, 1] += np.linspace(0, 5, frames)
        rotation = np.repeat(np.eye(3, dtype=np.float32)[None], frames, 0)
        return VoiceFace(vertices, rotation, np.linspace(0, 0.1, frames).astype(np.float32), fps)


@pytest.fixture
def animator(monkeypatch, tmp_path) -> Animator:
    monkeypatch.setenv("APVGEN_CACHE", str(tmp_path / "cache"))
    animator = Animator(OPTIONS)
    animator.detector, animator.voice_model = ScriptedDetector(), ScriptedVoice()
    return animator


@pytest.fixture
def inputs(tmp_path):
    rng = np.random.default_rng(0)
    paths = {"reference": tmp_path / "a.png", "driving": tmp_path / "b.mp4", "voice": tmp_path / "c.wav"}
    cv2.imwrite(str(paths["reference"]), rng.integers(0, 255, (300, 200, 3), np.uint8))
    write_video(paths["driving"], rng.integers(0, 255, (20, 96, 64, 3), np.uint8), Fraction(10))
    write_sound(paths["voice"], 1.2)
    return paths


def write_sound(path, seconds: float) -> None:
    samples = 0.4 * np.sin(2 * np.pi * 220 * np.arange(int(seconds * RATE)) / RATE)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_the_voice_sets_the_length_and_the_options_the_clock_and_size(animator, inputs, tmp_path):
    made = animator.analyse(inputs, tmp_path / "p", lambda *_: None)
    analysis, alignment = project.load_tracks(made)
    assert len(analysis) == 30  # 1.2 s at 25 fps
    assert analysis.driving.fps == 25
    assert alignment.target.hw == (192, 128)
    assert made.settings.report["frames"] == 30
    assert made.settings.made_with["detector"] == "scripted 1"


def test_only_as_much_driving_video_is_looked_at_as_the_voice_needs(animator, inputs, tmp_path):
    animator.analyse(inputs, tmp_path / "p")
    assert animator.detector.videos[0].frame_count == 30  # of 50 at 25 fps


def test_only_the_trimmed_parts_are_looked_at_and_heard(animator, inputs, tmp_path):
    trims = {"driving_trim": Trim(Fraction(1, 2), Fraction(1)), "voice_trim": Trim(Fraction(0), Fraction(4, 5))}
    animator.options = replace(OPTIONS, **trims)
    made = animator.analyse(inputs, tmp_path / "p")
    analysis, _ = project.load_tracks(made)
    assert len(analysis) == 20
    assert analysis.driving_index.max() == 11  # half a second is 12.5 frames, so 12
    assert project.load(made.folder).settings.options == animator.options
    rendered = pipeline.preview(made, tmp_path / "out.mp4")
    assert VideoReader(rendered.video, None, Limits()).info.duration == Fraction(20, 25)


def test_a_trim_that_ends_after_the_video_is_refused_before_anything_is_detected(animator, inputs, tmp_path):
    animator.options = replace(OPTIONS, driving_trim=Trim(Fraction(0), Fraction(60)))
    with pytest.raises(InputError, match="cannot be used up to 60"):
        animator.analyse(inputs, tmp_path / "p")
    assert not animator.detector.videos
    assert not (tmp_path / "p").exists()


def test_a_longer_voice_plays_the_motion_back_and_forth(animator, inputs, tmp_path):
    write_sound(inputs["voice"], 2.4)
    analysis, _ = project.load_tracks(animator.analyse(inputs, tmp_path / "p"))
    assert len(analysis) == 60
    assert analysis.driving_index.max() == 49
    assert analysis.driving_index[-1] == 2 * 49 - 59


def test_everybody_in_the_driving_video_is_remembered_on_the_clock_of_the_output(animator, inputs, tmp_path):
    write_sound(inputs["voice"], 2.4)
    analysis, _ = project.load_tracks(animator.analyse(inputs, tmp_path / "p"))
    np.testing.assert_array_equal(analysis.people, people_of(50)[:, analysis.driving_index])
    again, _ = project.load_tracks(animator.analyse(inputs, tmp_path / "q"))  # from the cache
    np.testing.assert_array_equal(again.people, analysis.people)


def test_a_motion_file_does_not_say_who_else_is_there(animator, inputs, tmp_path):
    path = tmp_path / "motion.npz"
    tracks.save_motion(path, motion_of(40, (96, 64), Fraction(25)))
    analysis, _ = project.load_tracks(animator.analyse({**inputs, "driving": path}, tmp_path / "p"))
    assert analysis.people is None


def test_the_voice_model_that_was_asked_for_makes_the_face(inputs, tmp_path, monkeypatch):
    monkeypatch.setenv("APVGEN_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("APVGEN_CACHE", str(tmp_path / "cache"))
    make_tiny_aniportrait(tmp_path / "aniportrait")
    animator = Animator(replace(OPTIONS, voice_model="aniportrait", align=AlignOptions(head_rotation="voice")))
    animator.detector = ScriptedDetector()
    made = animator.analyse(inputs, tmp_path / "p")
    analysis, _ = project.load_tracks(made)
    assert made.settings.made_with["voice_model"].startswith("aniportrait")
    turned = np.abs(analysis.voice.rotation - np.eye(3)).max((1, 2))
    assert turned.max() > 0


def test_models_are_loaded_once_for_all_animators_of_a_process():
    models = AnalysisModels()
    first, second = (Animator(replace(OPTIONS, seed=seed), models) for seed in (1, 2))
    assert first.voice_model is second.voice_model
    assert first.detector is second.detector


def test_a_second_analysis_of_the_same_video_detects_nothing_again(animator, inputs, tmp_path):
    animator.analyse(inputs, tmp_path / "p")
    animator.analyse(inputs, tmp_path / "q")
    assert len(animator.detector.videos) == 1


def test_a_motion_file_drives_as_the_video_did(animator, inputs, tmp_path):
    path = tmp_path / "motion.npz"
    tracks.save_motion(path, motion_of(40, (96, 64), Fraction(50)))
    made = animator.analyse({**inputs, "driving": path}, tmp_path / "p")
    analysis, _ = project.load_tracks(made)
    assert not animator.detector.videos
    assert made.settings.report["motion_frames"] == 20
    np.testing.assert_allclose(np.diff(analysis.driving.body.xy[:20, 0, 0]), 2, atol=1e-4)


def test_another_tools_track_drives_and_is_kept_as_a_motion_file(animator, inputs, tmp_path):
    openpose.write(motion_of(40, (96, 64), Fraction(50)), tmp_path / "dance")
    made = animator.analyse({**inputs, "driving": tmp_path / "dance"}, tmp_path / "p")
    assert made.settings.inputs["driving"].name == "dance.npz"
    assert len(tracks.load_motion(made.input_path("driving"))) == 40
    assert pipeline.driving_video(made) is None
    report = made.settings.report
    assert (report["motion_frames"], report["share_with_drawn_face"]) == (20, 1)
    again = animator.analyse({**inputs, "driving": made.input_path("driving")}, tmp_path / "q")
    assert (again.folder / "tracks.npz").read_bytes() == (made.folder / "tracks.npz").read_bytes()


def test_the_same_inputs_give_the_same_project_and_pose_frames(animator, inputs, tmp_path):
    first, second = (animator.analyse(inputs, tmp_path / name) for name in "pq")
    assert first.settings == second.settings
    assert (first.folder / "tracks.npz").read_bytes() == (second.folder / "tracks.npz").read_bytes()


def test_realigning_changes_the_drawn_face_and_is_remembered(animator, inputs, tmp_path):
    made = animator.analyse(inputs, tmp_path / "p")
    before = project.load_tracks(made)[1]
    pipeline.realign(made, AlignOptions(mode="paper", smoothing=0), Edits((Override(0, offset=(0.5, 0.0)),)))
    again = project.load(made.folder)
    after = project.load_tracks(again)[1]
    assert again.settings.options.align.mode == "paper"
    assert again.settings.edits == Edits((Override(0, offset=(0.5, 0.0)),))
    assert np.nanmean(after.target.face.xy[..., 0] - before.target.face.xy[..., 0]) > 1
    np.testing.assert_array_equal(after.target.body.xy, before.target.body.xy)


def test_an_override_beyond_the_clip_is_refused(animator, inputs, tmp_path):
    made = animator.analyse(inputs, tmp_path / "p")
    with pytest.raises(InputError, match="frames 0 to 29"):
        pipeline.realign(made, AlignOptions(), Edits((Override(30),)))
    assert project.load(made.folder).settings.edits == Edits()


def test_a_motion_file_has_no_second_person(animator, inputs, tmp_path):
    path = tmp_path / "motion.npz"
    tracks.save_motion(path, motion_of(5, (96, 64), Fraction(25)))
    animator.options = Options(hw=(192, 128), person=1)
    with pytest.raises(NoPersonError, match="motion of one person"):
        animator.analyse({**inputs, "driving": path}, tmp_path / "p")


def test_the_preview_has_picture_sound_and_its_settings_beside_it(animator, inputs, tmp_path):
    made = animator.analyse(inputs, tmp_path / "p")
    told = []
    rendered = pipeline.preview(made, tmp_path / "out.mp4", lambda *event: told.append(event))
    video = VideoReader(rendered.video, None, Limits())
    assert (video.frame_count, video.fps) == (30, 25)
    with av.open(str(rendered.video)) as container:
        assert abs(container.streams.audio[0].duration * container.streams.audio[0].time_base - Fraction(6, 5)) < 0.05
    settings = json.loads(rendered.settings.read_text())
    assert settings["made_as"] == "preview"
    assert settings["inputs"]["voice"]["sha256"] == made.settings.inputs["voice"].sha256
    assert told[-1] == ("preview", 30, 30)


def test_cancelling_leaves_no_video(animator, inputs, tmp_path):
    made = animator.analyse(inputs, tmp_path / "p")

    def stop(_stage, done, _total):
        if done == 3:
            raise Cancelled("stopped")

    out = tmp_path / "videos" / "out.mp4"
    with pytest.raises(Cancelled):
        pipeline.preview(made, out, stop)
    assert not list(out.parent.iterdir())


def test_cancelling_detection_leaves_no_project(animator, inputs, tmp_path):
    def stop(_stage, _done, _total):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        animator.analyse(inputs, tmp_path / "p", stop)
    assert not (tmp_path / "p").exists()


def test_bad_inputs_leave_no_project(animator, inputs, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    animator.detector.face = False
    for change, error in [({}, NoPersonError), ({"voice": tmp_path / "notes.txt"}, MediaError)]:
        with pytest.raises(error):
            animator.analyse({**inputs, **change}, tmp_path / "p")
        assert not (tmp_path / "p").exists()
    with pytest.raises(InputError, match="No voice"):
        animator.analyse({role: inputs[role] for role in ("reference", "driving")}, tmp_path / "p")
