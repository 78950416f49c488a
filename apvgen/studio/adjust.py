"""Panel: correct any frame: drag points, key frames of the face, gaps, sides; with undo and redo.

Every change is in the project folder when its handler (edit_actions.py) returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from apvgen import editing
from apvgen.project import Project
from apvgen.studio import edit_actions, markup, optional
from apvgen.studio.context import QUIET, Studio, answering, bound
from apvgen.studio.editor import editor_frame

SCRIPT = Path(__file__).with_name("editor.js")
GROUP = {"concurrency_id": "adjust", "concurrency_limit": 4, **QUIET}
"""An edit waits for no analysis and no render."""

PARTS = [("Body", "body"), ("Left hand", "left_hand"), ("Right hand", "right_hand"), ("Face", "face")]
CLOSE = [("Whole picture", "all"), *PARTS[1:]]
SPREADS = [("this frame", "frame"), ("frames around it, fading", "fade"), ("frames around it, all alike", "shift")]
ACTIONS = {
    "copy": "As in the frame before",
    "fill": "Fill the gap",
    "between": "Draw through these frames",
    "exchange": "Exchange left and right",
    "mirror": "Mirror",
    "found": "As it was found",
}
MEANINGS = {
    "copy": "The part stands as in the frame before.",
    "fill": "What is missing is drawn evenly from the last frame that has it to the next.",
    "between": "The part moves straight from the frame before these to the frame after them, whatever was found.",
    "exchange": "For mixed-up sides: left becomes right and right becomes left, and all stays in its place.",
    "mirror": "Turned over about the body's middle line: the left does what the right did. Hands turn as a pair.",
    "found": "Your changes of this part are taken back.",
}
"""What the buttons of `ACTIONS` do, on the page below them."""
HIDE = {"hide": "Hide the chosen point"}
RESETS = {"frames": "Reset these frames", "all": "Reset everything"}
FACE_ACTIONS = {"key": "Set key frame", "over": "Use in these frames", "remove": "Remove key frame"}


@dataclass(frozen=True)
class Panel:
    """scope: frame-independent choices, in the order in which handlers take them. face: the sliders of the face, which
    show what `shows` says (see `edit_actions.key_here`)."""

    canvas: gr.HTML
    said: gr.HTML
    undo: gr.Button
    redo: gr.Button
    chosen: gr.Textbox
    scope: tuple[gr.Component, ...]
    span: tuple[gr.Textbox, gr.Textbox]
    shows: gr.State
    face: tuple[gr.Component, ...]
    actions: Mapping[str, gr.Button]

    @property
    def look(self) -> list[gr.Component]:
        """Which points are shown, and what is shown close."""
        return list(self.scope[:2])

    @property
    def project_outputs(self) -> list[gr.Component]:
        """What `shown` fills."""
        return [*self.outputs, *self.actions.values()]

    @property
    def outputs(self) -> list[gr.Component]:
        return [self.canvas, self.said, self.undo, self.redo, self.shows, *self.face]


def build(studio: Studio) -> Panel:
    """Lay the editor out beside its controls, folded."""
    with gr.Accordion("Adjust: drag points, move the face, fill gaps", open=False, elem_id="adjust"), gr.Row():
        with gr.Column(scale=5, min_width=300):
            canvas = gr.HTML(
                edit_actions.EMPTY,
                elem_id="editor",
                js_on_load=SCRIPT.read_text("utf-8"),
                server_functions=[answering(studio, editor_frame)],
            )
            said = gr.HTML(markup.say(edit_actions.HELP), elem_classes="status")
            with gr.Row(elem_classes="actions"):
                undo, redo = (gr.Button(name, size="md", interactive=False) for name in ("Undo", "Redo"))
        with gr.Column(scale=4, min_width=280):
            scope, span, face, actions = _controls()
    chosen, shows = gr.Textbox(visible=False), gr.State()
    return Panel(canvas, said, undo, redo, chosen, scope, span, shows, face, actions)


def _controls() -> tuple:
    scope = _scope()
    with gr.Row(elem_classes="span"):
        span = tuple(optional.field(label, "this frame") for label in edit_actions.SPAN)
    actions = _buttons({**ACTIONS, **HIDE})
    with gr.Accordion("What these buttons do", open=False, elem_id="meanings"):
        gr.HTML(markup.meanings((ACTIONS[name], meaning) for name, meaning in MEANINGS.items()))
    with gr.Accordion("Face: size, place, rotation", open=False, elem_id="face-key"):
        face = _face()
        actions |= _buttons(FACE_ACTIONS)
    return scope, span, face, actions | _buttons(RESETS)


def _scope() -> tuple[gr.Component, ...]:
    return (
        gr.CheckboxGroup(PARTS, value=["body", "left_hand", "right_hand"], label="Points to drag", elem_id="parts"),
        gr.Radio(CLOSE, value="all", label="Show", elem_id="close"),
        gr.Radio(SPREADS, value="frame", label="A dragged point changes", elem_id="spread"),
        gr.Number(edit_actions.REACH, precision=0, minimum=1, maximum=1000, label="Frames around it, to either side"),
        gr.Dropdown(PARTS, value="body", label="The buttons below change", elem_id="part"),
    )


def _face() -> tuple[gr.Component, ...]:
    def slider(low: float, high: float, value: float, label: str) -> gr.Slider:
        return gr.Slider(low, high, value, step=0.5, label=label, buttons=[])

    return (
        slider(25, 300, edit_actions.PERCENT, "Width, % of the fitted face"),
        slider(25, 300, edit_actions.PERCENT, "Height, %"),
        slider(-100, 100, 0, "Shift to the right, % of its width"),
        slider(-100, 100, 0, "Shift down, % of its height"),
        slider(-180, 180, 0, "Rotation, degrees clockwise"),
        gr.Checkbox(True, label="The face is drawn"),
    )


def _buttons(labels: Mapping[str, str]) -> dict[str, gr.Button]:
    with gr.Row(elem_classes="choices"):
        return {name: gr.Button(label, size="sm", interactive=False) for name, label in labels.items()}


def wire(panel: Panel, studio: Studio, opened: gr.Textbox, frame: gr.Slider) -> list[gr.events.Dependency]:
    """Connect the panel; the events after which the project has changed."""
    parts, close, spread, reach, part = panel.scope
    here = [opened, frame, parts, close]
    redraw = bound(studio, edit_actions.redrawn)
    gr.on([parts.input, close.input], redraw, here, panel.canvas, trigger_mode="always_last", **GROUP)
    moved = [frame.release, frame.input]
    key_here, sliders = bound(studio, edit_actions.key_here), [panel.shows, *panel.face]
    gr.on(moved, key_here, [opened, frame, panel.shows], sliders, trigger_mode="always_last", **GROUP)
    panel.canvas.select(edit_actions.point_chosen, None, [panel.chosen, panel.said, part], queue=False, **QUIET)
    frames = [*here, *panel.span]
    dragging = _with_event(studio, edit_actions.dragged)
    handlers = {
        "undo": (panel.undo, bound(studio, edit_actions.stepped, editing.undo), here),
        "redo": (panel.redo, bound(studio, edit_actions.stepped, editing.redo), here),
        "hide": (panel.actions["hide"], bound(studio, edit_actions.hidden), [*frames, panel.chosen]),
        **{
            name: (panel.actions[name], bound(studio, edit_actions.acted, name), [*frames, part])
            for name in (*ACTIONS, *RESETS)
        },
        **{
            name: (panel.actions[name], bound(studio, edit_actions.face_acted, name), [*frames, *panel.face])
            for name in FACE_ACTIONS
        },
    }
    return [
        panel.canvas.apply(dragging, [*here, spread, reach], panel.outputs, **GROUP),
        *(button.click(handler, given, panel.outputs, **GROUP) for button, handler, given in handlers.values()),
    ]


def _with_event(studio: Studio, handler: Callable) -> Callable:
    def call(event: gr.EventData, *args: object) -> object:
        return bound(studio, handler, event._data)(*args)

    return call


def shown(made: Project | None, parts: list[str], close: str) -> tuple:
    """Outputs and buttons for a project that was just opened, or for none."""
    buttons = [gr.Button(interactive=made is not None)] * (len(ACTIONS) + len(HIDE) + len(FACE_ACTIONS) + len(RESETS))
    return *edit_actions.shown(made, parts, close), *buttons
