"""What is worn on the head: glasses, hats, earrings; and beards."""

from __future__ import annotations

import numpy as np

from apvgen.draft.face import OVAL
from train.synthetic.canvas import Canvas
from train.synthetic.colours import light, mix, shade
from train.synthetic.curves import ellipse, ribbon, smooth
from train.synthetic.draw.hair import RADII, SKULL
from train.synthetic.draw.strokes import RIM, Paint, patch
from train.synthetic.figure import Figure

_JAW = OVAL[7:30]
"""The border from one ear by the chin to the other."""
_MOUSTACHE = (216, 92, 165, 167, 164, 393, 391, 322, 436)
_BEARD_TOP = (132, 205, 57, 43, 106, 182, 83, 18, 313, 406, 335, 273, 287, 425, 361)
_GOLD = (236, 190, 70)


def hat(figure: Figure) -> Paint:
    """Cap, beanie or hair band; drawn over the hair."""
    person, rim, unit = figure.person, RIM * figure.stature, figure.face_height
    colour, kind = person.palette.accent, person.extras.hat
    dome = figure.on_head(_dome(person.hair.volume))[..., :2]
    width = RADII[0] + 0.78 * person.hair.volume + 0.02
    edge = figure.on_head(_edge(-0.83 if kind == "cap" else -0.87, width))[..., :2]
    visor = figure.on_head(_edge(-0.83, width, front=0.22))[..., :2]

    def paint(canvas: Canvas, t: int) -> None:
        if kind == "none":
            return
        if kind != "band":
            patch(canvas, np.concatenate([dome[t], edge[t]]), colour, rim, 0.04 * unit)
        if kind == "cap":
            patch(
                canvas, np.concatenate([edge[t], visor[t][::-1] + np.array([0, 0.05 * unit])]), shade(colour, 0.3), rim
            )
        else:
            tone = light(colour, 0.25) if kind == "beanie" else colour
            patch(canvas, ribbon(edge[t], np.full(len(edge[t]), 0.055 * unit)), tone, rim)

    return paint


def glasses(canvas: Canvas, figure: Figure, t: int) -> None:
    """Frames around both eyes, a bridge and the sides."""
    kind = figure.person.extras.glasses
    if kind == "none":
        return
    mesh, unit, turn = figure.mesh[t, :, :2], figure.face_height, figure.skeleton.head_turn[t, :2]
    across, down = 0.135 * unit * turn[:, 0], 0.125 * unit * turn[:, 1]
    colour = shade(figure.person.palette.accent, 0.4)
    centres = [mesh[[33, 133]].mean(0), mesh[[362, 263]].mean(0)]
    for centre, ear in zip(centres, figure.ears[t, :, :2], strict=True):
        if kind == "round":
            frame = ellipse(centre, across, down)
        else:
            frame = smooth(centre + np.array([[-1, -0.7], [1, -0.7], [0.9, 0.85], [-0.9, 0.85]]) @ [across, down], 4)
        canvas.tint(frame, (235, 245, 255), 0.14)
        canvas.line(frame, colour, 0.024 * unit, closed=True)
        outer = centre + across * np.sign((ear - centre) @ across)
        canvas.line(np.stack([outer, 0.2 * outer + 0.8 * ear]), colour, 0.018 * unit)
    canvas.line(np.stack([centres[0] + across, centres[1] - across]), colour, 0.022 * unit)


def earrings(canvas: Canvas, figure: Figure, t: int) -> None:
    """Golden discs below the ears."""
    if figure.person.extras.earrings:
        down = figure.skeleton.head_turn[t, :2, 1]
        for ear in figure.ears[t, :, :2]:
            canvas.disc(ear + 0.17 * figure.face_height * down, 0.036 * figure.face_height, shade(_GOLD, 0.4))
            canvas.disc(ear + 0.165 * figure.face_height * down, 0.026 * figure.face_height, _GOLD)


def beard(canvas: Canvas, figure: Figure, t: int) -> None:
    """Drawn before the lips."""
    kind, mesh, unit = figure.person.extras.beard, figure.mesh[t, :, :2], figure.face_height
    colour = mix(figure.person.palette.hair, (40, 30, 28), 0.2)
    area = np.concatenate([smooth(mesh[list(_JAW)], 2, closed=False), smooth(mesh[list(_BEARD_TOP)], 2, closed=False)])
    if kind == "stubble":
        canvas.tint(area, colour, 0.22)
    if kind == "full":
        canvas.fill(area, colour)
    if kind in ("full", "moustache"):
        points = smooth(mesh[list(_MOUSTACHE)], 2, closed=False)
        widths = np.interp(np.linspace(-1, 1, len(points)), [-1, -0.3, 0, 0.3, 1], [0.005, 0.03, 0.022, 0.03, 0.005])
        canvas.fill(ribbon(points, widths * unit), shade(colour, 0.25))


def _dome(volume: float) -> np.ndarray:
    angles = np.linspace(0.5, np.pi - 0.5, 21)
    radii = RADII + np.array([0.78, 1.3, 1.0]) * volume + 0.03
    return SKULL + np.stack([np.cos(angles) * radii[0], -np.sin(angles) * radii[1], np.zeros(21)], -1)


def _edge(height: float, width: float, front: float = 0.0) -> np.ndarray:
    """Around the front of the head at a height, from the right to the left; `front` reaches farther out."""
    s = np.linspace(-1, 1, 13)
    reach = front * (1 - s**2)
    return np.stack([width * np.sin(s * np.pi / 2), height + 0.05 * s**2 + 0.3 * reach, -0.5 + 0.45 * s**2 - reach], -1)
