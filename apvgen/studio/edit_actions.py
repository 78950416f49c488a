"""What the buttons of the adjust panel do. Each handler saves the change and answers with `adjust.Panel.outputs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

import gradio as gr

from apvgen import editing
from apvgen.editing import Change, Opened
from apvgen.edits import Mirror, Override, PointEdit, keys, operations
from apvgen.edits.words import in_frames, point_name
from apvgen.errors import InputError
from apvgen.fda import override_at
from apvgen.project import Project
from apvgen.studio import markup, optional
from apvgen.studio.context import Studio
from apvgen.studio.editor import LIMBS, editor
from apvgen.studio.viewer import open_viewer

HELP = (
    "Drag a point, click one to choose it. Missing points of the body wait at the left edge. All is saved at once; "
    "Ctrl+Z undoes."
)
EMPTY = '<div class="editor blank">After the analysis, the points of every frame can be dragged here.</div>'
SPAN = ("From frame", "to frame")
REACH = 6
PERCENT = 100

SLIDERS = 6
"""Of the face."""

Made = TypeVar("Made")
Shown = tuple[str, int]


def shown(made: Project | None, parts: list[str], close: str) -> tuple:
    """The outputs for a project that was just opened, or for none."""
    if made is None:
        return EMPTY, markup.say(HELP), *_steps(None), None, *_sliders(Override(0))
    return _answer(editing.open_project(made.folder), 0, parts, close, HELP)


def redrawn(studio: Studio, name: str, t: float, parts: list[str], close: str) -> str:
    """The editor with other points. Raises ProjectError, InputError."""
    if not name:
        return EMPTY
    return editor(open_viewer(studio.store.folder(name)), int(t), _known(parts), close)


def key_here(studio: Studio, name: str, t: float, shows: Shown | None) -> tuple:
    """What the sliders show, and the sliders at the face's correction in frame `t`. Raises ProjectError.

    shows: project and frame that they show already; then they stay as they are, since the frame slider tells of the
    same frame more than once, and what was typed meanwhile must not be lost.
    """
    made, t = studio.store.open(name), int(t)
    if made is None or shows == (name, t):
        return (gr.skip(),) * (1 + SLIDERS)
    return (name, t), *_sliders(override_at(made.settings.edits.face, t))


def point_chosen(event: gr.EventData) -> tuple[str, str, str]:
    """A point was clicked: remembered, named, and its part is what the buttons change."""
    part, point = str(event._data["part"]), int(event._data["point"])
    return f"{part} {point}", markup.say(f"Chosen: {point_name(part, point)}."), part


def dragged(
    studio: Studio, event: Mapping[str, object], name: str, _t: float, parts: list[str], close: str, *how: object
) -> tuple:
    """A point was dragged in the editor, whose frame may lag behind the slider's."""
    spread, reach = how
    around = 0 if spread == "frame" else int(reach or REACH)
    t, place = int(event["t"]), (float(event["x"]), float(event["y"]))
    edit = _checked(
        lambda: PointEdit(
            event["part"], int(event["point"]), t, place, around, around, "fade" if spread == "fade" else "shift"
        )
    )
    opened = editing.move(_opened(studio, name), edit)
    return _keeping_sliders(_answer(opened, t, parts, close))


def stepped(studio: Studio, step: Callable[[Opened], Opened], name: str, t: float, *look: object) -> tuple:
    """Undo or redo. look: parts and what is shown close."""
    return _answer(step(_opened(studio, name)), int(t), *look)


def acted(studio: Studio, action: str, name: str, t: float, parts: list[str], close: str, *scope: object) -> tuple:
    """One of `ACTIONS` on a part, or a reset, in the frames that are given or else in frame `t`."""
    first, last, part = scope
    opened = _opened(studio, name)
    frames = _frames(first, last, int(t), len(opened))
    if part not in LIMBS:
        raise InputError("That is no part of a person; reload the page.")
    make, words = _change(action, part, frames, int(t))
    return _answer(editing.change(opened, make, words), int(t), parts, close)


def hidden(studio: Studio, name: str, t: float, parts: list[str], close: str, *given: object) -> tuple:
    """The chosen point hidden in the frames that are given or else in frame `t`."""
    first, last, chosen = given
    part, _, point = str(chosen or "").partition(" ")
    if part not in LIMBS:
        raise InputError("No point is chosen yet; click one in the picture.")
    opened = _opened(studio, name)
    frames = _frames(first, last, int(t), len(opened))
    edit = _checked(lambda: PointEdit(part, int(point), frames[0], None, after=len(frames) - 1))
    return _keeping_sliders(_answer(editing.move(opened, edit), int(t), parts, close))


def _change(action: str, part: str, frames: range, t: int) -> tuple[Change, str]:
    """What an action does to an open project, and that in words."""
    where, what = in_frames(frames[0], frames[-1]), part.replace("_", " ")
    if action in ("exchange", "mirror"):
        return _of_sides(part, Mirror(frames[0], frames[-1], flip=action == "mirror"), where)
    before = max(0, frames[0] - 1)
    changes: dict[str, tuple[Change, str]] = {
        "copy": (
            lambda now: operations.copy_points(now.edits, now.seen, part, before, frames),
            f"{what} of frame {before} copied to {where}",
        ),
        "fill": (
            lambda now: operations.fill_gap(now.edits, now.seen, part, t),
            f"gap of the {what} around frame {t} filled",
        ),
        "between": (
            lambda now: operations.interpolate(now.edits, now.seen, part, frames),
            f"{what} drawn straight through {where}",
        ),
        "found": (
            lambda now: operations.reset(now.edits, frames, len(now), part),
            f"{what} as it was found in {where}",
        ),
        "frames": (lambda now: operations.reset(now.edits, frames, len(now)), f"all parts reset in {where}"),
        "all": (lambda now: operations.reset(now.edits, range(len(now)), len(now)), "everything reset"),
    }
    return changes[action]


def _of_sides(part: str, exchange: Mirror, where: str) -> tuple[Change, str]:
    """Sides exchanged or turned over, of the body, or of both hands whichever is named."""
    if part == "face":
        raise InputError("The face has no sides to exchange; choose the body, with which it is mirrored, or a hand.")
    change = replace(exchange, sides="body" if part == "body" else "hands")
    if not change.flip:
        what = "left and right of the body" if part == "body" else "left and right hand"
        return lambda now: operations.mirror(now.edits, change), f"{what} exchanged in {where}"
    what = "body and face" if part == "body" else "both hands"
    return lambda now: operations.mirror(now.edits, change), f"{what} mirrored about the body's middle line in {where}"


def face_acted(studio: Studio, action: str, name: str, t: float, parts: list[str], close: str, *given: object) -> tuple:
    """One of `FACE_ACTIONS`, with what the sliders say."""
    first, last, *sliders = given
    opened, t = _opened(studio, name), int(t)
    frames, value = _frames(first, last, t, len(opened)), _override(t, *sliders)
    changes: dict[str, tuple[Change, str]] = {
        "key": (lambda now: keys.set_key(now.edits, value), f"key frame of the face at {t}"),
        "over": (
            lambda now: keys.set_over(now.edits, value, frames, len(now)),
            f"face changed in {in_frames(frames[0], frames[-1])}",
        ),
        "remove": (lambda now: keys.remove_key(now.edits, t), f"key frame of the face at {t} removed"),
    }
    make, words = changes[action]
    return _answer(editing.change(opened, make, words), t, parts, close)


def _override(t: int, *sliders: float) -> Override:
    width, height, right, down, rotation, visible = sliders
    return _checked(
        lambda: Override(
            t,
            (width / PERCENT, height / PERCENT),
            (right / PERCENT, down / PERCENT),
            rotation=rotation,
            visible=bool(visible),
        )
    )


def _sliders(key: Override) -> tuple:
    return (*(PERCENT * side for side in (*key.scale, *key.offset)), key.rotation, key.visible)


def _opened(studio: Studio, name: str) -> Opened:
    if not name:
        raise InputError("Analyse first; then there is something to adjust.")
    return editing.open_project(studio.store.folder(name))


def _answer(opened: Opened, t: int, parts: list[str], close: str, words: str | None = None) -> tuple:
    past = opened.history
    said = words or (f"{past.undoable[0]}." if past.undoable else "As analysed.")
    picture = editor(open_viewer(opened.made.folder), t, _known(parts), close)
    sliders = (opened.made.folder.name, t), *_sliders(override_at(opened.edits.face, t))
    return picture, markup.say(said[0].upper() + said[1:]), *_steps(opened), *sliders


def _keeping_sliders(answer: tuple) -> tuple:
    """An answer after a change of points, which leaves the face's sliders with what was typed."""
    return *answer[: -(1 + SLIDERS)], *(gr.skip(),) * (1 + SLIDERS)


def _steps(opened: Opened | None) -> tuple[gr.Button, gr.Button]:
    past = opened.history if opened else None
    return (
        gr.Button(interactive=bool(past and past.undoable)),
        gr.Button(interactive=bool(past and past.redoable)),
    )


def _frames(first: str, last: str, t: int, length: int) -> range:
    """The frames that are meant: what is not given is frame `t`."""
    given = [optional.whole(value, label) for value, label in zip((first, last), SPAN, strict=True)]
    start, stop = (t if value is None else value for value in given)
    if not 0 <= start <= stop < length:
        raise InputError(f"Frames must run forward from 0 to {length - 1}, not from {start} to {stop}.")
    return range(start, stop + 1)


def _known(parts: list[str]) -> list[str]:
    return [part for part in LIMBS if part in parts]


def _checked(make: Callable[[], Made]) -> Made:
    try:
        return make()
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"That cannot be done: {error}.") from error
