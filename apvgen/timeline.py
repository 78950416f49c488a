"""Frame counts and index maps on one rational clock.

The half-frame rule, stated once: output frame k stands for the time k/fps, and whatever lies within half a frame of
that time counts as being there. So stamps that a container rounded to milliseconds neither repeat nor drop a frame.
"""

from fractions import Fraction
from math import floor

import numpy as np

from apvgen.config import LengthMode

_HALF = Fraction(1, 2)


def frames_for(duration: Fraction, fps: Fraction) -> int:
    """Frames that `duration` seconds take at `fps`: rounded to the nearest, and never less than one."""
    return max(1, floor(duration * fps + _HALF))


def shown_at(stamps: np.ndarray, time_base: Fraction, fps: Fraction, frames: int) -> np.ndarray:
    """Which source frame is on display at each output frame's time.

    stamps: int64 `[N]`, ascending, in units of `time_base` seconds; the first is the zero of the output's clock.
    Returns int64 `[frames]`, never descending, in [0, N): the last source frame whose stamp is at most k/fps plus half
    of the shorter of a source and an output frame. So a source of at least the output's rate is off by half of its own
    frame at most, at any length, and a picture that is held for long gives way half an output frame early at most.
    """
    steps = np.diff(stamps)
    source_step = int(np.median(steps)) * time_base if len(steps) else 1 / fps
    slack = min(source_step, 1 / fps) / 2
    step = 1 / (fps * time_base)
    due = [floor(k * step + slack / time_base) for k in range(frames)]
    return np.searchsorted(stamps - stamps[0], np.array(due, np.int64), side="right") - 1


def motion_indices(motion_frames: int, out_frames: int, mode: LengthMode) -> np.ndarray:
    """Which frame of the motion each output frame takes, when the voice is longer or shorter than the motion.

    "ping-pong" runs to the end and back without showing an end twice in a row; "loop" starts again; "hold" keeps the
    last frame. A shorter output trims the motion, whatever the mode.
    Returns int64 `[out_frames]` in [0, motion_frames).
    Raises ValueError where there is no motion, or the mode is none of these.
    """
    if motion_frames < 1 or out_frames < 0:
        raise ValueError(f"{out_frames} frames cannot be made from a motion of {motion_frames}")
    k = np.arange(out_frames, dtype=np.int64)
    last = motion_frames - 1
    match mode:
        case "hold":
            return np.minimum(k, last)
        case "loop":
            return k % motion_frames
        case "ping-pong":
            return last - abs(last - k % max(1, 2 * last))
        case _:
            raise ValueError(f"length mode must be ping-pong, loop or hold, not {mode!r}")
