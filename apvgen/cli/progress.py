"""Bars on standard error for work that takes long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apvgen.result import OnProgress

STAGES = {
    "detect": "Detecting",
    "voice": "Voice to face",
    "preview": "Preview",
    "export": "Exporting",
    "draft": "Draft render",
    "stick": "Pose frames",
    "load": "Loading",
    "denoise": "Denoising",
    "diffusion": "Decoding",
}


@contextmanager
def progress(quiet: bool) -> Iterator[OnProgress]:
    """A bar for each stage on standard error, with the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        tasks = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES.get(stage, stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield on_progress
