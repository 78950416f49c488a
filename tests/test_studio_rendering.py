"""The render panel: what it offers, what it starts, and what it shows."""

import asyncio
import json
import shutil
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from scripted_studio import LOOKS, ended, followed
from tiny_checkpoint import make_tiny_checkpoint, tiny_models

from apvgen import pipeline
from apvgen.backbones.options import PRESETS
from apvgen.config import Limits, Options
from apvgen.errors import InputError
from apvgen.media import VideoReader, write_video
from apvgen.model.checkpoint import read_info, save_checkpoint
from apvgen.result import Rendered
from apvgen.studio import page, rendering, strip
from apvgen.studio.models import Models

DETAILS = ("", 3.0, 1.0, 1.0, "", "", "")
"""The drawer untouched."""


@pytest.fixture
def checkpoints(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "checkpoints"
    monkeypatch.setenv("APVGEN_CHECKPOINTS", str(folder))
    return folder


@pytest.fixture
def scripted_render(monkeypatch) -> list[str]:
    """Renders nothing, in no time; a list of the backbones that were asked to."""
    asked = []

    def render(_made, out, on_progress, backbone, _handling, on_look):
        asked.append(backbone.name)
        on_look(lambda: np.zeros((9, 8, 8, 3), np.uint8))
        on_progress(backbone.name, 1, 2)
        write_video(out, np.zeros((2, 64, 64, 3), np.uint8), Fraction(25))
        return Rendered(out, out.with_suffix(".json"), 2, 0.0)

    monkeypatch.setattr(pipeline, "render", render)
    return asked


def test_a_draft_is_shown_under_a_name_of_its_own_and_called_a_draft(studio, opened, scripted_render):
    assert page.finished(studio, opened)[0].value is None
    rendering.start(studio, opened, rendering.DRAFT, "balanced", *DETAILS, True, False)
    ended(studio, opened, "render")
    video, download, *_ = page.finished(studio, opened)
    assert scripted_render == ["draft"]
    assert "not the diffusion result" in video.label
    assert video.value["path"].endswith("apvgen-draft.mp4")
    assert Path(video.value["path"]).is_relative_to(studio.uploads)
    assert download.interactive


def test_nothing_is_rendered_before_an_analysis(studio):
    for name in ("", studio.store.new_name()):
        assert "Analyse first" in rendering.start(studio, name, rendering.DRAFT, "balanced", *DETAILS, True, False)
        assert "Analyse first" in rendering.start_preview(studio, name)
        assert "Render first" in rendering.start_comparison(studio, name)


def test_without_a_checkpoint_the_draft_is_offered_and_where_to_get_one_is_said(checkpoints):
    menu = rendering.offered()
    assert [value for _, value in menu.choices] == [rendering.DRAFT]
    assert "`python -m apvgen checkpoints list`" in menu.info


def test_installed_checkpoints_are_offered_with_their_licence_and_chosen_by_name(checkpoints):
    make_tiny_checkpoint(checkpoints / "tiny")
    (checkpoints / "broken").mkdir()
    (checkpoints / "broken" / "checkpoint.json").write_text("{")
    labels, values = zip(*rendering.offered().choices, strict=True)
    assert values == (rendering.DRAFT, "tiny")
    assert "CC0" in labels[1]
    options = rendering.chosen(Options(seed=7), "tiny", "fast", *DETAILS)
    assert Path(options.checkpoint) == checkpoints / "tiny"
    assert (options.sampling.schedule, options.sampling.seed) == (PRESETS["fast"].schedule, 7)


@pytest.mark.parametrize("name", ["../tiny", "/etc", "other", "tiny/../tiny"])
def test_only_what_is_offered_can_be_chosen(checkpoints, name):
    make_tiny_checkpoint(checkpoints / "tiny")
    with pytest.raises(InputError, match="not on this machine"):
        rendering.chosen(Options(), name, "fast", *DETAILS)


def test_what_a_page_of_an_earlier_start_sends_is_answered_in_the_status(studio, opened, checkpoints):
    blocks = page.build(studio)
    named = {getattr(block, "elem_id", None): block for block in blocks.blocks.values()}
    assert rendering.DRAFT in [value for _, value in named["renderer"].choices]
    assert named["frame"].preprocess(60) == 60
    takers = [fn for fn in blocks.fns.values() if named["renderer"] in fn.inputs]
    assert len(takers) >= 4
    assert not any(fn.preprocess for fn in takers)
    said = rendering.start(studio, opened, "gone", "fast", *DETAILS, True, False)
    assert "choose another" in said
    assert 'role="alert"' in said


def test_what_a_killed_render_left_is_removed_when_its_project_is_opened_and_said_once(studio, opened):
    left = studio.store.folder(opened) / ".draft.mp4.0123abcd.partial"
    left.touch()
    told = [page.reopen(studio, opened, "", *LOOKS)[3] for _ in range(2)]
    assert rendering.INTERRUPTED in told[0]
    assert told[1] == gr.skip()
    assert not left.exists()


def test_a_render_under_way_is_not_taken_for_a_killed_one(studio, opened, monkeypatch):
    left, seen, go_on = (
        studio.store.folder(opened) / ".draft.mp4.0123abcd.partial",
        threading.Event(),
        threading.Event(),
    )

    def render(*_):
        left.touch()
        seen.set()
        go_on.wait(60)

    monkeypatch.setattr(pipeline, "render", render)
    rendering.start(studio, opened, rendering.DRAFT, "balanced", *DETAILS, True, False)
    assert seen.wait(60)
    told = page.reopen(studio, opened, "", *LOOKS)[3]
    go_on.set()
    assert told == gr.skip()
    assert left.exists()


def test_a_diffusion_render_is_followed_to_its_end_and_shown(studio, opened, checkpoints, scripted_render):
    make_tiny_checkpoint(checkpoints / "tiny")
    rendering.start(studio, opened, "tiny", "fast", *DETAILS, True, False)
    ended(studio, opened, "render")
    assert "Done in" in followed(studio, opened, "render")[-1][0]
    video, *_ = page.finished(studio, opened)
    assert scripted_render == ["diffusion"]
    assert (video.label, Path(video.value["path"]).name) == ("Diffusion result", "apvgen-diffusion.mp4")


def test_the_networks_of_a_checkpoint_render_the_video_that_is_shown(studio, small_project, checkpoints):
    make_tiny_checkpoint(checkpoints / "tiny")
    analysed = small_project.with_settings(report={"frames": 12, "motion_frames": 12, "lip_gap_kept": None})
    name = shutil.copytree(analysed.folder, studio.store.folder(studio.store.new_name())).name
    rendering.start(studio, name, "tiny", "fast", "1", 1.0, 1.0, 1.0, "", "", "", True, False)
    ended(studio, name, "render")
    job = studio.board.get(strip.job_name("render", name))
    assert job.error is None
    assert job.look.shape[0] == 12
    video, *_ = page.finished(studio, name)
    assert VideoReader(Path(video.value["path"]), None, Limits()).frame_count == 12
    told = json.loads((studio.store.folder(name) / "diffusion.json").read_text())["rendering"]
    assert (told["checkpoint"], told["sampling"]["schedule"]) == ("tiny", "align-your-steps-1")


def test_the_networks_of_the_last_render_are_kept_for_the_next(checkpoints):
    make_tiny_checkpoint(checkpoints / "tiny")
    make_tiny_checkpoint(checkpoints / "other", seed=1)
    models = Models()
    first = models.backbone(rendering.chosen(Options(), "tiny", "fast", *DETAILS), "mesh")
    again = models.backbone(rendering.chosen(Options(), "tiny", "paper", *DETAILS), "mesh")
    other = models.backbone(rendering.chosen(Options(), "other", "paper", *DETAILS), "mesh")
    assert first.networks is again.networks
    assert other.networks is not again.networks
    assert first.describe()["sampling"] != again.describe()["sampling"]


def test_the_drawer_begins_with_what_the_checkpoint_advises(checkpoints):
    info = read_info(make_tiny_checkpoint(checkpoints / "tiny"))
    save_checkpoint(checkpoints / "calm", tiny_models(), replace(info, guidance=1.5, initial_noise=0.25))
    assert [slider.value for slider in rendering.choices_of("calm")[2:]] == [1.5, 0.25]
    assert [slider.value for slider in rendering.choices_of("tiny")[2:]] == [3.0, 1.0]


def test_what_the_drawer_says_changes_the_quality_that_was_chosen(checkpoints):
    make_tiny_checkpoint(checkpoints / "tiny")
    sampling = rendering.chosen(Options(seed=7), "tiny", "paper", "6", 2.5, 0.5, 0.25, "12", "4", "99").sampling
    assert (sampling.schedule, sampling.guidance_min, sampling.guidance_max) == ("karras-6", 2.5, 2.5)
    assert sampling.initial_noise == 0.25
    assert (sampling.control_scale, sampling.window, sampling.overlap, sampling.seed) == (0.5, 12, 4, 99)
    with pytest.raises(InputError, match="overlap must lie between"):
        rendering.chosen(Options(), "tiny", "paper", "", 3.0, 1.0, 1.0, "12", "12", "")


def test_an_unfinished_result_is_shown_while_it_grows(studio, opened, checkpoints, monkeypatch):
    go_on, seen = threading.Event(), threading.Event()

    def render(_made, out, on_progress, _backbone, _handling, on_look):
        on_progress("denoise", 1, 2)
        on_look(lambda: np.full((9, 8, 8, 3), 200, np.uint8))
        seen.set()
        go_on.wait(60)
        write_video(out, np.zeros((2, 64, 64, 3), np.uint8), Fraction(25))

    monkeypatch.setattr(pipeline, "render", render)
    make_tiny_checkpoint(checkpoints / "tiny")
    rendering.start(studio, opened, "tiny", "fast", *DETAILS, True, False)
    assert seen.wait(60)

    async def first() -> str:
        return (await anext(strip.follow(studio, "render", 3, opened)))[0]

    said = asyncio.run(first())
    go_on.set()
    assert said.count("<img") == 5
    assert "Denoising: pass 1 of 2" in said


def test_a_comparison_shows_the_motion_beside_what_was_rendered(studio, opened):
    rendering.start(studio, opened, rendering.DRAFT, "balanced", *DETAILS, True, False)
    ended(studio, opened, "render")
    rendering.start_comparison(studio, opened)
    ended(studio, opened, "render")
    video, *_ = page.finished(studio, opened)
    assert "Comparison" in video.label
    reader = VideoReader(video.value["path"], None, Limits())
    assert reader.frame_count == 12
    assert reader.hw == (512, 640)
    assert reader.info.has_audio
