"""Curves over the frames of a clip as SVG, in the colours of the page.

A chart's picture is stretched to its place: x runs from 0, the first frame, to `WIDTH`, the last, and y from 0 at the
top to `HEIGHT`; lines and dots keep their width on the screen. Its axis carries `data-jump` (player.js).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 1000, 100
MOST_POINTS = 800
"""More than there are pixels for; longer curves keep the lowest and the highest value of each stretch."""
TICKS = 6
LAST_TICK = 0.96
"""Share of the axis beyond which a label would hang over its end."""
_NICE_SECONDS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


@dataclass(frozen=True)
class Scale:
    """What the bottom and the top of a chart mean."""

    low: float
    high: float

    def y(self, values: np.ndarray) -> np.ndarray:
        return HEIGHT * (1 - (values - self.low) / (self.high - self.low))


def scale_of(curves: Iterable[np.ndarray], least: float = 0.0) -> Scale:
    """The scale on which all curves fit with a margin; `least` is the smallest span that it may have."""
    known = np.concatenate([curve[np.isfinite(curve)] for curve in curves])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    margin = 0.06 * (high - low) + max(least - (high - low), 0) / 2
    return Scale(low - (margin or 0.5), high + (margin or 0.5))


def chart(title: str, note: str, drawn: str) -> str:
    """A titled chart; `note` stands at the right of its title."""
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    return f"""<div class="chart"><p><b>{escape(title)}</b><span>{escape(note)}</span></p>
        <div class="axis" data-jump title="Click to go to that frame">
        <svg {box} role="img" aria-label="{escape(title)}">{drawn}</svg><i class="playhead"></i></div></div>"""


def line(values: np.ndarray, scale: Scale, kind: str) -> str:
    """A curve of `[T]` values, broken where it is NaN. kind: its class in the style sheet."""
    x, y = _thinned(values)
    y = scale.y(y)
    pen_down = np.isfinite(y)
    starts = pen_down & ~np.roll(pen_down, 1) | (np.arange(len(y)) == 0)
    steps = [f"{'M' if starts[k] else 'L'}{x[k]:.1f} {y[k]:.1f}" for k in np.flatnonzero(pen_down)]
    return f'<path class="{kind}" d="{"".join(steps)}"/>'


def area(values: np.ndarray, kind: str) -> str:
    """The area under `[T]` values in [0, 1], over the whole height."""
    x, y = _thinned(values)
    outline = "".join(f"L{a:.1f} {b:.1f}" for a, b in zip(x, HEIGHT * (1 - y), strict=True))
    return f'<path class="{kind}" d="M0 {HEIGHT}{outline}L{WIDTH} {HEIGHT}Z"/>'


def marks(frames: Mapping[int, str], values: np.ndarray, scale: Scale) -> str:
    """A dot at each of the `frames` of a curve, with what it says to those who point at it."""
    places = _places(len(values))
    dots = (
        f'<path class="mark" d="M{places[t]:.1f} {scale.y(values[t]):.1f}h0"><title>{escape(text)}</title></path>'
        for t, text in frames.items()
    )
    return "".join(dots)


def seconds_axis(seconds: float) -> str:
    """Seconds below charts that are as wide."""
    step = next((nice for nice in _NICE_SECONDS if seconds / nice <= TICKS), seconds / TICKS)
    ticks = np.arange(0, LAST_TICK * seconds, step)
    labels = (f'<span style="left:{100 * tick / seconds:.2f}%">{tick:g} s</span>' for tick in ticks)
    return f'<div class="ticks" aria-hidden="true">{"".join(labels)}</div>'


def _places(count: int) -> np.ndarray:
    return np.linspace(0, WIDTH, count) if count > 1 else np.zeros(count)


def _thinned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of a curve of at most `MOST_POINTS` points; a long one shows its extremes."""
    places = _places(len(values))
    if len(values) <= MOST_POINTS:
        return places, values
    kept = []
    for stretch in np.array_split(np.arange(len(values)), MOST_POINTS // 2):
        part = values[stretch]
        if np.isfinite(part).all():
            kept += sorted({int(stretch[part.argmin()]), int(stretch[part.argmax()])})
        else:
            kept.append(int(stretch[np.isnan(part).argmax()]))
    return places[kept], values[kept]
