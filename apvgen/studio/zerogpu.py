"""Rendering on a Hugging Face Space whose GPU is lent for one call at a time.

The call runs in a process of its own, so callbacks cannot reach the page from there: what they would be told comes back
through a generator, beside the frames.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from math import ceil
from typing import Any

import numpy as np

from apvgen.backbones.options import RenderOptions
from apvgen.backbones.protocol import Backbone, OnLook, Shot, unseen
from apvgen.errors import Cancelled
from apvgen.progress import OnProgress, silent

FRAME, STAGE, LOOK, ERROR, END = "frame", "stage", "look", "error", "end"
SPARE = 1.5
"""The lent time is this many times the estimate: a call that overruns is ended without a result."""

LENT_FLOPS = 0.3 * 990e12
"""What sampling reaches, in operations a second, of the H200 that Spaces lend; see `estimate.SHARE_OF_PEAK`."""

LOADING = 25.0
"""Seconds for reading the weights in the process that gets the GPU."""

Event = tuple[str, Any]


def available() -> bool:
    """Whether this process runs on such a Space."""
    with suppress(ImportError, AttributeError):
        return bool(import_module("spaces.config").Config.zero_gpu)
    return False


def lent_seconds(options: RenderOptions, shot: Shot) -> float:
    """How long a diffusion render of a shot takes on a lent GPU: computed, since nothing can be tried before.

    Raises CheckpointError, RenderError.
    """
    from apvgen.backbones.controlnext_svd import find_checkpoint
    from apvgen.estimate.diffusion import render_cost

    decoding = options.memory.decoding(default_chunk=8)
    cost = render_cost(find_checkpoint(options.checkpoint), options.sampling, decoding, len(shot), shot.hw)
    return LOADING + cost.flops / LENT_FLOPS


class OnZeroGpu:
    """A `Backbone` whose work is done by another one, on the lent GPU.

    seconds: estimates how long a shot takes there.
    """

    def __init__(self, backbone: Backbone, seconds: Callable[[Shot], float]) -> None:
        self.name = backbone.name
        self._backbone = backbone
        self._seconds = seconds

    def describe(self) -> dict[str, object]:
        return self._backbone.describe()

    def frames(
        self, shot: Shot, window: range, on_stage: OnProgress = silent, on_look: OnLook = unseen
    ) -> Iterator[np.ndarray]:
        lent = import_module("spaces").GPU(events, duration=ceil(SPARE * self._seconds(shot)))
        for kind, value in lent(self._backbone, shot, window):
            if kind == STAGE:
                on_stage(*value)
            elif kind == LOOK:
                on_look(lambda picture=value: picture)
            else:
                yield value


def events(backbone: Backbone, shot: Shot, window: range) -> Iterator[Event]:
    """All that a backbone does, in its order: (`FRAME`, picture), (`STAGE`, (stage, done, total)), (`LOOK`, pictures).

    Raises what the backbone raises. When the generator is closed, the backbone stops at its next report.
    """
    told: queue.Queue[Event] = queue.Queue(maxsize=8)
    closed = threading.Event()

    def tell(kind: str, value: object = None) -> None:
        while not closed.is_set():
            with suppress(queue.Full):
                told.put((kind, value), timeout=0.1)
                return
        raise Cancelled("Nobody waits for the result any more.")

    def work() -> None:
        with suppress(Cancelled):
            try:
                frames = backbone.frames(shot, window, lambda *s: tell(STAGE, s), lambda draw: tell(LOOK, draw()))
                for frame in frames:
                    tell(FRAME, frame)
                tell(END)
            except Exception as error:
                tell(ERROR, error)

    threading.Thread(target=work, daemon=True, name="zerogpu").start()
    try:
        while (event := told.get())[0] != END:
            if event[0] == ERROR:
                raise event[1]
            yield event
    finally:
        closed.set()
