"""Blinks and brows: what a speaking face does that the mouth does not say.

Both are functions of time in seconds and of a generator, so that they do not depend on the frame rate.
"""

from __future__ import annotations

import numpy as np

_BLINK_INTERVAL, _BLINK_SPREAD, _SHORTEST_INTERVAL = 3.2, 0.55, 0.9
"""Seconds between blinks while talking: log-normal about 3.2 s, some 16-18 a minute (Bentivoglio et al. 1997: 26 in
conversation, 17 at rest)."""
_CLOSING, _HELD, _REOPENING = 0.075, 0.03, 0.17
"""Seconds of the three phases of a blink: shut fast, reopened slowly (Guitton et al. 1991)."""
_PAUSE_PULL = 0.5
"""Speakers blink in their pauses: a blink moves to a pause that starts within this many seconds."""
_ACCENT_FAST, _ACCENT_SLOW = 0.16, 1.2
"""Seconds: an accent is loudness over 0.16 s above loudness over 1.2 s."""
_DRIFT_PERIOD, _DRIFT = 2.5, 0.2


def blinks(times: np.ndarray, pauses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`[T]` in [0, 1]: closure of the lids at `times`, given the starts of the pauses, both in seconds."""
    closure = np.zeros(len(times))
    moment = rng.uniform(0.4, _BLINK_INTERVAL)
    while len(times) and moment < times[-1] + _CLOSING:
        near = pauses[np.abs(pauses - moment) < _PAUSE_PULL]
        start = float(near[0]) if len(near) else moment
        around = slice(*np.searchsorted(times, (start - 1, start + 1)))
        closure[around] = np.maximum(closure[around], blink_shape(times[around] - start) * rng.uniform(0.85, 1))
        moment = max(moment, start) + max(_SHORTEST_INTERVAL, _BLINK_INTERVAL * rng.lognormal(0, _BLINK_SPREAD))
    return closure


def blink_shape(time: np.ndarray) -> np.ndarray:
    """Closure in [0, 1] of one blink that starts at 0 s, with a soft start and end."""
    knots = np.array([0, _CLOSING, _CLOSING + _HELD, _CLOSING + _HELD + _REOPENING])
    linear = np.interp(time, knots, [0, 1, 1, 0])
    return linear**2 * (3 - 2 * linear)


def brows(loudness: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """`[N]` about [-0.5, 1.2]: how far the brows are raised at each frame of `loudness` (any unit, `rate` a second).

    Accents of loudness raise them by an amount that differs from phrase to phrase; a slow drift keeps a face alive.
    """
    from scipy.ndimage import gaussian_filter1d

    accent = gaussian_filter1d(loudness, _ACCENT_FAST * rate) - gaussian_filter1d(loudness, _ACCENT_SLOW * rate)
    accent = accent.clip(0) / (accent.std() + 1e-3)
    eagerness = wander(len(loudness) / rate, _DRIFT_PERIOD, len(loudness), rng).clip(-1, 1) * 0.25 + 0.25
    drift = _DRIFT * wander(len(loudness) / rate, _DRIFT_PERIOD, len(loudness), rng)
    return gaussian_filter1d(accent * eagerness + drift, _ACCENT_FAST / 2 * rate)


def wander(seconds: float, period: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """`[count]`: a smooth random curve of unit deviation that changes every `period` seconds."""
    from scipy.interpolate import CubicSpline

    knots = rng.standard_normal(int(seconds / period) + 4)
    return CubicSpline(np.arange(len(knots)), knots)(np.linspace(1, 1 + seconds / period, count))
