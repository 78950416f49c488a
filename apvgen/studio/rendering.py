"""Panel: choose a renderer, follow or stop it, watch the result with its sound, and keep it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import gradio as gr

from apvgen import pipeline
from apvgen.backbones.options import PRESETS, RenderOptions, advised
from apvgen.config import Options
from apvgen.errors import ApvgenError, InputError
from apvgen.media import content_hash
from apvgen.media.writer import remove_abandoned
from apvgen.model.checkpoint import BUNDLED, CheckpointInfo, checkpoint_roots, list_checkpoints
from apvgen.progress import OnProgress
from apvgen.project import Project
from apvgen.result import Handling
from apvgen.sampler.settings import Settings, parse_schedule
from apvgen.studio import markup, optional, stale, strip
from apvgen.studio.context import Studio

Kind = Literal["draft", "diffusion", "preview", "comparison"]

LABELS = {
    "draft": "Draft (the photo, warped; not the diffusion result)",
    "diffusion": "Diffusion result",
    "preview": "Preview (detections, talking face, pose frame and overlay, side by side)",
    "comparison": "Comparison (driving motion and results, side by side)",
}
BUTTONS = ("Render", "Preview", "Compare")
CONSENT = "Use pictures and voices of people who agreed to it, and say of the result that it is synthetic."
ABOUT = (
    "A draft is a quick picture of the result: the photo, warped. It shows movement, lips and timing, not the final "
    "quality. A preview lays everything that was found side by side; a comparison, the motion and what was rendered."
)
NONE_INSTALLED = "Diffusion of photos needs a checkpoint; `python -m apvgen checkpoints list` says where to get one."
INTERRUPTED = "The last render was interrupted; nothing unfinished was kept."
DRAFT = "draft"
QUALITIES = [("fast, 10 steps", "fast"), ("balanced, 18 steps", "balanced"), ("as in the paper, 25 steps", "paper")]
UNCHECKED = {"preprocess": False}
"""For events that take the controls: `chosen` checks them, in words for people. Gradio would refuse a renderer that a
page which stayed open since an earlier start still offers, and say so in words of its own."""

STEPS, WINDOW, OVERLAP, SEED = "Steps", "Frames at once", "Frames that neighbours share", "Seed of the noise"
_USUAL = Settings()


@dataclass(frozen=True)
class Panel:
    """controls: in the order of `chosen`'s arguments. note: above the buttons, whose files they render."""

    note: gr.HTML
    strip: strip.Strip
    controls: tuple[gr.Component, ...]
    drawer: gr.Accordion
    video: gr.Video
    download: gr.DownloadButton

    @property
    def outputs(self) -> list[gr.Component]:
        return [self.video, self.download, *self.strip.starts]

    @property
    def renderer(self) -> gr.Dropdown:
        return self.controls[0]

    @property
    def advised(self) -> tuple[gr.Component, gr.Component]:
        """Guidance and initial noise."""
        return self.controls[3], self.controls[5]

    @property
    def quality(self) -> gr.Dropdown:
        return self.controls[1]


def build() -> Panel:
    """Lay the player out beside the buttons."""
    with gr.Column(min_width=280):
        video = gr.Video(label=LABELS["draft"], interactive=False, height=440, buttons=[], elem_id="result")
        download = gr.DownloadButton("Download", interactive=False, size="md")
    with gr.Column(min_width=280):
        gr.HTML(f'<h2>Render</h2><p class="subdued">{ABOUT}</p>')
        renderer = gr.Dropdown(**_menu(), value=DRAFT, label="Renderer", elem_id="renderer")
        quality = gr.Dropdown(QUALITIES, value="balanced", label="Quality", visible=False)
        with gr.Accordion("Sampling", open=False, visible=False, elem_id="sampling") as drawer:
            details = _details()
        watermark = gr.Checkbox(False, label='Write "AI generated" into the picture')
        starts = (
            gr.Button(label, variant=variant, size="md", interactive=False, render=False)
            for label, variant in zip(BUTTONS, ("primary", "secondary", "secondary"), strict=True)
        )
        note, line = stale.build(), strip.build("render", *starts)
        gr.HTML(f'<p class="subdued">{CONSENT}</p>')
    return Panel(note, line, (renderer, quality, *details, watermark), drawer, video, download)


def _details() -> tuple[gr.Component, ...]:
    quality = "as the quality says"
    return (
        optional.field(STEPS, quality, "More are finer and slower."),
        gr.Slider(1, 10, _USUAL.guidance[1], step=0.1, label="Guidance", info="How close to the photo.", buttons=[]),
        gr.Slider(0, 2, _USUAL.control_scale, step=0.05, label="Strength of the pose", buttons=[]),
        gr.Slider(
            0,
            1,
            _USUAL.begins_from,
            step=0.05,
            label="Noise to begin from",
            info="Less is calmer and softer.",
            buttons=[],
        ),
        optional.field(WINDOW, "as the checkpoint was trained", "Fewer need less memory."),
        optional.field(OVERLAP, "a quarter of them"),
        optional.field(SEED, "the seed of the analysis"),
        gr.Checkbox(True, label="After an edit, render only what it touched"),
    )


def offered() -> gr.Dropdown:
    """The renderers that this machine has now."""
    return gr.Dropdown(**_menu(), value=DRAFT)


def _menu() -> dict[str, object]:
    checkpoints = installed()
    choices = [("Draft: the photo, warped. On any computer", DRAFT)]
    choices += [(f"Diffusion: {_called(info)}", name) for name, info in checkpoints.items()]
    own = any(info.folder.parent != BUNDLED for info in checkpoints.values())
    return {"choices": choices, "info": None if own else NONE_INSTALLED}


def _called(info: CheckpointInfo) -> str:
    if info.folder.parent == BUNDLED:
        return f"{info.name}, for drawn characters such as the examples'"
    return f"{info.name} (licence: {info.licence})"


def installed() -> dict[str, CheckpointInfo]:
    """The checkpoints of this machine, by the name of their folder; one's own first, also where a bundled one is called
    alike."""
    own, bundled = ({info.folder.name: info for info in list_checkpoints([root])} for root in checkpoint_roots())
    return own | {name: info for name, info in bundled.items() if name not in own}


def chosen(made: Options, renderer: str, quality: str, *details: object) -> RenderOptions:
    """What the controls say, all but the last two, for a project of options `made`. Raises InputError."""
    if renderer == DRAFT:
        return RenderOptions()
    checkpoint = installed().get(renderer)
    if checkpoint is None or quality not in PRESETS:
        raise InputError("That renderer is not on this machine any more; choose another, or reload the page.")
    guidance, strength, noise = details[1:4]
    steps, window, overlap, seed = (
        optional.whole(value, label)
        for value, label in zip((details[0], *details[4:]), (STEPS, WINDOW, OVERLAP, SEED), strict=True)
    )
    sampling = PRESETS[quality]
    schedule = sampling.schedule if steps is None else f"{parse_schedule(sampling.schedule)[0]}-{steps}"
    try:
        sampling = replace(
            sampling,
            schedule=schedule,
            guidance_min=guidance,
            guidance_max=guidance,
            control_scale=strength,
            initial_noise=noise,
            window=window,
            overlap=overlap,
            seed=made.seed if seed is None else seed,
        )
    except ValueError as error:
        raise InputError(f"The sampling cannot be done so: {error}.") from error
    return RenderOptions("diffusion", str(checkpoint.folder), sampling)


def choices_of(renderer: str) -> tuple[gr.Dropdown, gr.Accordion, gr.Slider, gr.Slider]:
    """Quality and sampling, where the renderer has them, with guidance and noise as its checkpoint advises."""
    visible = renderer != DRAFT
    info = installed().get(renderer)
    sampling = _USUAL if info is None else advised(_USUAL, info)
    return (
        gr.Dropdown(visible=visible),
        gr.Accordion(visible=visible),
        gr.Slider(value=sampling.guidance[1]),
        gr.Slider(value=sampling.begins_from),
    )


def start(studio: Studio, name: str, *controls: object) -> str:
    """Queue a render of the open project; the status, which says why if it is refused."""
    *how, reuse, watermark = controls
    try:
        made = studio.store.open(name)
        if made is None:
            raise InputError("Analyse first; then there is something to render.")
        options = chosen(made.settings.options, *how)
    except ApvgenError as error:
        return markup.say(studio.sentence(error), "bad")
    handling = Handling(bool(reuse) and options.renderer != DRAFT, bool(watermark))
    return _queue(studio, name, partial(_render, studio, made, options, handling))


def start_preview(studio: Studio, name: str) -> str:
    """Queue a preview of the open project; the status. Raises ProjectError."""
    made = studio.store.open(name)
    if made is None:
        return markup.say("Analyse first; then there is something to look at.", "bad")
    return _queue(studio, name, partial(pipeline.preview, made, made.folder / "preview.mp4"))


def start_comparison(studio: Studio, name: str) -> str:
    """Queue a comparison of what was rendered of the open project; the status. Raises ProjectError."""
    made = studio.store.open(name)
    results = {} if made is None else {kind: made.folder / f"{kind}.mp4" for kind in ("draft", "diffusion")}
    there = {kind: path for kind, path in results.items() if path.exists()}
    if made is None or not there:
        return markup.say("Render first; then there is something to compare.", "bad")
    return _queue(studio, name, partial(pipeline.compare, made, there, made.folder / "comparison.mp4"))


def _queue(studio: Studio, name: str, work: Callable[[OnProgress], object]) -> str:
    return markup.bar(studio.board.start(strip.job_name("render", name), work).progress)


def _render(studio: Studio, made: Project, options: RenderOptions, handling: Handling, on_progress: OnProgress) -> None:
    backbone = studio.backbone(options, made.settings.options.face_style)
    job = studio.board.get(strip.job_name("render", made.folder.name))
    out = made.folder / f"{backbone.name}.mp4"
    pipeline.render(made, out, on_progress, backbone, handling, job.see)


def swept(studio: Studio, made: Project | None) -> str | dict:
    """The status when a project is opened: whether a render was killed, whose unfinished video goes away here."""
    job = made and studio.board.get(strip.job_name("render", made.folder.name))
    if made is None or (job and not job.ended) or not remove_abandoned(made.folder):
        return gr.skip()
    return markup.say(INTERRUPTED)


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
