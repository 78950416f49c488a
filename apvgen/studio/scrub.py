"""Panel: a frame slider over what was detected, the talking face, the pose frame, and where it lands on the photo."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from apvgen.project import Project
from apvgen.studio import markup
from apvgen.studio.context import QUIET, Studio, bound
from apvgen.studio.viewer import Viewer, open_viewer

ALL = "all"
TITLES = {
    "driving": "Motion, as detected",
    "voice": "Face from the voice",
    "pose": "Pose frame",
    "overlay": "Pose on the photo",
}
CHOICES = [("All four", ALL), ("Motion", "driving"), ("Face", "voice"), ("Pose", "pose"), ("On the photo", "overlay")]
EMPTY = "After the analysis, every frame can be looked at here."
SMALL, LARGE = 400, 640
"""Longest side, px, of a picture among four and of one alone."""


@dataclass(frozen=True)
class Panel:
    view: gr.Radio
    frame: gr.Slider
    pictures: gr.HTML

    @property
    def outputs(self) -> list[gr.Component]:
        return [self.frame, self.pictures]


def build() -> Panel:
    """Lay the views out below their slider, which so keeps its place whatever is shown."""
    view = gr.Radio(CHOICES, value=ALL, show_label=False, container=False, elem_classes="views")
    frame = gr.Slider(0, 1, 0, step=1, label="Frame", interactive=False, buttons=[], elem_id="frame")
    pictures = gr.HTML(_empty(), elem_id="pictures")
    return Panel(view, frame, pictures)


def wire(panel: Panel, studio: Studio, opened: gr.Textbox) -> None:
    """Draw on every move of the slider. Own concurrency: a frame never waits for an analysis or a render."""
    gr.on(
        [panel.frame.input, panel.view.input],
        bound(studio, draw),
        [opened, panel.frame, panel.view],
        panel.pictures,
        trigger_mode="always_last",
        concurrency_id="scrub",
        concurrency_limit=4,
        **QUIET,
    )


def draw(studio: Studio, name: str, t: float, view: str) -> str:
    """The views of frame `t` of an open project. Raises ProjectError, MediaError."""
    if not name:
        return _empty()
    return _drawn(open_viewer(studio.store.folder(name)), int(t), view)


def shown(made: Project | None, view: str) -> tuple:
    """Slider and pictures of a project that was just opened, or of none."""
    if made is None:
        return gr.Slider(interactive=False), _empty()
    viewer = open_viewer(made.folder)
    label = f"Frame (0 to {len(viewer) - 1}, {float(viewer.analysis.driving.fps):.4g} a second)"
    return gr.Slider(maximum=max(1, len(viewer) - 1), value=0, label=label, interactive=True), _drawn(viewer, 0, view)


def _drawn(viewer: Viewer, t: int, view: str) -> str:
    t = min(max(t, 0), len(viewer) - 1)
    views = TITLES if view == ALL else {view: TITLES[view]}
    side = SMALL if view == ALL else LARGE
    figures = [markup.figure(viewer.picture(one, t, side), title) for one, title in views.items()]
    height, width = viewer.alignment.target.hw
    shape = "wide" if width > height else "tall"
    return f"""<p class="moment">{facts(viewer, t)}</p>
        <div class="pictures n{len(figures)} {shape}">{"".join(figures)}</div>"""


def facts(viewer: Viewer, t: int) -> str:
    """Time of frame `t` and what was detected in it, in words."""
    time = f"{float(t / viewer.analysis.driving.fps):.2f} s"
    return " · ".join([time, *(_amount(part, *counted) for part, counted in viewer.found(t).items())])


def _amount(part: str, seen: int, there: int) -> str:
    if 0 < seen < there:
        return f"{part} {seen} of {there} points"
    return f"{part} found" if seen else f"{part} not found"


def _empty() -> str:
    frames = "".join(
        f'<figure><div class="shot"></div><figcaption>{title}</figcaption></figure>' for title in TITLES.values()
    )
    return f'<p class="moment">{EMPTY}</p><div class="pictures n4 blank">{frames}</div>'
