"""`python -m apvgen edits`: a person's corrections of a project, listed, taken back, done again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apvgen.cli.options import json_option, project_option
from apvgen.errors import InputError

if TYPE_CHECKING:
    from apvgen.editing import Opened


class _Frames(click.ParamType):
    name = "FIRST-LAST"

    def convert(self, value: str, parameter: click.Parameter | None, context: click.Context | None) -> range:
        first, dash, last = value.partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else True)):
            self.fail(f"{value!r} is no range of frames; write 12 or 12-40.", parameter, context)
        frames = range(int(first), int(last or first) + 1)
        return frames if frames else self.fail(f"{value!r} runs backward.", parameter, context)


@click.command("edits")
@project_option(required=True)
@click.option("--undo", "actions", flag_value="undo", multiple=True, help="Take the last change back. Repeatable.")
@click.option("--redo", "actions", flag_value="redo", multiple=True, help="Do it again. Repeatable.")
@click.option("--reset", "actions", flag_value="reset", multiple=True, help="Take back all corrections, as one change.")
@click.option("--frames", type=_Frames(), help="For --reset: only those in frame 12, or in frames 12-40.")
@json_option
def edits(folder: Path, actions: tuple[str, ...], frames: range | None, as_json: bool) -> None:
    """List a project's corrections; `--json` prints them as `analyse --edits` and `run --edits` read them."""
    from apvgen import editing

    if frames and "reset" not in actions:
        raise InputError("--frames says what --reset takes back; give both.")
    opened = editing.open_project(folder)
    for action in actions:
        opened = _done(opened, action, frames)
    click.echo(_as_json(opened) if as_json else _as_text(opened))


def _done(opened: Opened, action: str, frames: range | None) -> Opened:
    from apvgen import editing
    from apvgen.edits import Edits
    from apvgen.edits.operations import reset

    if action == "undo":
        return editing.undo(opened)
    if action == "redo":
        return editing.redo(opened)
    if frames is None:
        return editing.change(opened, lambda _: Edits(), "all corrections taken back")
    if frames.stop > len(opened):
        raise InputError(f"Frame {frames[-1]} cannot be reset: the clip has frames 0 to {len(opened) - 1}.")
    what = f"corrections of frames {frames.start} to {frames[-1]} taken back"
    return editing.change(opened, lambda now: reset(now.edits, frames, len(now)), what)


def _as_json(opened: Opened) -> str:
    from apvgen.edits.stored import edits_json

    past = opened.history
    summary = {
        "project": str(opened.made.folder),
        "edits": json.loads(edits_json(opened.edits)),
        "undo": past.undoable,
        "redo": past.redoable,
    }
    return json.dumps(summary)


def _as_text(opened: Opened) -> str:
    from apvgen.edits.words import sentences

    lines = list(sentences(opened.edits)) or ["Nothing is corrected by hand."]
    past = opened.history
    steps = f"{len(past.undoable)} changes can be taken back, {len(past.redoable)} done again."
    return "\n".join([*lines, steps])
