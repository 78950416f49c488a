"""Which frames of a curve jump, judged against how restless the curve is by itself."""

from __future__ import annotations

import numpy as np

STANDS_OUT = 6.0
"""Robust standard deviations from which a second difference counts as a jump. The usual 3.5 (Iglewicz and Hoaglin 1993)
is for normal noise; a person's motion has heavier tails, and marks fast but smooth turns."""
TO_DEVIATION = 1.4826
"""The median absolute deviation of normal noise times this is its standard deviation."""


def second_differences(values: np.ndarray) -> np.ndarray:
    """`[T, C]` floats -> `[T, C]`: how far each value lies from the line between its neighbours, twice.

    Steady motion, however fast, has none. NaN at both ends and beside a NaN.
    """
    bend = np.full(values.shape, np.nan)
    bend[1:-1] = values[:-2] - 2 * values[1:-1] + values[2:]
    return bend


def tremble(values: np.ndarray) -> np.ndarray:
    """Robust standard deviation of the second differences of `[T, C]` floats, `[C]`; NaN where there are none."""
    bend = second_differences(values)
    known = np.isfinite(bend).any(0)
    spread = np.full(values.shape[1], np.nan)
    inner = bend[:, known]
    spread[known] = TO_DEVIATION * np.nanmedian(np.abs(inner - np.nanmedian(inner, 0)), 0)
    return spread


def jumps(values: np.ndarray, least: float | np.ndarray, restless: np.ndarray | None = None) -> np.ndarray:
    """bool `[T, C]`: frames whose second difference in `values` `[T, C]` stands out.

    least: amounts, one or `[C]`, below which nothing counts, for curves that are almost still. restless: the curves
    whose restlessness is the measure, `values` themselves by default. A spike bends its neighbours too: of frames side
    by side only the most bent one is marked.
    """
    if len(values) < 3:
        return np.zeros(values.shape, bool)
    bend = np.abs(np.nan_to_num(second_differences(values)))
    usual = tremble(values if restless is None else restless)
    limit = np.maximum(STANDS_OUT * np.nan_to_num(usual), least)
    before, after = np.pad(bend, ((1, 1), (0, 0)))[:-2], np.pad(bend, ((1, 1), (0, 0)))[2:]
    return (bend > limit) & (bend >= before) & (bend > after)
