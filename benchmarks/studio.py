"""The studio: how soon its page is there, and how long a dragged slider waits for a frame."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np

import app
from apvgen import pipeline
from apvgen.config import Limits, Options
from apvgen.errors import Cancelled
from apvgen.media import VideoReader, write_video
from apvgen.pipeline import Animator
from apvgen.project import ROLES, Project
from apvgen.studio import lab, scrub
from apvgen.studio.inputs import WANTED
from apvgen.studio.layers import Layer
from apvgen.studio.shelf import Shelf
from apvgen.studio.viewer import Look, open_viewer
from benchmarks._inputs import real_media

STARTS = 3
FRAMES = 60
DRIVING_FRAMES = 500
LOOKS = {"all": Look(layers=get_args(Layer)), "face": Look(layers=get_args(Layer), zoom="face")}
"""Every layer and every picture, whole and close up."""
SMOOTHINGS = (0.5, 1.5, 2.5, 3.5, 4.5, 5.5)
GIVE_UP_SECONDS = 120


def run() -> dict[str, float | int]:
    """Medians. The project is of real media where they are, else the bundled example.

    `new_frame`: what the server does for one frame, all layers and all four pictures, in random order; `close_up`: the
    same on the face; `beside_render`: the same while a draft renders in another thread. `lab_frame`: the lab's three
    pictures of a frame; `lab_curves`: the whole lab at a smoothing that it has not had yet. `sought_frame`: the part
    that decodes, at random places of a 1080p video with a key frame every 2 s, before the thread that fills the shelf
    has come to them; `shelved_frame`: the same once it has.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "page_ready_seconds": round(median(page_ready(folder) for _ in range(STARTS)), 2),
            **project_times(folder),
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


def project_times(folder: Path) -> dict[str, float]:
    """What the handlers of one project take."""
    studio = app.studio(folder / "projects")
    name = studio.store.new_name()
    files = real_media() or {role: app.EXAMPLE / WANTED[role].example for role in ROLES}
    made = Animator(Options()).analyse(files, studio.store.folder(name))
    open_viewer(made.folder)
    whole, close = (scrub.spec_of(name, 0, look) for look in LOOKS.values())
    lab_spec = lab.spec_of(name, 0, 1.0)
    times = {
        **frame_times("new_frame", frames_of(partial(scrub.frame_pictures, studio, whole), made)),
        **frame_times("close_up", frames_of(partial(scrub.frame_pictures, studio, close), made)),
        **frame_times("lab_frame", frames_of(partial(lab.mode_pictures, studio, lab_spec), made)),
        **frame_times("lab_curves", (timed(lab.shown, studio, name, 0, smoothing) for smoothing in SMOOTHINGS)),
    }
    with rendering(made, folder / "draft.mp4"):
        beside = frame_times("beside_render", frames_of(partial(scrub.frame_pictures, studio, whole), made))
    return {**times, **beside}


def frames_of(draw: Callable[[int], object], made: Project) -> Iterator[float]:
    """Milliseconds for each of many frames, after one that is not counted."""
    draw(0)
    for t in np.random.default_rng(0).integers(0, made.settings.report["frames"], FRAMES):
        yield timed(draw, int(t))


def timed(work: Callable, *given: object) -> float:
    """Milliseconds that a call takes."""
    began = time.perf_counter()
    work(*given)
    return 1000 * (time.perf_counter() - began)


@contextmanager
def rendering(made: Project, out: Path) -> Iterator[None]:
    """A draft that renders over and over in a thread."""
    stop = threading.Event()

    def on_progress(*_: object) -> None:
        if stop.is_set():
            raise Cancelled

    def work() -> None:
        with suppress(Cancelled):
            while True:
                pipeline.render(made, out, on_progress)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


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
        yield timed(shelf.frame, int(k))
