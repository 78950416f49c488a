"""Do the points tremble or jump, though the person does not?"""

from __future__ import annotations

import numpy as np

from apvgen.preflight.finding import Case, Finding, capital, level_above, runs, where

TREMBLE_AMBER, TREMBLE_RED = 0.01, 0.03
"""Deviation of the points in face heights. Measured: of a still talker 0.0001, of a fast dancer at most 0.006 (29
pictures a second shown at 25); noise planted on either is read within a quarter of its size. 0.01 is about a pixel."""

JUMP = 0.25
"""Face heights by which a part jumps in one frame. Measured: face and body of a fast dancer 0.2, hands that the
detector confuses 0.4 to 0.8."""

WINDOW_SECONDS = 0.5
"""What lasts shorter is fast motion, or a jump."""

_TRUNK = (0, 1, 2, 5, 8, 11, 14, 15)
_MEDIAN_OF_NOISE = 1.25
"""White noise is read lower by this factor: measured on planted noise of 1, 2 and 4 % of the face's height."""

Parts = dict[str, np.ndarray]


def check_jitter(case: Case) -> Finding:
    """value: the worst part's share of frames that tremble or jump."""
    target, unit, fps = case.alignment.target, case.face_height, case.options.fps
    if not np.isfinite(unit) or len(target) < 4:
        return Finding("green", "jitter", "There is too little motion to tell whether the points tremble.")
    parts: Parts = {
        "face": target.face.xy,
        "body": target.body.xy[:, _TRUNK],
        "left hand": target.hands.xy[:, 0],
        "right hand": target.hands.xy[:, 1],
    }
    kicks = {name: kick(xy) / unit**2 for name, xy in parts.items()}
    window = 2 * round(WINDOW_SECONDS * fps / 2) + 1
    trembling = {name: tremble(value, window) for name, value in kicks.items()}
    jumping = {name: np.sqrt(np.maximum(np.nan_to_num(value), 0)) > JUMP for name, value in kicks.items()}
    uneasy = {name: (trembling[name] >= TREMBLE_AMBER) | jumping[name] for name in parts}
    worst = max(uneasy, key=lambda name: uneasy[name].sum())
    share = float(uneasy[worst].mean())
    if not share:
        return Finding("green", "jitter", "All points move evenly.", value=share)
    return _uneasy(case, worst, uneasy, max(float(trembling[name].max()) for name in parts))


def _uneasy(case: Case, worst: str, uneasy: Parts, strongest: float) -> Finding:
    frames = np.any(list(uneasy.values()), axis=0)
    parts = " and ".join(name for name, value in uneasy.items() if value.any())
    central = uneasy["face"] | uneasy["body"]
    # Hands tremble in most videos, and a trembling hand does not spoil a speaking face.
    level = level_above(strongest, 0, TREMBLE_RED) if central.mean() > 0.1 else "amber"
    sentence = (
        f"{capital(where(frames, case.options.fps))} the points of {parts} tremble or jump (up to "
        f"{100 * strongest:.0f} % of the face's height); a sharper or better lit driving video helps, or fill these "
        "frames from their neighbours."
    )
    return Finding(level, "jitter", sentence, runs(frames), float(uneasy[worst].mean()))


def kick(xy: np.ndarray) -> np.ndarray:
    """How hard points are thrown about: float64 `[T]` square pixels, NaN where unknown.

    xy: `[T, N, 2]` pixels. An acceleration that is taken back in the next frame: the median over the points of
    `-(a[t] . a[t + 1]) / 8`, whose mean is the variance of white noise (a second difference of it has 6, two in a row
    share -4 of it, for each of two axes). Motion slower than a swing of four frames gives less than zero.
    """
    result = np.full(len(xy), np.nan)
    bend = xy[:-2] - 2 * xy[1:-1] + xy[2:]
    back = -(bend[:-1] * bend[1:]).sum(-1) / 8
    known = np.isfinite(back).any(1)
    result[1:-2][known] = np.nanmedian(back[known], 1)
    return result


def tremble(kicks: np.ndarray, window: int) -> np.ndarray:
    """Deviation `[T]` of noise that lasts about each frame: from the median of `kick` in `window` (odd) frames."""
    padded = np.pad(kicks, window // 2, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, window)
    enough = np.isfinite(around).sum(1) > window // 4
    typical = np.zeros(len(kicks))
    typical[enough] = np.nanmedian(around[enough], 1)
    return _MEDIAN_OF_NOISE * np.sqrt(np.maximum(typical, 0))
