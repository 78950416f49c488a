"""What a mouth does, frame by frame: the numbers between the voice model and the face mesh."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

CHANNELS = ("opening", "jaw", "rounding", "spread", "press", "tuck")
"""All in [0, 1]: inner-lip gap and jaw drop (1 = the widest of loud speech), lips protruded and narrowed, corners
pulled apart, lips pressed together (p, b, m), lower lip on the upper teeth (f, v)."""
SHAPE, CONTACT = slice(0, 4), slice(4, 6)

FRAME_RATE = 50
"""Articulation frames a second; frame k is the mouth at k / 50 s."""

_SHAPE_BLUR, _LEAST_BLUR = 0.4, 0.012
"""Standard deviation of the low-pass before sampling, in frame periods, and its least in seconds: as exposure blurs."""
_CONTACT_RANGE = (0.15, 0.45)
"""The network's contact is a probability: below the first number lips count as apart, above the second as touching."""
_PARTING_EXPONENT = 1.4
"""Soft lips part late and then fast: the gap grows faster than the opening of jaw and lips that makes it."""


def at_frames(mouth: np.ndarray, fps: Fraction, frames: int) -> np.ndarray:
    """float32 `[frames, len(CHANNELS)]`: the mouth `[N, len(CHANNELS)]` at n / fps seconds, at rest after its end.

    Shape is low-passed to the frame rate. Contact is not averaged away: a frame shows it if it happens within a quarter
    of a frame period.
    """
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d

    blur = max(_SHAPE_BLUR / float(fps), _LEAST_BLUR) * FRAME_RATE
    shape = gaussian_filter1d(mouth[:, SHAPE], blur, axis=0, mode="nearest")
    shape[:, 0] **= _PARTING_EXPONENT
    reach = int(FRAME_RATE / (4 * float(fps)) + 0.5)
    contact = maximum_filter1d(smoothstep(mouth[:, CONTACT], *_CONTACT_RANGE), 2 * reach + 1, axis=0)
    times = np.arange(frames) * FRAME_RATE / float(fps)
    known = np.arange(len(mouth))
    columns = [np.interp(times, known, column, right=0) for column in np.concatenate([shape, contact], axis=1).T]
    return np.stack(columns, axis=1).astype(np.float32)


def smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, a smooth cubic between."""
    t = ((x - low) / (high - low)).clip(0, 1)
    return t * t * (3 - 2 * t)
