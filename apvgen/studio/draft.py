"""Panel: render the draft or the preview, follow or stop it, watch the result with its sound, and keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import gradio as gr

from apvgen import pipeline
from apvgen.media import content_hash
from apvgen.project import Project
from apvgen.studio import markup, strip
from apvgen.studio.context import Studio

Kind = Literal["draft", "preview"]

LABELS = {
    "draft": "Draft (the photo, warped; not the diffusion result)",
    "preview": "Preview (detections, talking face, pose frame and overlay, side by side)",
}
ABOUT = (
    "A draft is a quick picture of the result: the photo, warped. It shows movement, lips and timing, not the final "
    "quality. A preview lays everything that was found side by side."
)
RENDERERS = {"draft": "render", "preview": "preview"}


@dataclass(frozen=True)
class Panel:
    strip: strip.Strip
    video: gr.Video
    download: gr.DownloadButton

    @property
    def outputs(self) -> list[gr.Component]:
        return [self.video, self.download, *self.strip.starts]


def build() -> Panel:
    """Lay the player out beside the buttons."""
    with gr.Column(min_width=280):
        video = gr.Video(label=LABELS["draft"], interactive=False, height=440, buttons=[], elem_id="result")
    with gr.Column(min_width=280):
        gr.HTML(f'<h2>Render</h2><p class="subdued">{ABOUT}</p>')
        line = strip.build(
            "render",
            gr.Button("Render draft", variant="primary", size="md", interactive=False, render=False),
            gr.Button("Render preview", size="md", interactive=False, render=False),
        )
        download = gr.DownloadButton("Download", interactive=False, size="md")
    return Panel(line, video, download)


def start(studio: Studio, kind: Kind, name: str) -> str:
    """Queue a render of the open project; the status. Raises ProjectError."""
    made = studio.store.open(name) if name else None
    if made is None:
        return markup.say("Analyse first; then there is something to render.", "bad")
    render = getattr(pipeline, RENDERERS[kind])
    out = made.folder / f"{kind}.mp4"
    job = studio.board.start(strip.job_name("render", name), lambda on_progress: render(made, out, on_progress))
    return markup.bar(job.progress)


def shown(studio: Studio, made: Project | None) -> tuple:
    """Player, download and buttons for a project: its latest video, if there is one."""
    buttons = [gr.Button(interactive=made is not None)] * len(LABELS)
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
