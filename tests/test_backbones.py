"""Every backbone keeps the same promise, and the diffusion one renders a checkpoint end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tiny_checkpoint import make_tiny_checkpoint

from apvgen import pipeline
from apvgen.backbones.controlnext_svd import ControlNeXtSVD, Networks, find_checkpoint
from apvgen.backbones.options import PRESETS, RenderOptions, advised
from apvgen.backbones.protocol import Backbone, Shot
from apvgen.backbones.registry import load_backbone
from apvgen.errors import Cancelled, CheckpointError, RenderError
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.media import VideoReader
from apvgen.model.checkpoint import read_info
from apvgen.pose import draw_pose
from apvgen.sampler.settings import Memory, Settings
from apvgen.types import Motion, Reference, Track

HW = (128, 64)
FRAMES = 7
QUICK = Settings(schedule="karras-2", guidance_interval=(1.0, 1000.0), window=4)


def _motion(frames: int, fps: Fraction, hw: tuple[int, int] = HW) -> Motion:
    rng = np.random.default_rng(0)

    def track(layout, low, high):
        xy = rng.uniform(low, high, (1, *layout.shape, 2)) * hw[::-1] + np.arange(frames).reshape(
            -1, *(1,) * (len(layout.shape) + 1)
        )
        return Track(layout, xy.astype(np.float32), np.ones(xy.shape[:-1], np.float32), hw, fps)

    return Motion(track(BODY18, 0.2, 0.9), track(HANDS, 0.3, 0.8), track(FACE478, 0.3, 0.5))


@pytest.fixture(scope="module")
def shot() -> Shot:
    image = np.random.default_rng(1).integers(0, 255, (*HW, 3)).astype(np.uint8)
    mask = np.ones(HW, np.float32)
    return Shot(Reference(image, _motion(1, Fraction(1)), mask), _motion(FRAMES, Fraction(25)))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return make_tiny_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny", face_style="dots68")


@pytest.fixture(scope="module")
def diffusion(checkpoint) -> ControlNeXtSVD:
    return load_backbone(RenderOptions("diffusion", str(checkpoint), QUICK), "mesh")


@pytest.fixture(params=["draft", "stick", "diffusion"])
def backbone(request) -> Backbone:
    if request.param == "diffusion":
        return request.getfixturevalue("diffusion")
    return load_backbone(RenderOptions(request.param), "mesh")


@pytest.mark.parametrize("window", [range(FRAMES), range(2, 6), range(3, 4)])
def test_every_backbone_gives_the_windows_frames_at_the_shots_size(backbone, shot, window):
    if len(window) + 1 < QUICK.window and backbone.name == "diffusion":
        backbone = ControlNeXtSVD(backbone.networks, replace(QUICK, window=None))
    frames = list(backbone.frames(shot, window))
    assert len(frames) == len(window)
    assert {(frame.shape, frame.dtype) for frame in frames} == {((*HW, 3), np.dtype(np.uint8))}


def test_an_overlap_does_not_matter_to_a_clip_of_one_window(diffusion, shot):
    wide = ControlNeXtSVD(diffusion.networks, replace(QUICK, window=None, overlap=20))
    assert len(list(wide.frames(shot, range(3)))) == 3


def test_every_backbone_describes_itself_in_plain_json(backbone):
    assert json.loads(json.dumps(backbone.describe())) is not None


def test_every_backbone_gives_equal_frames_twice(backbone, shot):
    first, second = (np.stack(list(backbone.frames(shot, range(4)))) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_stick_figure_is_the_pose_frame_itself(shot):
    frames = list(load_backbone(RenderOptions("stick"), "dots68").frames(shot, range(2, 5)))
    np.testing.assert_array_equal(frames[1], draw_pose(shot.motion, 3, "dots68"))


def test_diffusion_draws_faces_as_its_checkpoint_wants_and_the_reference_first(diffusion, shot):
    draw = diffusion._sequence(shot, range(2, 6))
    pictures = draw([3, 0, 1])
    np.testing.assert_array_equal(pictures[0], draw_pose(shot.motion, 4, "dots68"))
    np.testing.assert_array_equal(pictures[1], draw_pose(shot.reference.motion, 0, "dots68"))
    np.testing.assert_array_equal(pictures[2], draw_pose(shot.motion, 2, "dots68"))


def test_pose_and_seed_change_a_diffusion_result(diffusion, shot):
    def rendered(backbone: ControlNeXtSVD, what: Shot) -> np.ndarray:
        return np.stack(list(backbone.frames(what, range(3)))).astype(int)

    base = rendered(diffusion, shot)
    moved = Shot(shot.reference, shot.motion.take(np.arange(FRAMES)[::-1]))
    assert np.abs(rendered(diffusion, moved) - base).max() > 0
    other = ControlNeXtSVD(diffusion.networks, replace(QUICK, seed=1))
    assert np.abs(rendered(other, shot) - base).max() > 2


def test_progress_counts_every_pass_of_the_network_and_a_stop_ends_within_one(diffusion, shot):
    told: list[tuple[str, int, int]] = []
    list(diffusion.frames(shot, range(FRAMES), lambda *event: told.append(event)))
    passes = [(done, total) for stage, done, total in told if stage == "denoise"]
    assert [done for done, _ in passes] == list(range(1, passes[-1][1] + 1))

    seen = 0

    def stop(stage: str, _done: int, _total: int) -> None:
        nonlocal seen
        seen += stage == "denoise"
        if seen == 2:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        list(diffusion.frames(shot, range(FRAMES), stop))
    assert seen == 2


def test_a_size_that_the_network_cannot_halve_names_the_nearest_one(diffusion, shot):
    motion = _motion(2, Fraction(25), (100, 64))
    odd = Shot(Reference(np.zeros((100, 64, 3), np.uint8), motion.take(slice(0, 1))), motion)
    with pytest.raises(RenderError, match="divisible by 64; use 128 x 64"):
        next(diffusion.frames(odd, range(2)))


def test_presets_do_less_from_paper_to_fast():
    assert PRESETS["fast"].steps < PRESETS["balanced"].steps < PRESETS["paper"].steps == 25


def test_a_checkpoint_is_found_by_folder_by_name_or_when_it_is_the_only_one(checkpoint, monkeypatch):
    monkeypatch.setenv("APVGEN_CHECKPOINTS", str(checkpoint.parent))
    found = {find_checkpoint(name).folder.resolve() for name in (str(checkpoint), "tiny", None)}
    assert found == {checkpoint.resolve()}


def test_without_a_checkpoint_the_message_says_how_to_name_one(tmp_path, monkeypatch):
    monkeypatch.setenv("APVGEN_CHECKPOINTS", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"--checkpoint.* there is none"):
        find_checkpoint(None)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "checkpoint.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"there is none \(broken cannot be read"):
        find_checkpoint(None)
    with pytest.raises(CheckpointError, match="absent is no checkpoint"):
        find_checkpoint("absent")


@pytest.mark.parametrize("renderer", ["stick", "diffusion"])
def test_a_project_is_rendered_with_its_sound_and_says_what_made_it(small_project, checkpoint, renderer, tmp_path):
    options = RenderOptions(renderer, str(checkpoint), replace(QUICK, schedule="karras-1"))
    rendered = pipeline.render(small_project, tmp_path / "out.mp4", backbone=load_backbone(options, "mesh"))
    settings = json.loads(rendered.settings.read_text())
    video = VideoReader(rendered.video, None, small_project.settings.options.limits)
    assert (video.hw, video.frame_count, video.info.has_audio) == (
        small_project.settings.options.hw,
        rendered.frames,
        True,
    )
    assert settings["made_as"] == renderer
    if renderer == "diffusion":
        made_by = settings["rendering"]
        assert made_by["checkpoint"] == "tiny"
        assert made_by["sampling"]["schedule"] == "karras-1"
        assert len(made_by["weights_sha256"]["unet/diffusion_pytorch_model.safetensors"]) == 64


def test_after_an_edit_only_the_frames_that_it_touched_are_sampled_and_shown_anew(diffusion, shot, tmp_path):
    def passes(what: Shot) -> tuple[np.ndarray, int]:
        told: list[str] = []
        frames = list(diffusion.frames(what, range(len(what)), lambda stage, *_: told.append(stage)))
        return np.stack(frames).astype(int), told.count("denoise")

    long = Shot(shot.reference, shot.motion.take(np.arange(24) % FRAMES), scratch=tmp_path)
    before, whole = passes(long)
    body = long.motion.body
    moved = body.xy.copy()
    moved[20] += 15
    edited = replace(long, motion=replace(long.motion, body=replace(body, xy=moved)))
    after, part = passes(edited)
    same = (before == after).all((1, 2, 3))
    assert same[:13].all()
    assert not same[20]
    assert 0 < part < whole / 2
    again, none = passes(edited)
    np.testing.assert_array_equal(again, after)
    assert none == 0


def test_other_settings_or_another_photo_render_everything_again(diffusion, shot, tmp_path):
    def sampled(backbone: ControlNeXtSVD, what: Shot) -> bool:
        told: list[str] = []
        list(backbone.frames(what, range(len(what)), lambda stage, *_: told.append(stage)))
        return "denoise" in told

    kept = replace(shot, scratch=tmp_path)
    assert sampled(diffusion, kept)
    assert not sampled(diffusion, kept)
    assert sampled(ControlNeXtSVD(diffusion.networks, replace(QUICK, seed=5)), kept)
    assert sampled(diffusion, kept)
    darker = replace(shot.reference, image=shot.reference.image // 2)
    assert sampled(diffusion, replace(kept, reference=darker))
    (tmp_path / "latents.safetensors").write_bytes(b"cut short")
    assert sampled(diffusion, kept)


def test_the_unfinished_result_can_be_looked_at(diffusion, shot):
    looks: list[np.ndarray] = []
    list(diffusion.frames(shot, range(4), on_look=lambda draw: looks.append(draw())))
    assert {(look.shape, look.dtype) for look in looks} == {((4, HW[0] // 8, HW[1] // 8, 3), np.dtype(np.uint8))}


def test_a_checkpoint_advises_only_what_the_settings_leave_open(checkpoint):
    calm = replace(read_info(checkpoint), guidance=1.0, initial_noise=0.25)
    assert advised(Settings(), calm) == Settings(guidance_min=1, guidance_max=1, initial_noise=0.25)
    asked = Settings(guidance_min=2, guidance_max=4, initial_noise=1.0)
    assert advised(asked, calm) == asked
    usual = Settings(guidance_min=3, guidance_max=3, initial_noise=1)
    assert advised(Settings(), read_info(checkpoint)) == usual
    told = ControlNeXtSVD(Networks(calm, Memory()), QUICK).describe()["sampling"]
    assert (told["guidance_min"], told["guidance_max"], told["initial_noise"]) == (1, 1, 0.25)
