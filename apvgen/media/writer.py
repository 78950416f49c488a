"""Writing the result: an MP4 that plays in a browser, whole or not at all."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from uuid import uuid4

import av
import numpy as np

from apvgen.config import Limits
from apvgen.errors import OutputError
from apvgen.media.encoder import Mp4Encoder
from apvgen.media.source import PathLike, open_media
from apvgen.types import Audio

_PARTIAL = re.compile(r"\.(?:(\d+)-)?[0-9a-f]{8}\.partial$")
"""Ends the name of an unfinished video: the process that writes it (earlier versions did not say), and chance."""


def write_video(
    path: PathLike,
    frames: Iterable[np.ndarray],
    fps: Fraction,
    audio: Audio | None = None,
    metadata: dict | None = None,
) -> Path:
    """Encode frames, as they come, to an MP4 of H.264 (yuv420p, BT.709) and AAC with its index at the front.

    frames: RGB uint8 `[H, W, 3]`, all of one size; an odd side is made even by repeating its last row or column.
    audio: one or two channels; cut, or filled with silence, to the length of the picture.
    metadata: JSON values, kept in the file's comment; see `read_metadata`.
    Returns the path, whose folders are made if need be. The file takes its name only when it is complete: after any
    failure, Ctrl-C included, nothing of it is left, and a file of that name is as before.
    Raises OutputError where it cannot be written or there are no frames; ValueError or TypeError for a rate, frames,
    sound or metadata of the wrong form; and whatever `frames` raises.
    """
    target = Path(path)
    check_output(target)
    # Containers hold a rate as two 32-bit numbers, which those of a float do not fit.
    rate = Fraction(fps).limit_denominator(100_000)
    if rate <= 0:
        raise ValueError(f"frames need a positive rate, not {fps} a second")
    comment = json.dumps(metadata or {}, allow_nan=False)
    partial = target.with_name(f".{target.name}.{os.getpid()}-{uuid4().hex[:8]}.partial")
    try:
        with _reported(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.touch()
        _encode(target, partial, iter(frames), rate, audio, comment)
        with _reported(target):
            partial.replace(target)
    finally:
        with suppress(OSError):
            partial.unlink()
    return target


def remove_abandoned(folder: Path) -> int:
    """Delete what `write_video` could not finish in a folder since its program was killed; how many files that was.

    For a folder in which this process writes no video now; what other running processes write there stays.
    """
    import psutil

    gone = 0
    for path in folder.glob(".*.partial"):
        named = _PARTIAL.search(path.name)
        writer = int(named[1] or 0) if named else None
        if writer in (0, os.getpid()) or (writer and not psutil.pid_exists(writer)):
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def check_output(path: PathLike) -> None:
    """Raise OutputError for a place that `write_video` cannot write to, as far as can be known before the work."""
    target = Path(path)
    if target.suffix.lower() != ".mp4":
        raise OutputError(f"{target} would be an MP4 under another name: let the name end in .mp4")
    if target.is_dir():
        raise OutputError(f"{target} is a folder: give the video a name of its own")


def read_metadata(path: PathLike) -> dict:
    """What `write_video` was given as `metadata`; empty for a video that something else made.

    Raises MediaError for a file that is no media.
    """
    with open_media(path, Limits()) as container:
        comment = container.metadata.get("comment", "")
    try:
        values = json.loads(comment)
    except json.JSONDecodeError:
        return {}
    return values if isinstance(values, dict) else {}


def _encode(
    target: Path, partial: Path, frames: Iterator[np.ndarray], fps: Fraction, audio: Audio | None, comment: str
) -> None:
    first = next(frames, None)
    if first is None:
        raise OutputError(f"{target} was not written: there are no frames to put in it")
    with _reported(target):
        encoder = Mp4Encoder(partial, first.shape[:2], fps, audio, comment)
    try:
        for frame in chain([first], frames):
            with _reported(target):
                encoder.add(frame)
        with _reported(target):
            encoder.finish()
    finally:
        with suppress(OSError, av.FFmpegError):
            encoder.close()


@contextmanager
def _reported(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise OutputError(
            f"{target} cannot be written ({error.strerror or error}): "
            "check the folder, your rights to it and the free space"
        ) from error
