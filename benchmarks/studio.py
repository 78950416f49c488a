"""The studio: how soon its page is there, and how long a dragged slider waits for a frame."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np

import app
from apvgen.config import Limits, Options
from apvgen.media import VideoReader, write_video
from apvgen.pipeline import Animator
from apvgen.project import ROLES
from apvgen.studio import scrub
from apvgen.studio.inputs import WANTED
from apvgen.studio.layers import Layer
from apvgen.studio.shelf import Shelf
from apvgen.studio.viewer import Look

STARTS = 3
FRAMES = 60
DRIVING_FRAMES = 500
LOOK = astuple(Look(layers=get_args(Layer)))
"""Every layer and every picture."""
GIVE_UP_SECONDS = 120


def run() -> dict[str, float | int]:
    """Medians. `new_frame`: all four views of the bundled example's project, in random order, as one handler call.

    `sought_frame`: the part that decodes, at random places of a 1080p video with a key frame every 2 s, before the
    thread that fills the shelf has come to them; `shelved_frame`: the same once it has.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "page_ready_seconds": round(median(page_ready(folder) for _ in range(STARTS)), 2),
            **frame_times("new_frame", new_frames(folder)),
            **driving_frames(folder),
        }


def frame_times(name: str, milliseconds: Iterator[float]) -> dict[str, float]:
    """Median and the slowest of a hundred."""
    times = list(milliseconds)
    return {f"{name}_ms": round(median(times), 1), f"{name}_p99_ms": round(float(np.percentile(times, 99)), 1)}


def page_ready(folder: Path) -> float:
    """Seconds from the start of the process until its page answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    with server(port, folder):
        while time.perf_counter() - began < GIVE_UP_SECONDS:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5).close()
                return time.perf_counter() - began
            except OSError:
                time.sleep(0.02)
    raise TimeoutError(f"the studio's page did not come within {GIVE_UP_SECONDS} s")


@contextmanager
def server(port: int, folder: Path) -> Iterator[None]:
    """The studio in a process of its own."""
    command = [sys.executable, app.__file__, "--port", str(port), "--projects", str(folder / "projects")]
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(folder / "uploads")}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=Path(app.__file__).parent, env=environment, **quiet)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def new_frames(folder: Path) -> Iterator[float]:
    """Milliseconds for each of many frames of the example's project."""
    studio = app.studio(folder / "projects")
    name = studio.store.new_name()
    files = {role: app.EXAMPLE / WANTED[role].example for role in ROLES}
    made = Animator(Options()).analyse(files, studio.store.folder(name))
    frames = np.random.default_rng(0).integers(0, made.settings.report["frames"], FRAMES)
    scrub.redrawn(studio, name, 0, *LOOK)
    for t in frames:
        began = time.perf_counter()
        scrub.redrawn(studio, name, int(t), *LOOK)
        yield 1000 * (time.perf_counter() - began)


def driving_frames(folder: Path) -> dict[str, float]:
    """Decoding frames at random places of a video, with an empty and with a full shelf."""
    fps = Fraction(25)
    shade = np.random.default_rng(0).integers(0, 255, (68, 120, 3), np.uint8).repeat(16, 0).repeat(16, 1)[:1080]
    moving = (np.roll(shade, 8 * k, 1) for k in range(DRIVING_FRAMES))
    path = write_video(folder / "driving.mp4", moving, fps)
    shelf = Shelf(VideoReader(path, fps, Limits(), max_side=1280))
    sought = frame_times("sought_frame", random_frames(shelf))
    shelf.fill()
    return {**sought, **frame_times("shelved_frame", random_frames(shelf))}


def random_frames(shelf: Shelf) -> Iterator[float]:
    """Milliseconds for each of many frames."""
    for k in np.random.default_rng(0).integers(0, DRIVING_FRAMES, FRAMES):
        began = time.perf_counter()
        shelf.frame(int(k))
        yield 1000 * (time.perf_counter() - began)
