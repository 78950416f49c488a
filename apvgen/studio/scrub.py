"""Panel: look at any frame: what was found, the talking face, the pose frame, and where it lands on the photo.

The pictures follow the frame slider in the browser (player.js), which asks `frame` for them. That is no event of
gradio's: it waits for nothing in the queue, so that neither an analysis nor a render holds a frame up.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from typing import get_args

import gradio as gr

from apvgen.errors import InputError
from apvgen.project import Project
from apvgen.studio import markup, player
from apvgen.studio.closeup import Zoom
from apvgen.studio.context import QUIET, Studio, bound
from apvgen.studio.layers import Layer
from apvgen.studio.viewer import Look, Shot, Viewer, open_viewer
from apvgen.studio.worst import Bad, worst_frames

LAYERS = [
    ("Video frame", "frame"),
    ("Body", "body"),
    ("Hands", "hands"),
    ("Detected face", "face"),
    ("Aligned face (FDA)", "aligned"),
    ("Uncertain points", "uncertain"),
]
SHOTS = [("Face from the voice", "voice"), ("Pose frame", "pose"), ("Pose on the photo", "overlay")]
ZOOMS = [("All", "all"), ("Face", "face"), ("Left hand", "left_hand"), ("Right hand", "right_hand")]
TITLES = {"motion": "Motion", **{shot: title for title, shot in SHOTS}}
EMPTY = "After the analysis, every frame can be looked at here."
NOTHING = "Everything is switched off; switch a layer or a picture on."
NO_WORST = "No frame stands out: nothing is missing, uncertain or jumping."
NO_GALLERY = "After the analysis, the frames with something missing, uncertain or jumping are shown here."
UNCERTAIN = "Uncertain below a score of"
REASONS = 2
"""Reasons under a thumbnail; its tooltip has them all."""
SIDES = {1: 640, 2: 560, 3: 480, 4: 400}
"""Longest side, px, of a picture by how many there are."""
MOST_FRAMES = 10**6
"""More than any project has. The page shows the open project's own number; a program that is started again learns it
only from a new page, and must not refuse the frames of one that stayed open."""
THUMBNAIL = 150
THUMBNAIL_LOOK = Look(layers=("frame", "body", "hands", "aligned", "uncertain"), shots=())
START = Look()
GROUP = {"concurrency_id": "scrub", "concurrency_limit": 4, **QUIET}
"""For events that only look: a group of their own, so that they never wait for an analysis or a render."""


@dataclass(frozen=True)
class Panel:
    """`look` holds the controls in the order of `look_of`'s arguments."""

    transport: gr.HTML
    frame: gr.Slider
    pictures: gr.HTML
    look: tuple[gr.Component, ...]
    worst: gr.HTML

    @property
    def below(self) -> gr.Slider:
        return self.look[-1]

    @property
    def outputs(self) -> list[gr.Component]:
        return [self.transport, self.frame, self.pictures]


def build(studio: Studio, *drawers: Callable) -> Panel:
    """Lay the pictures out below their slider, which so keeps its place whatever is shown.

    drawers: what else on the page follows the slider (player.py).
    """
    transport = player.build(studio, [frame_pictures, *drawers])
    frame = gr.Slider(0, MOST_FRAMES, 0, step=1, label="Frame", interactive=False, buttons=[], elem_id="frame")
    pictures = gr.HTML(_empty(), elem_id="pictures")
    with gr.Column(elem_classes="switches"):
        layers = gr.CheckboxGroup(LAYERS, value=list(START.layers), label="Motion", elem_id="layers")
        shots = gr.CheckboxGroup(SHOTS, value=list(START.shots), label="Beside it", elem_id="shots")
        with gr.Row(elem_classes="zooming"):
            zoom = gr.Radio(ZOOMS, value=START.zoom, label="Zoom", elem_id="zoom", scale=3, min_width=300)
            below = gr.Slider(
                0, 1, START.below, step=0.05, label=UNCERTAIN, buttons=[], elem_id="below", scale=2, min_width=220
            )
    return Panel(transport, frame, pictures, (layers, shots, zoom, below), gr.HTML(_gallery(""), elem_id="worst"))


def wire(panel: Panel, studio: Studio, opened: gr.Textbox) -> None:
    """Draw again when another look is chosen; the browser itself follows the slider."""
    shown_now = [opened, panel.frame, *panel.look]
    looks = [control.input for control in panel.look]
    gr.on(looks, bound(studio, redrawn), shown_now, panel.pictures, trigger_mode="always_last", **GROUP)
    panel.below.release(bound(studio, worst), [opened, panel.below], panel.worst, trigger_mode="always_last", **GROUP)


def redrawn(studio: Studio, name: str, t: float, *look: object) -> str:
    """The pictures of frame `t` of an open project. Raises ProjectError, MediaError, InputError."""
    if not name:
        return _empty()
    return _region(open_viewer(studio.store.folder(name)), int(t), look_of(*look))


def frame_pictures(studio: Studio, spec: str, t: int) -> dict[str, object]:
    """What a region of `spec` (see player.js) shows of frame `t`: `pictures`, addresses in order, and `words`."""
    wanted = json.loads(spec)
    viewer = open_viewer(studio.store.folder(wanted["project"]))
    look, t = look_of(*wanted["look"]), viewer.inside(t)
    shots = viewer.pictures(look, t, SIDES[_count(look)])
    return {"pictures": [markup.data_url(shot) for shot in shots.values()], "words": facts(viewer, t, look.below)}


def spec_of(name: str, written: int, look: Look) -> str:
    """What `frame_pictures` is told of a project in the state that was `written` (see `Viewer`)."""
    return json.dumps({"project": name, "written": written, "look": astuple(look)})


def look_of(layers: object, shots: object, zoom: object, below: object) -> Look:
    """What the controls say. Raises InputError for what they do not offer."""
    asked = (set(layers), Layer), (set(shots), Shot), ({zoom}, Zoom)
    if not all(chosen <= set(get_args(offered)) for chosen, offered in asked):
        raise InputError("That is no way to look at a frame; reload the page.")
    return Look(tuple(layers), tuple(shots), zoom, float(below))


def shown(studio: Studio, made: Project | None, *look: object) -> tuple:
    """Player, slider and pictures of a project that was just opened, or of none."""
    if made is None:
        return player.buttons(), gr.Slider(maximum=1, interactive=False), _empty()
    viewer = open_viewer(made.folder)
    voice = made.settings.inputs["voice"]
    sound = studio.lend(made.input_path("voice"), voice.name, voice.sha256)
    fps = float(viewer.analysis.driving.fps)
    label = f"Frame (0 to {len(viewer) - 1}, {fps:.4g} a second)"
    slider = gr.Slider(maximum=max(1, len(viewer) - 1), value=0, label=label, interactive=True)
    return player.buttons(fps, sound), slider, _region(viewer, 0, look_of(*look))


def worst(studio: Studio, name: str, below: float) -> str:
    """The frames to look at first, as pictures that jump there."""
    if not name:
        return _gallery("")
    viewer = open_viewer(studio.store.folder(name))
    bad = worst_frames(viewer.found, viewer.edited.face, below)
    thumbnails = "".join(_thumbnail(viewer, one, below) for one in bad)
    return _gallery(f'<div class="gallery">{thumbnails}</div>' if bad else markup.say(NO_WORST, "good"))


def facts(viewer: Viewer, t: int, below: float) -> str:
    """Time of frame `t` and what there is of the person, in words."""
    uncertain = viewer.uncertain(t, below)
    unsure = [f"{uncertain} uncertain"] if uncertain else []
    counts = (_amount(part, *counted) for part, counted in viewer.counts(t).items())
    return " · ".join([f"{float(t / viewer.analysis.driving.fps):.2f} s", *counts, *unsure])


def _amount(part: str, seen: int, there: int) -> str:
    if 0 < seen < there:
        return f"{part} {seen} of {there} points"
    return f"{part} found" if seen else f"{part} not found"


def _count(look: Look) -> int:
    return bool(look.layers) + len(look.shots)


def _region(viewer: Viewer, t: int, look: Look) -> str:
    t = viewer.inside(t)
    height, width = viewer.alignment.target.hw
    shape = "wide" if width > height else "tall"
    if not _count(look):
        return f'<p class="moment">{NOTHING}</p><div class="pictures {shape}"></div>'
    side = SIDES[_count(look)]
    shots = viewer.pictures(look, t, side)
    figures = "".join(markup.figure(shot, TITLES[name]) for name, shot in shots.items())
    inside = f"""<p class="moment" data-words>{facts(viewer, t, look.below)}</p>
        <div class="pictures n{len(shots)} {shape}">{figures}</div>"""
    return markup.region("frame_pictures", spec_of(viewer.made.folder.name, viewer.written, look), t, inside)


def _thumbnail(viewer: Viewer, bad: Bad, below: float) -> str:
    picture = viewer.motion_picture(replace(THUMBNAIL_LOOK, below=below), bad.frame, THUMBNAIL)
    why = ", ".join(bad.reasons[:REASONS])
    return (
        f'<button data-frame="{bad.frame}" title="Go to frame {bad.frame}: {", ".join(bad.reasons)}">'
        f'<img src="{markup.data_url(picture)}" alt=""><b>{bad.frame}</b><span>{why}</span></button>'
    )


def _gallery(inside: str) -> str:
    return f"<h2>Frames to look at first</h2>{inside or markup.say(NO_GALLERY)}"


def _empty() -> str:
    frames = "".join(
        f'<figure><div class="shot"></div><figcaption>{title}</figcaption></figure>' for title in TITLES.values()
    )
    return f'<p class="moment">{EMPTY}</p><div class="pictures n4 tall blank">{frames}</div>'
