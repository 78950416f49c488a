"""A project open for editing: each change is aligned, on disk, and can be undone when the call returns.

    opened = editing.open_project(folder)
    opened = editing.move(opened, PointEdit("body", 4, frame, xy), space="output", gesture=drag_id)
    opened = editing.change(opened, lambda now: operations.mirror(now.edits, Mirror(3, 9)), "hands exchanged")
    opened = editing.undo(opened)

Changes of several pages and processes follow one another: each works on what is on disk, not on what it last saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from apvgen import history, pipeline, project
from apvgen.align import Alignment, Analysis, align, move_points
from apvgen.config import AlignOptions
from apvgen.edits import Edits, PointEdit
from apvgen.edits.operations import move_part, move_point
from apvgen.edits.words import layer_words
from apvgen.errors import InputError
from apvgen.history import History
from apvgen.project import Project
from apvgen.types import Motion

Space = Literal["driving", "output"]


@dataclass(frozen=True)
class Opened:
    """An analysed project with its tracks in memory."""

    made: Project
    analysis: Analysis
    alignment: Alignment

    def __len__(self) -> int:
        return len(self.analysis)

    @property
    def edits(self) -> Edits:
        return self.made.settings.edits

    @property
    def seen(self) -> Motion:
        """What is drawn, in driving-video pixels: the places that edits and `edits.operations` speak of."""
        return self.alignment.edited

    @property
    def history(self) -> History:
        """Raises ProjectError when it is damaged."""
        return history.open_history(self.made.folder, self.edits)


Change = Callable[[Opened], Edits]


def open_project(folder: Path) -> Opened:
    """Raises ProjectError when the project is missing, damaged or not analysed."""
    made = project.load(folder)
    return Opened(made, *project.load_tracks(made))


def change(opened: Opened, make: Change, what: str, gesture: str = "") -> Opened:
    """Apply the edits that `make` makes of the project as it is now, and save everything.

    what: the change in words, for undo. gesture: changes of the same gesture in a row are undone as one.
    Raises InputError for an edit beyond the clip, ProjectError and what `make` raises, without any change; OutputError
    when a file cannot be written.
    """
    with project.locked(opened.made.folder):
        now = _latest(opened)
        edits = make(now)
        if edits == now.edits:
            return now
        past = _settled_history(now)
        after = _stored(now, edits)
        history.save(history.push(past, edits, what, gesture), edits)
        return after


def move(opened: Opened, edit: PointEdit, space: Space = "driving", gesture: str = "", whole: bool = False) -> Opened:
    """Put one point somewhere, or hide it. Raises as `change` does.

    space: whose pixels `edit.xy` is in. whole: move the hand or body that the point belongs to along with it.
    """

    def make(now: Opened) -> Edits:
        placed = edit if space == "driving" else _in_driving(now, edit)
        return move_part(now.edits, now.seen, placed) if whole else move_point(now.edits, placed)

    return change(opened, make, layer_words(edit), gesture)


def undo(opened: Opened) -> Opened:
    """Take the last change back. Raises InputError when there is none."""
    return _step(opened, -1, "undo")


def redo(opened: Opened) -> Opened:
    """Do again what was last taken back. Raises InputError when there is nothing."""
    return _step(opened, 1, "redo")


def _step(opened: Opened, by: int, name: str) -> Opened:
    with project.locked(opened.made.folder):
        now = _latest(opened)
        past = _settled_history(now)
        at = past.at + by
        if not 0 <= at < len(past.steps):
            raise InputError(f"There is nothing to {name}.")
        edits = past.edits_at(at)
        after = _stored(now, edits)
        history.save(replace(past, at=at), edits)
        return after


def _settled_history(now: Opened) -> History:
    """The history up to now, on disk, where steps of edits from elsewhere were known only in memory."""
    past = now.history
    history.save(past, now.edits)
    return past


def _latest(opened: Opened) -> Opened:
    """What is on disk, which another page or process may have changed since."""
    made = project.load(opened.made.folder)
    if made.settings == opened.made.settings:
        return opened
    if _found_alike(made, opened.made):
        return _aligned(replace(opened, made=made), made.settings.options.align, made.settings.edits)
    return Opened(made, *project.load_tracks(made))


def _found_alike(one: Project, other: Project) -> bool:
    """Whether two states of a project can share an `Analysis`."""
    found = [(made.settings.inputs, replace(made.settings.options, align=AlignOptions())) for made in (one, other)]
    return found[0] == found[1]


def _stored(now: Opened, edits: Edits) -> Opened:
    settings = now.made.settings
    only_points = replace(edits, points=settings.edits.points) == settings.edits
    if only_points:
        after = replace(now, alignment=move_points(now.analysis, now.alignment, edits))
    else:
        after = _aligned(now, settings.options.align, edits)
    return replace(after, made=pipeline.store(now.made, now.analysis, after.alignment, edits=edits))


def _aligned(opened: Opened, options: AlignOptions, edits: Edits) -> Opened:
    alignment = align(opened.analysis, options, edits, opened.alignment.target.hw)
    return replace(opened, alignment=alignment)


def _in_driving(opened: Opened, edit: PointEdit) -> PointEdit:
    if edit.xy is None:
        return edit
    x, y = opened.alignment.body_fit.inverse().apply(np.array(edit.xy)).tolist()
    return replace(edit, xy=(x, y))
