"""Bars on standard error for work that takes long."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING

from apvgen.errors import Cancelled

if TYPE_CHECKING:
    from apvgen.progress import OnProgress

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
    with interrupts() as stopped, Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        tasks = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            if stopped():
                raise Cancelled("Stopped.")
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES.get(stage, stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield on_progress


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Tells whether Ctrl-C was pressed, even where a library has swallowed it.

    KeyboardInterrupt is lost when it comes while C code calls Python back, as FFmpeg does for its log.
    """
    pressed = Event()

    def handle(*_: object) -> None:
        pressed.set()
        raise KeyboardInterrupt

    if current_thread() is not main_thread():  # only the main thread may handle signals, and only it gets them
        yield pressed.is_set
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
