"""The three inputs as an analysis and a render take them: trimmed, on the output's clock, within the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from apvgen import tracks
from apvgen.config import Options, Trim
from apvgen.errors import InputError
from apvgen.media import VideoReader, probe_video, read_audio
from apvgen.media.video import begun_too_late
from apvgen.timeline import frames_for, shown_at
from apvgen.types import Audio, Motion

MOTION_SUFFIX = ".npz"

ANALYSIS_SIDE = 1280
"""Driving frames larger than this are reduced before detection: MediaPipe's networks see at most 256 px anyway."""


LEEWAY = Fraction(1, 10)
"""Seconds by which a trim may end after its input: lengths are shown to a tenth."""


def check_trims(inputs: Mapping[str, Path], options: Options) -> None:
    """Raise InputError for a trim of `driving` or `voice` that ends after its input does.

    inputs: role -> path. Raises MediaError, LimitError for files that cannot be read.
    """
    checked = {"driving": (options.driving_trim, _driving_seconds), "voice": (options.voice_trim, _voice_seconds)}
    for role, (trim, seconds_of) in checked.items():
        if trim.stop is None or role not in inputs:
            continue
        path, seconds = inputs[role], seconds_of(inputs[role], options)
        if trim.stop > seconds + LEEWAY:
            raise InputError(
                f"{path.name} lasts {float(seconds):.2f} s, so it cannot be used up to {float(trim.stop):.2f} s; "
                "end earlier, or give no end."
            )


def _driving_seconds(path: Path, options: Options) -> Fraction:
    if path.suffix.lower() != MOTION_SUFFIX:
        return probe_video(path, options.limits).duration
    motion = tracks.load_motion(path)
    return len(motion) / motion.fps


def _voice_seconds(path: Path, options: Options) -> Fraction:
    return read_audio(path, options.limits).duration


def read_voice(path: Path, options: Options, rate: int | None = None) -> Audio:
    """The part of the voice that is used. Raises MediaError, LimitError, InputError for a trim beyond its end."""
    audio = read_audio(path, options.limits, rate)
    part = _part(path, options.voice_trim, audio.samples.shape[1], Fraction(audio.rate))
    return replace(audio, samples=audio.samples[:, part])


def open_driving(path: Path, options: Options, max_frames: int | None = None) -> VideoReader:
    """The part of the driving video that is used, at the output's rate and the size of its tracks.

    Raises MediaError, LimitError, InputError for a trim beyond its end.
    """
    trim = options.driving_trim
    first = round(trim.start * options.fps)
    if trim.stop is not None:
        own = max(1, round((trim.stop - trim.start) * options.fps))
        max_frames = own if max_frames is None else min(own, max_frames)
    return VideoReader(path, options.fps, options.limits, ANALYSIS_SIDE, max_frames, first_frame=first)


def read_motion(path: Path, options: Options) -> Motion:
    """The part of a motion file that is used, at the output's rate. Raises MediaError, LimitError, InputError."""
    motion = at_fps(tracks.load_motion(path), options.fps)
    return motion.take(_part(path, options.driving_trim, len(motion), options.fps))


def at_fps(motion: Motion, fps: Fraction) -> Motion:
    """Put a motion file on the output's clock, as `media` does with video frames."""
    if motion.fps == fps:
        return motion
    frames = frames_for(len(motion) / motion.fps, fps)
    shown = motion.take(shown_at(np.arange(len(motion)), 1 / motion.fps, fps, frames))
    return Motion(*(replace(part, fps=fps) for part in (shown.body, shown.hands, shown.face)))


def _part(path: Path, trim: Trim, length: int, rate: Fraction) -> slice:
    """Of `length` samples or frames at `rate` a second, those that a trim keeps, at least one."""
    start = round(trim.start * rate)
    if start >= length:
        raise begun_too_late(path, length / rate, trim.start)
    stop = length if trim.stop is None else min(length, max(start + 1, round(trim.stop * rate)))
    return slice(start, stop)
