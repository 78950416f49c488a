"""Work on a video in pieces, several at a time, on threads.

Threads and not processes: MediaPipe and FFmpeg let go of Python's lock while they work, so two threads do the work of
two processes, without a start of seconds for each, without orphans, and from a script of any form (a spawned process
would run an unguarded `__main__` again).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from threading import Event
from typing import TypeVar

_LENGTH = 128
"""Frames of a segment of a long video: each begins with a few frames of another, so that longer ones waste less."""

_LEAST_LENGTH, _LEAST_COUNT = 48, 4
"""A short video is cut into this many segments while they have so many frames, so that all threads have work."""

_MOST_WORKERS = 3
"""Each has its own networks in 270 MB of memory, and a video of ten minutes is to be analysed in 1.5 GB."""

_POLL_SECONDS = 0.02

Result = TypeVar("Result")
Tick = Callable[[], None]


class _Stopped(Exception):
    """Ends a worker after the frame it is at."""


def segments(frames: int) -> list[tuple[int, int]]:
    """(start, stop) of about equal pieces. The frames alone decide, so no result depends on the number of threads."""
    count = max(1, round(frames / _LENGTH), min(_LEAST_COUNT, frames // _LEAST_LENGTH))
    edges = [frames * k // count for k in range(count + 1)]
    return list(pairwise(edges))


def cores() -> int:
    """How many threads can run at once here."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _MOST_WORKERS)


def run_segments(
    pieces: Sequence[tuple[int, int]],
    work: Callable[[int, int, Tick], Result],
    workers: int,
    on_done: Callable[[int], None],
) -> list[Result]:
    """`work(start, stop, tick)` for each piece, in order.

    `work` calls `tick` for each frame it has done; `on_done(frames)` runs on the calling thread. An error of
    either, or Ctrl-C, stops all workers after the frame they are at, and is raised.
    """
    stop = Event()
    done = [0] * len(pieces)

    def job(index: int) -> Result:
        def tick() -> None:
            if stop.is_set():
                raise _Stopped
            done[index] += 1

        return work(*pieces[index], tick)

    with ThreadPoolExecutor(workers, "keypoints") as pool:
        futures = [pool.submit(job, index) for index in range(len(pieces))]
        try:
            _watch(futures, lambda: on_done(sum(done)))
            return [future.result() for future in futures]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _watch(futures: Sequence[Future], report: Callable[[], None]) -> None:
    """Wait for all, or for the first error. By sleeping, because Ctrl-C inside a wait on a lock can break the lock."""
    running = list(futures)
    while running:
        time.sleep(_POLL_SECONDS)
        finished = [future for future in running if future.done()]
        for future in finished:
            future.result()
        running = [future for future in running if future not in finished]
        report()
