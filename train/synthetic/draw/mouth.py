"""The mouth: lips on their mesh points, and between the inner lips teeth, tongue and the dark."""

from __future__ import annotations

import numpy as np

from apvgen.draft.face import INNER_LIPS
from train.synthetic.canvas import Canvas
from train.synthetic.colours import RGB, light, shade
from train.synthetic.curves import ellipse, smooth
from train.synthetic.figure import Figure
from train.synthetic.people import MOUTH_INSIDE

TEETH: RGB = (252, 250, 244)
TONGUE: RGB = (236, 100, 140)
_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
_TEETH_REACH = 0.026
"""How far the upper teeth reach below the shut lips' line, in face heights; they stay with the skull."""
_TONGUE_TOP = 0.52
"""Share of the opening above the tongue."""


def lips(canvas: Canvas, figure: Figure, t: int) -> None:
    """Lips, and what is between them."""
    mesh, unit, palette = figure.mesh[t, :, :2], figure.face_height, figure.person.palette
    upper_out, lower_out = (smooth(mesh[list(points)], 3, closed=False) for points in (_UPPER, _LOWER))
    upper_in, lower_in = (smooth(mesh[list(points)], 3, closed=False) for points in INNER_LIPS)
    upper = np.concatenate([upper_out, upper_in[::-1]])
    lower = np.concatenate([lower_out, lower_in[::-1]])
    canvas.fill(lower, palette.lips)
    canvas.fill(upper, shade(palette.lips, 0.22))
    shine = ellipse((mesh[14] + mesh[17]) / 2, np.array([0.045 * unit, 0]), np.array([0, 0.012 * unit]))
    canvas.tint(shine, light(palette.lips, 0.6), 0.45)
    _inside(canvas, figure, t, np.concatenate([upper_in, lower_in[::-1]]))
    canvas.line(upper_in, shade(palette.lips, 1.0), 0.011 * unit)


def _inside(canvas: Canvas, figure: Figure, t: int, outline: np.ndarray) -> None:
    mesh, unit = figure.mesh[t, :, :2], figure.face_height
    down = figure.skeleton.head_turn[t, :2, 1]
    gap = float((mesh[14] - mesh[13]) @ down)
    with canvas.within(outline) as inside:
        inside.fill(outline, MOUTH_INSIDE)
        width = mesh[308] - mesh[78]
        top = mesh[14] - (1 - _TONGUE_TOP) * gap * down
        tongue_down = 0.09 * unit * down
        inside.fill(ellipse(top + tongue_down, 0.3 * width, tongue_down), TONGUE)
        inside.fill(_teeth(figure, t), TEETH)


def _teeth(figure: Figure, t: int) -> np.ndarray:
    """The upper row: from above the lip to an edge that does not move with it, `[N, 2]` pixels."""
    rest = figure.face.rest[list(INNER_LIPS[0])] * [0.86, 1, 1]
    edge = rest + np.array([0, _TEETH_REACH, 0])
    place = figure.skeleton.head_turn[t] @ np.concatenate([rest - [0, 0.1, 0], edge[::-1]]).T
    return figure.skeleton.skull[t, :2] + figure.face_height * place.T[:, :2]
