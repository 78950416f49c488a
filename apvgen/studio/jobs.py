"""Long work in a thread: it reports progress, can be stopped, and ends with a result or an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

import numpy as np

from apvgen.errors import Cancelled
from apvgen.progress import OnProgress

_SETTLED = 2.0
"""Seconds of a stage after which its pace tells how long the rest will take."""

_BETWEEN_LOOKS = 0.8
"""Seconds between two pictures of an unfinished result."""

_KEPT = 200
"""Ended jobs that are remembered, so that a page which comes back still learns how its work ended."""


@dataclass(frozen=True)
class Progress:
    """How far a job is. stage is empty before the first report; seconds_left is None until it can be told."""

    waiting: bool
    stopping: bool
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None


class Job:
    """One piece of work, kept by a `Board`. look: its unfinished result, RGB uint8 `[n, h, w, 3]`, or None."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._begun = False
        self._report = ("", 0, 0)
        self._seen_at = 0.0
        self.look: np.ndarray | None = None
        self._began = self._stage_began = self._over = 0.0
        self._future: Future | None = None

    @property
    def ended(self) -> bool:
        return self._future is not None and self._future.done()

    @property
    def progress(self) -> Progress:
        stage, done, total = self._report
        spent = time.monotonic() - self._stage_began
        left = spent / done * (total - done) if done and spent > _SETTLED else None
        return Progress(not self._begun, self._stop.is_set(), stage, done, total, left)

    @property
    def seconds(self) -> float:
        """What an ended job took, without the wait before it."""
        return self._over - self._began

    @property
    def error(self) -> BaseException | None:
        """What stopped an ended job, `Cancelled` where a person did; None where it was finished."""
        try:
            return self._future.exception()
        except CancelledError:
            return Cancelled("stopped before it began")

    def see(self, draw: Callable[[], np.ndarray]) -> None:
        """Draw the unfinished result, unless that was done a moment ago; for the thread that works."""
        now = time.monotonic()
        if now - self._seen_at >= _BETWEEN_LOOKS:
            self.look, self._seen_at = draw(), now

    def stop(self) -> None:
        """Have the work end at its next report; work that still waits never begins."""
        self._stop.set()
        if self._future is not None:
            self._future.cancel()

    def _run(self, work: Callable[[OnProgress], object]) -> object:
        self._begun = True
        self._began = self._stage_began = time.monotonic()
        try:
            return work(self._take)
        finally:
            self._over = time.monotonic()

    def _take(self, stage: str, done: int, total: int) -> None:
        if self._stop.is_set():
            raise Cancelled("The work was stopped.")
        if stage != self._report[0]:
            self._stage_began = time.monotonic()
        self._report = (stage, done, total)


class Board:
    """The jobs of one process by name. One runs at a time, in the order given: two would halve each other's speed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="studio")
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, name: str, work: Callable[[OnProgress], object]) -> Job:
        """Queue `work(on_progress)`; a job of that name which has not ended is returned instead of a second one."""
        with self._lock:
            job = self._jobs.pop(name, None)
            if job is None or job.ended:
                job = Job()
                # The request that started it is what a lent GPU is charged to.
                job._future = self._pool.submit(copy_context().run, job._run, work)
            self._jobs[name] = job
            self._forget()
            return job

    def get(self, name: str) -> Job | None:
        """The latest job of that name; work finds itself, however early it asks."""
        with self._lock:
            return self._jobs.get(name)

    def close(self) -> None:
        """Stop everything and wait until it has stopped."""
        for job in list(self._jobs.values()):
            job.stop()
        self._pool.shutdown()

    def _forget(self) -> None:
        ended = [name for name, job in self._jobs.items() if job.ended]
        for name in ended[:-_KEPT]:
            del self._jobs[name]
