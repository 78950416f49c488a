"""Editing: how long a change takes until it is aligned, on disk and can be undone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

import app
from apvgen import editing, pipeline, project
from apvgen.align import Analysis, align
from apvgen.config import Options
from apvgen.editing import Opened
from apvgen.edits import Edits, Override, PointEdit
from apvgen.edits.keys import set_key
from apvgen.project import ROLES
from apvgen.studio.inputs import WANTED

SECONDS = (5, 60)
CHANGES = 20


def run() -> dict[str, float]:
    """Medians and the fastest of `CHANGES`, for the bundled example's motion played on and on.

    drag: one body point, as the studio calls it for each move of a finger. key: a key frame of the face. undo: of a
    drag. reopen: what a reload of the page waits for.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {role: app.EXAMPLE / WANTED[role].example for role in ROLES}
        made = pipeline.Animator(Options()).analyse(files, folder / "p")
        results = {}
        for seconds in SECONDS:
            results |= {f"{what}_{seconds}s_ms": value for what, value in _times(_long(made, seconds)).items()}
    return results


def _long(made: project.Project, seconds: int) -> Opened:
    """The project with its clip repeated to a length."""
    analysis, _ = project.load_tracks(made)
    index = np.resize(np.arange(len(analysis)), seconds * int(analysis.driving.fps))
    voice = analysis.voice
    said = replace(voice, vertices=voice.vertices[index], rotation=voice.rotation[index], opening=voice.opening[index])
    longer = Analysis(analysis.driving.take(index), index, analysis.reference, analysis.window, said)
    plain = made.with_settings(edits=Edits())
    options = made.settings.options
    project.save_tracks(plain, longer, align(longer, options.align, Edits(), options.hw))
    return editing.open_project(made.folder)


def _times(opened: Opened) -> dict[str, float]:
    now = opened

    def drag(k: int) -> None:
        nonlocal now
        edit = PointEdit("body", 4, 10, (100.0 + k, 300.0))
        now = editing.move(now, edit, space="output", gesture="drag")

    def key(k: int) -> None:
        nonlocal now
        now = editing.change(now, lambda it: set_key(it.edits, Override(k, rotation=float(k + 1))), "key")

    def undo(_k: int) -> None:
        nonlocal now
        now = editing.undo(now)

    changes = {"drag": drag, "key": key, "undo": undo, "reopen": lambda _k: editing.open_project(opened.made.folder)}
    return {name: value for what, change in changes.items() for name, value in _measured(what, change).items()}


def _measured(what: str, change: Callable[[int], object]) -> dict[str, float]:
    times = []
    for k in range(CHANGES):
        began = time.perf_counter()
        change(k)
        times.append(1000 * (time.perf_counter() - began))
    return {what: round(median(times), 1), f"{what}_fastest": round(min(times), 1)}
