"""What all parts are made of: rounded tubes and patches with a dark rim, a shadow side and light."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from train.synthetic.canvas import Canvas
from train.synthetic.colours import RGB, light, shade
from train.synthetic.curves import capsule

Paint = Callable[[Canvas, int], None]
"""Draws its part of frame t."""

RIM = 0.0042
"""Width of outlines in shares of stature."""
_TO_LIGHT = np.array([-0.24, -0.16])
_RIM_SHADE, _SHADOW, _LIT = 0.95, 0.42, 0.08


def rim_colour(colour: RGB) -> RGB:
    """Of the outline around something of that colour."""
    return shade(shade(colour, _RIM_SHADE), 0.3)


def shadow_colour(colour: RGB) -> RGB:
    """Of the side away from the light."""
    return shade(colour, _SHADOW)


def tube(canvas: Canvas, points: np.ndarray, radii: np.ndarray, colour: RGB, rim: float, flat: bool = False) -> None:
    """A limb along `[N, 2]` points with radii `[N]`, `rim` pixels of outline; `flat` cuts its end off."""
    beyond = points[-1] - points[-2]
    outer = np.append(points[:-1], [points[-1] + rim * beyond / max(float(np.hypot(*beyond)), 1e-6)], 0)
    _capsules(canvas, outer if flat else points, radii + rim, rim_colour(colour), flat)
    _capsules(canvas, points, radii, shadow_colour(colour), flat)
    lit = points + _TO_LIGHT * radii[:, None]
    _capsules(canvas, lit, 0.74 * radii, colour, flat)
    _capsules(canvas, points + 1.6 * _TO_LIGHT * radii[:, None], 0.3 * radii, light(colour, _LIT), flat)


def patch(canvas: Canvas, outline: np.ndarray, colour: RGB, rim: float, depth: float = 0.0) -> None:
    """A polygon with an outline of `rim` pixels; `depth` pixels of shadow along the side away from the light."""
    canvas.line(outline, rim_colour(colour), 2 * rim, closed=True)
    if not depth:
        canvas.fill(outline, colour)
        return
    with canvas.within(outline) as inside:
        inside.fill(outline, shadow_colour(colour))
        inside.fill(outline + depth * np.array([-1.0, -0.6]), colour)


def _capsules(canvas: Canvas, points: np.ndarray, radii: np.ndarray, colour: RGB, flat: bool = False) -> None:
    last = len(points) - 2
    for k in range(last + 1):
        canvas.fill(capsule(points[k], points[k + 1], radii[k], radii[k + 1], flat and k == last), colour)
