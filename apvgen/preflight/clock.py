"""Do picture and sound keep the same time, and is there motion for all of the voice?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from apvgen.media import VideoReader
from apvgen.preflight.finding import Case, Finding, Level, capital, level_above, runs, where

DRIFT_AMBER, DRIFT_RED = 0.045, 0.125
"""Seconds. ITU-R BT.1359-1: from 45 ms of early and from 125 ms of late sound people notice."""

STILL_AMBER, STILL_RED = 0.1, 0.6
"""Shares of frames that repeat the picture before: 0.1 at nine tenths of the wanted rate; 0.6 at 10 pictures a second
shown at 25, below which single pictures are seen instead of motion."""

SKIPS = 0.02
"""Share of skipped pictures that is worth a hint. Measured: of 29 shown at 25, a seventh, which the points of a fast
dancer show as noise of 0.6 % of the face's height and a still talker's not at all."""

REPEATS_AMBER = 2.0
"""Times that the motion is run through. Up to two it goes forward and back once, and nothing is seen a third time."""


def check_frame_rate(case: Case, video: VideoReader | None) -> Finding:
    """value: largest distance in milliseconds between a frame's time and that of the picture which it shows.

    video: what drives; None for a motion file.
    """
    fps = case.options.fps
    if video is None:
        half = float(500 / fps)
        return Finding("green", "frame rate", f"The motion lies within {half:.0f} ms of the sound.", value=half)
    index = case.analysis.driving_index
    lags = np.abs(video.lags()[index])
    drift = float(lags.max())
    still = np.isin(index, 1 + np.flatnonzero(np.diff(video.sources) == 0)) & (np.diff(index, prepend=index[:1]) != 0)
    share = float(still.mean())
    rates = f"The driving video has {_number(video.info.fps)} pictures a second, the result {_number(fps)}"
    within = f"picture and sound are at most {1000 * drift:.0f} ms apart"
    level: Level = max(
        level_above(drift, DRIFT_AMBER, DRIFT_RED),
        level_above(share, STILL_AMBER, STILL_RED),
        key=("green", "amber", "red").index,
    )
    if level == "green":
        return Finding(level, "frame rate", f"{rates}: {within}{_smoother(video)}.", value=1000 * drift)
    concerned = still | (lags > DRIFT_AMBER)
    sentence = (
        f"{rates}: {where(concerned, fps)} the motion stands still ({within}); choose a rate that the video has, "
        "or film with an even rate."
    )
    return Finding(level, "frame rate", sentence, runs(concerned), 1000 * drift)


def _smoother(video: VideoReader) -> str:
    """A hint where some pictures are skipped and others not, so that even motion gets a little uneven."""
    steps = np.diff(video.sources)
    skipped = int(np.maximum(steps - 1, 0).sum())
    if skipped < SKIPS * steps.sum() or (steps > 1).all():
        return ""
    every = round(steps.sum() / skipped)
    return f"; one picture in {every} is skipped, which a result at the video's own rate would spare"


def check_length(case: Case, motion_frames: int, driving: Fraction | None, voice: Fraction) -> Finding:
    """value: how often the motion is run through.

    motion_frames: of the motion, on the output's clock, as far as it was looked at. driving: seconds of the driving
    video that may be used, None for a motion file. voice: seconds.
    """
    fps, frames = case.options.fps, len(case.analysis)
    ends = 1000 * abs(float(frames / fps - voice))
    result = f"The voice lasts {float(voice):.2f} s, the result {float(frames / fps):.2f} s ({ends:.0f} ms apart)"
    if motion_frames >= frames:
        unused = 0.0 if driving is None else float(driving - frames / fps)
        rest = f"; the last {unused:.1f} s of the driving video are not used" if unused >= 0.1 else ""
        return Finding("green", "length", f"{result}{rest}.", value=frames / motion_frames)
    times = frames / motion_frames
    again = np.arange(frames) >= motion_frames
    how = {"ping-pong": "runs back and forth", "loop": "begins again", "hold": "stands still on its last picture"}
    sentence = f"{result}; the motion lasts {float(motion_frames / fps):.2f} s and then {how[case.options.length]}"
    even = case.options.length == "ping-pong"
    level: Level = "green" if even and times <= REPEATS_AMBER else "amber"
    advice = "" if level == "green" else f" ({times:.1f} times as long is needed): give a longer driving video"
    return Finding(level, "length", f"{capital(sentence)}{advice}.", runs(again), times)


def _number(rate: Fraction) -> str:
    return f"{float(rate):.4g}"
