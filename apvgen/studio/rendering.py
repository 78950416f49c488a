"""Panel: choose a renderer, follow or stop it, watch the result with its sound, and keep it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import gradio as gr

from apvgen import pipeline
from apvgen.backbones.options import PRESETS, RenderOptions
from apvgen.config import Options
from apvgen.errors import InputError
from apvgen.media import content_hash
from apvgen.model.checkpoint import CheckpointInfo, checkpoints_folder, list_checkpoints
from apvgen.project import Project
from apvgen.studio import markup, strip
from apvgen.studio.context import Studio
from apvgen.studio.jobs import OnProgress

Kind = Literal["draft", "diffusion", "preview"]

LABELS = {
    "draft": "Draft (the photo, warped; not the diffusion result)",
    "diffusion": "Diffusion result",
    "preview": "Preview (detections, talking face, pose frame and overlay, side by side)",
}
BUTTONS = ("Render", "Render preview")
ABOUT = (
    "A draft is a quick picture of the result: the photo, warped. It shows movement, lips and timing, not the final "
    "quality. A preview lays everything that was found side by side."
)
NONE_INSTALLED = "Diffusion needs a checkpoint; python -m apvgen checkpoints list says where to get one."
DRAFT = "draft"
QUALITIES = [
    ("fast, 10 steps", "fast"),
    ("balanced, 18 steps", "balanced"),
    ("as in the paper, 25 steps", "paper"),
]


@dataclass(frozen=True)
class Panel:
    strip: strip.Strip
    renderer: gr.Dropdown
    preset: gr.Dropdown
    video: gr.Video
    download: gr.DownloadButton

    @property
    def outputs(self) -> list[gr.Component]:
        return [self.video, self.download, *self.strip.starts]

    @property
    def controls(self) -> list[gr.Component]:
        return [self.renderer, self.preset]


def build() -> Panel:
    """Lay the player out beside the buttons."""
    with gr.Column(min_width=280):
        video = gr.Video(label=LABELS["draft"], interactive=False, height=440, buttons=[], elem_id="result")
    with gr.Column(min_width=280):
        gr.HTML(f'<h2>Render</h2><p class="subdued">{ABOUT}</p>')
        renderer = gr.Dropdown(label="Renderer", elem_id="renderer")
        preset = gr.Dropdown(QUALITIES, value="balanced", label="Quality", visible=False)
        render, preview = (
            gr.Button(label, variant=variant, size="md", interactive=False, render=False)
            for label, variant in zip(BUTTONS, ("primary", "secondary"), strict=True)
        )
        line = strip.build("render", render, preview)
        download = gr.DownloadButton("Download", interactive=False, size="md")
    return Panel(line, renderer, preset, video, download)


def offered() -> gr.Dropdown:
    """The renderers that this machine has now."""
    checkpoints = installed()
    choices = [("Draft: the photo, warped. On any computer", DRAFT)]
    choices += [(f"Diffusion: {info.name} (licence: {info.licence})", name) for name, info in checkpoints.items()]
    return gr.Dropdown(choices, value=DRAFT, info=None if checkpoints else NONE_INSTALLED)


def installed() -> dict[str, CheckpointInfo]:
    """The checkpoints of this machine, by the name of their folder."""
    return {info.folder.name: info for info in list_checkpoints([checkpoints_folder()])}


def chosen(renderer: str, preset: str, made: Options) -> RenderOptions:
    """What the controls say for a project of options `made`. Raises InputError for what is not offered."""
    if renderer == DRAFT:
        return RenderOptions()
    checkpoint = installed().get(renderer)
    if checkpoint is None or preset not in PRESETS:
        raise InputError("That renderer is not installed any more; choose another.")
    sampling = replace(PRESETS[preset], seed=made.seed)
    return RenderOptions("diffusion", str(checkpoint.folder), sampling)


def quality(renderer: str) -> gr.Dropdown:
    """The choice of quality, where the renderer has one."""
    return gr.Dropdown(visible=renderer != DRAFT)


def start(studio: Studio, name: str, renderer: str, preset: str) -> str:
    """Queue a render of the open project; the status. Raises ProjectError, InputError."""
    made = studio.store.open(name) if name else None
    if made is None:
        return markup.say("Analyse first; then there is something to render.", "bad")
    options = chosen(renderer, preset, made.settings.options)
    return _queue(studio, name, partial(_render, studio, made, options))


def start_preview(studio: Studio, name: str) -> str:
    """Queue a preview of the open project; the status. Raises ProjectError."""
    made = studio.store.open(name) if name else None
    if made is None:
        return markup.say("Analyse first; then there is something to look at.", "bad")
    return _queue(studio, name, partial(pipeline.preview, made, made.folder / "preview.mp4"))


def _queue(studio: Studio, name: str, work: Callable[[OnProgress], object]) -> str:
    return markup.bar(studio.board.start(strip.job_name("render", name), work).progress)


def _render(studio: Studio, made: Project, options: RenderOptions, on_progress: OnProgress) -> None:
    backbone = studio.backbone(options, made.settings.options.face_style)
    pipeline.render(made, made.folder / f"{backbone.name}.mp4", on_progress, backbone)


def shown(studio: Studio, made: Project | None) -> tuple:
    """Player, download and buttons for a project: its latest video, if there is one."""
    buttons = [gr.Button(interactive=made is not None)] * len(BUTTONS)
    kind = None if made is None else latest(made)
    if kind is None:
        return gr.Video(value=None, label=LABELS["draft"]), gr.DownloadButton("Download", interactive=False), *buttons
    video = made.folder / f"{kind}.mp4"
    lent = studio.lend(video, f"apvgen-{kind}.mp4", content_hash(video))
    size = f"Download the {kind} ({video.stat().st_size / 1e6:.1f} MB)"
    return gr.Video(value=str(lent), label=LABELS[kind]), gr.DownloadButton(size, str(lent), interactive=True), *buttons


def latest(made: Project) -> Kind | None:
    """Which of its videos a project got last, or None where it has none."""
    videos = {kind: made.folder / f"{kind}.mp4" for kind in LABELS}
    there = {kind: path.stat().st_mtime_ns for kind, path in videos.items() if path.exists()}
    return max(there, key=there.get, default=None)
