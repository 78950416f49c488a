"""Undo and redo: the edits that a project has had, beside `project.json`.

    history/index.json       the steps, oldest first, and which of them the project is at
    history/<hash>.json      the edits after a step

`project.json` alone says what the project's edits are. It is written first, so a process killed in between leaves a
history that is one step behind; `open_history` notices, as it does when edits came from elsewhere, and catches up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from apvgen.edits import Edits
from apvgen.edits.stored import edits_json, parse_edits
from apvgen.errors import ProjectError
from apvgen.files import complete_or_absent
from apvgen.project import HISTORY

LIMIT = 200
"""Steps that are kept; older ones are forgotten."""


@dataclass(frozen=True)
class Step:
    """The edits after one change.

    edits: their hash. what: the change in words. gesture: names a movement that may go on, such as one drag.
    """

    edits: str
    what: str
    gesture: str = ""


@dataclass(frozen=True)
class History:
    """The steps of a project, oldest first, and the one that it is at."""

    folder: Path
    steps: tuple[Step, ...]
    at: int

    @property
    def undoable(self) -> tuple[str, ...]:
        """The changes that can be taken back, in words, the latest first."""
        return tuple(step.what for step in self.steps[self.at : 0 : -1])

    @property
    def redoable(self) -> tuple[str, ...]:
        """The changes that were taken back, in words, the next to do again first."""
        return tuple(step.what for step in self.steps[self.at + 1 :])

    def edits_at(self, step: int) -> Edits:
        """The edits after a step. Raises ProjectError when its file is gone or damaged."""
        file = self.folder / f"{self.steps[step].edits}.json"
        try:
            return parse_edits(file.read_bytes())
        except (OSError, ValueError) as error:
            raise _damaged(file, error) from error


def open_history(project: Path, current: Edits) -> History:
    """The history of a project folder whose edits are `current`. Raises ProjectError when it is damaged."""
    folder = project / HISTORY
    stored = _read(folder)
    digest = _hash(current)
    if stored is None:
        return History(folder, (Step(digest, "as analysed" if current == Edits() else "as opened"),), 0)
    places = [k for k, step in enumerate(stored.steps) if step.edits == digest]
    if places:
        return replace(stored, at=min(places, key=lambda k: abs(k - stored.at)))
    return _after(stored, Step(digest, "unnamed change"))


def push(history: History, edits: Edits, what: str, gesture: str = "") -> History:
    """A history with one more step, which drops what could be redone.

    A step of the same gesture as the last one takes its place. gesture: "" is never the same.
    """
    last = history.steps[history.at]
    if gesture and gesture == last.gesture and history.at:
        history = replace(history, at=history.at - 1)
    return _after(history, Step(_hash(edits), what, gesture))


def save(history: History, edits: Edits) -> None:
    """Write a history whose current edits are `edits`; drop the files of forgotten steps. Raises OutputError."""
    snapshot = history.folder / f"{_hash(edits)}.json"
    if not snapshot.exists():
        with complete_or_absent(snapshot) as temporary:
            temporary.write_bytes(edits_json(edits))
    index = {"at": history.at, "steps": [asdict(step) for step in history.steps]}
    with complete_or_absent(history.folder / "index.json") as temporary:
        temporary.write_text(json.dumps(index), "utf-8")
    needed = {"index", *(step.edits for step in history.steps)}
    for file in history.folder.glob("*.json"):
        if file.stem not in needed:
            file.unlink(missing_ok=True)


def _after(history: History, step: Step) -> History:
    steps = (*history.steps[: history.at + 1], step)[-LIMIT:]
    return replace(history, steps=steps, at=len(steps) - 1)


def _read(folder: Path) -> History | None:
    file = folder / "index.json"
    try:
        stored = json.loads(file.read_bytes())
        steps = tuple(Step(**step) for step in stored["steps"])
        return History(folder, steps, _checked(stored["at"], steps))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(file, error) from error


def _checked(at: object, steps: Sequence[Step]) -> int:
    if not isinstance(at, int) or not 0 <= at < len(steps):
        raise ValueError(f"it is at step {at} of {len(steps)}")
    return at


def _damaged(file: Path, error: Exception) -> ProjectError:
    return ProjectError(f"{file} is damaged or gone ({error}); remove the folder {file.parent} to go on without undo.")


def _hash(edits: Edits) -> str:
    return hashlib.sha256(edits_json(edits)).hexdigest()[:32]
