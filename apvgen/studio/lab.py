"""Panel: the FDA lab, where the ways to place the talking face stand side by side, over time and in the open frame."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import gradio as gr
import numpy as np

from apvgen import pipeline
from apvgen.config import FdaMode
from apvgen.errors import InputError, ProjectError
from apvgen.retarget import map_track
from apvgen.studio import markup, words
from apvgen.studio.charts import Scale, area, chart, line, marks, scale_of, seconds_axis
from apvgen.studio.context import QUIET, Studio, bound
from apvgen.studio.curves import Curves, fda_curves, lips
from apvgen.studio.settings import MODES, SMOOTHING
from apvgen.studio.viewer import Look, Viewer, open_viewer
from apvgen.types import Affine

NAMES: dict[FdaMode, str] = {mode: name[:1].upper() + name[1:] for name, mode in MODES}
ORDER: tuple[FdaMode, ...] = ("paper", "stable", "head_pose")
ROWS = (("Width, a_x", "times"), ("Height, a_y", "times"), ("Shift right, b_x", "px"), ("Shift down, b_y", "px"))
LOOK = Look(layers=("frame", "face", "aligned"), shots=(), zoom="face")
SIDE = 400
NAMED_JUMPS = 8
ABOUT = (
    "How the voice's face is placed on the moving head, in each of the three ways. Thin lines: as fitted; thick: "
    "smoothed; red dots: frames that jump. In the pictures, green is the detected face and yellow the drawn one. A "
    "click on a curve goes to that frame."
)
SMOOTHING_HELP = "0 is the paper. The face's centre stays where it was found; only its size is smoothed."
USE = "Apply to the project"
APPLYING = "Applying changes the project's drawn faces at once; corrections of single frames stay."
APPLIED = "Applied. Renders from now on use it."
EMPTY = "After the analysis, the curves of the alignment are here."
GONE = "The open project is gone from this machine; start a new one."
LIPS = "Opening of the lips, against the loudness of the voice"
LIPS_NOTE = "area: voice; thin: opening that it asks for; thick: opening as drawn, in lengths of the nose"
GROUP = {"concurrency_id": "lab", "concurrency_limit": 2, **QUIET}


@dataclass(frozen=True)
class Panel:
    """unfolded: whether the drawer is open; nothing is computed while it is not."""

    drawer: gr.Accordion
    unfolded: gr.State
    smoothing: gr.Slider
    curves: gr.HTML
    mode: gr.Radio
    use: gr.Button
    status: gr.HTML

    @property
    def outputs(self) -> list[gr.Component]:
        """What `adopted` fills."""
        return [self.smoothing, self.mode, self.use, self.curves]


def build() -> Panel:
    """Lay the lab out in a closed drawer."""
    with gr.Accordion("FDA lab: how the talking face is placed", open=False, elem_id="lab") as drawer:
        gr.HTML(f'<p class="subdued">{ABOUT}</p>')
        smoothing = gr.Slider(0, 10, 1, step=0.5, label=SMOOTHING, info=SMOOTHING_HELP, buttons=[])
        curves = gr.HTML(markup.say(EMPTY), elem_id="curves")
        with gr.Row(elem_classes=["choosing", "switches"]):
            modes = [(NAMES[mode], mode) for mode in ORDER]
            mode = gr.Radio(modes, value="stable", label="Use", scale=3, min_width=300)
            use = gr.Button(USE, size="md", interactive=False, scale=1, min_width=240)
        status = gr.HTML(markup.say(APPLYING), elem_classes="status")
    return Panel(drawer, gr.State(False), smoothing, curves, mode, use, status)


def wire(panel: Panel, studio: Studio, opened: gr.Textbox, frame: gr.Slider) -> None:
    """Compute when the drawer is opened, and again for another smoothing."""
    given = [opened, frame, panel.smoothing]
    drawing = bound(studio, shown)
    gr.on([panel.drawer.expand], drawing, given, panel.curves, **GROUP)
    panel.smoothing.input(drawing, given, panel.curves, trigger_mode="always_last", **GROUP)
    panel.drawer.expand(lambda: True, None, panel.unfolded, queue=False, **QUIET)
    panel.drawer.collapse(lambda: False, None, panel.unfolded, queue=False, **QUIET)


def adopted(studio: Studio, name: str, t: float, unfolded: bool) -> tuple:
    """Smoothing, way, button and curves of a project that was just opened or changed, or of none."""
    if not name:
        return gr.skip(), gr.skip(), gr.Button(interactive=False), markup.say(EMPTY)
    chosen = open_viewer(studio.store.folder(name)).made.settings.options.align
    curves = shown(studio, name, t, chosen.smoothing) if unfolded else gr.skip()
    return chosen.smoothing, chosen.mode, gr.Button(interactive=True), curves


def redrawn(studio: Studio, name: str, t: float, smoothing: float, unfolded: bool) -> object:
    """The curves of a project that was edited, if the lab is open."""
    return shown(studio, name, t, smoothing) if unfolded else gr.skip()


def use(studio: Studio, name: str, mode: FdaMode, smoothing: float) -> str:
    """Place the project's face in another way; its edits stay. Returns the status. Raises ProjectError, InputError."""
    made = studio.store.open(name)
    if made is None:
        raise ProjectError(GONE)
    try:
        options = replace(made.settings.options.align, mode=mode, smoothing=float(smoothing))
    except ValueError as error:
        raise InputError(f"The face cannot be placed like that: {error}.") from error
    pipeline.realign(made, options, made.settings.edits)
    return markup.say(APPLIED, "good")


def shown(studio: Studio, name: str, t: float, smoothing: float) -> str:
    """The three ways over time and in frame `t`, and the lips. Raises ProjectError, MediaError."""
    if not name:
        return markup.say(EMPTY)
    folder = studio.store.folder(name)
    viewer = open_viewer(folder)
    ways = [_way(folder, mode, smoothing) for mode in ORDER]
    spec = spec_of(name, viewer.written, float(smoothing))
    pictures = mode_pictures(studio, spec, int(t))["pictures"]
    scales = [scale_of([way.values[:, row] for way in ways for way in way]) for row in range(len(ROWS))]
    columns = "".join(map(partial(_column, viewer, scales), ORDER, pictures, ways))
    return markup.region("mode_pictures", spec, int(t), f'<div class="modes">{columns}</div>') + _lips(folder, viewer)


def spec_of(name: str, written: int, smoothing: float) -> str:
    """What `mode_pictures` is told of a project in the state that was `written` (see `Viewer`)."""
    return json.dumps({"project": name, "written": written, "smoothing": smoothing})


def mode_pictures(studio: Studio, spec: str, t: int) -> dict[str, object]:
    """Close-ups of frame `t`, one a mode, for a region of `spec` (player.py)."""
    wanted = json.loads(spec)
    folder = studio.store.folder(wanted["project"])
    viewer = open_viewer(folder)
    t = viewer.inside(t)
    maps = (fda_curves(folder, mode, wanted["smoothing"]).affine for mode in ORDER)
    return {"pictures": [markup.data_url(_close_up(viewer, placed, t)) for placed in maps]}


def _close_up(viewer: Viewer, placed: Affine, t: int) -> np.ndarray:
    """The detected face of frame `t` and the voice's, placed by a per-frame map."""
    face = viewer.alignment.voice_face.take([t])
    here = Affine(placed.a[[t]], placed.b[[t]])
    return viewer.motion_picture(LOOK, t, SIDE, map_track(face, here, viewer.analysis.driving.hw))


def _way(folder: Path, mode: FdaMode, smoothing: float) -> tuple[Curves, Curves]:
    """A mode's curves as fitted, and smoothed."""
    return fda_curves(folder, mode, 0.0), fda_curves(folder, mode, float(smoothing))


def _column(viewer: Viewer, scales: list[Scale], mode: FdaMode, picture: str, way: tuple[Curves, Curves]) -> str:
    """One mode: a close-up of the open frame, its numbers, and its four curves."""
    fitted, placed = way
    in_use = " · in use" if viewer.made.settings.options.align.mode == mode else ""
    rows = "".join(_row_chart(viewer, row, scales[row], fitted, placed) for row in range(len(ROWS)))
    jumping = np.flatnonzero(placed.jumps.any(1))
    tremble = _before_after(f"{100 * fitted.tremble:.2g} %", f"{100 * placed.tremble:.2g} %")
    return f"""<section><h3>{NAMES[mode]}<span>{in_use}</span></h3>
        <div class="shot"><img src="{picture}" alt="{NAMES[mode]}" decoding="sync"></div>
        <dl><dt>Lip opening kept</dt><dd>{_share(placed.kept)}</dd>
        <dt>Size trembles by</dt><dd>{tremble}</dd>
        <dt>Frames that jump</dt><dd>{_before_after(str(fitted.jumps.any(1).sum()), str(len(jumping)))}</dd></dl>
        <div class="jumps">{_jump_buttons(jumping)}</div>
        {rows}{seconds_axis(float(len(viewer) / viewer.analysis.driving.fps))}</section>"""


def _row_chart(viewer: Viewer, row: int, scale: Scale, fitted: Curves, placed: Curves) -> str:
    title, unit = ROWS[row]
    values, fps = placed.values[:, row], viewer.analysis.driving.fps
    jumping = {int(t): f"frame {t}, {float(t / fps):.2f} s" for t in np.flatnonzero(placed.jumps[:, row])}
    drawn = line(fitted.values[:, row], scale, "fitted") + line(values, scale, "placed")
    return chart(title, _range(values, unit), drawn + marks(jumping, values, scale))


def _lips(folder: Path, viewer: Viewer) -> str:
    found = lips(folder)
    scale = Scale(0.0, 1.06 * max(float(np.nanmax([*found.asked, *found.drawn, 0.0])), 0.05))
    drawn = area(found.loudness, "voice") + line(found.asked, scale, "fitted") + line(found.drawn, scale, "placed")
    seconds = float(len(viewer) / viewer.analysis.driving.fps)
    return f'<div class="lips">{chart(LIPS, LIPS_NOTE, drawn)}{seconds_axis(seconds)}</div>'


def _jump_buttons(frames: np.ndarray) -> str:
    named = "".join(f'<button data-frame="{t}" title="Go to frame {t}">{t}</button>' for t in frames[:NAMED_JUMPS])
    more = len(frames) - NAMED_JUMPS
    return named + (f"<span>and {more} more</span>" if more > 0 else "")


def _share(kept: float) -> str:
    return "not known" if np.isnan(kept) else words.share(kept)


def _before_after(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _range(values: np.ndarray, unit: str) -> str:
    known = values[np.isfinite(values)]
    return f"{_three(known.min())} to {_three(known.max())} {unit}" if len(known) else "no face"


def _three(value: float) -> str:
    """Three significant digits, never with an exponent."""
    return np.format_float_positional(value, 3, fractional=False, trim="-")
