"""Skull, ears and face: skin, brows, eyes, nose. The face is drawn on the mesh points themselves."""

from __future__ import annotations

import numpy as np

from apvgen.draft.face import OVAL
from train.synthetic.canvas import Canvas
from train.synthetic.colours import RGB, light, mix, shade
from train.synthetic.curves import ellipse, ribbon, smooth
from train.synthetic.draw.strokes import RIM, patch, rim_colour, shadow_colour
from train.synthetic.figure import Figure

EYE_OUTLINES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
"""Around each eye, the upper lid first, from its outer corner."""
_BROWS = (((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)), ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)))
_NOSE = (98, 97, 2, 326, 327)
_NOSE_SIDE = (6, 197, 195, 5, 4, 1, 2, 326, 327, 278, 429, 437, 399)
_CHEEKS = (205, 425)
_FRECKLES = (117, 118, 101, 50, 36, 205, 346, 347, 330, 280, 266, 425, 195, 5)
_WHITE: RGB = (250, 248, 244)
_PUPIL: RGB = (18, 14, 18)
_BROW_WIDTHS = np.array([0.45, 0.85, 1.0, 0.95, 0.75])
_EAR = np.array([0.075, 0.13])
_SHADOW_SIDE = np.array([-0.045, -0.02])


def ears(canvas: Canvas, figure: Figure, t: int) -> None:
    """Both ears, behind the face."""
    unit, skin = figure.face_height, figure.person.palette.skin
    down = figure.skeleton.head_turn[t, :2, 1]
    across = figure.skeleton.head_turn[t, :2, 0]
    for place in figure.ears[t, :, :2]:
        outline = ellipse(place, _EAR[0] * unit * across, _EAR[1] * unit * down)
        patch(canvas, outline, skin, RIM * figure.stature)
        canvas.fill(place + 0.6 * (outline - place), shadow_colour(skin))


def skin(canvas: Canvas, figure: Figure, t: int) -> None:
    """The face inside the mesh's border, with a shadow on one side, cheeks and freckles."""
    mesh, unit, colour = figure.mesh[t, :, :2], figure.face_height, figure.person.palette.skin
    outline = smooth(mesh[list(OVAL)], 2)
    canvas.line(outline, rim_colour(colour), 2 * RIM * figure.stature, closed=True)
    with canvas.within(outline) as inside:
        inside.fill(outline, shade(colour, 0.28))
        inside.fill(outline + _SHADOW_SIDE * unit, colour)
        blush = mix(colour, (235, 70, 80), 0.5)
        for cheek in _CHEEKS:
            for size in (0.11, 0.075):
                inside.tint(
                    ellipse(mesh[cheek], np.array([size, 0]) * unit, np.array([0, 0.7 * size]) * unit), blush, 0.2
                )
        if figure.person.face.freckles:
            for k in _FRECKLES:
                inside.disc(mesh[k], 0.009 * unit, shade(colour, 0.5))


def nose(canvas: Canvas, figure: Figure, t: int) -> None:
    """A shadow along one side, the base and a light on the tip."""
    mesh, unit, colour = figure.mesh[t, :, :2], figure.face_height, figure.person.palette.skin
    canvas.tint(smooth(mesh[list(_NOSE_SIDE)], 2), shade(colour, 0.6), 0.35)
    canvas.line(smooth(mesh[list(_NOSE)], 3, closed=False), shade(shade(colour, 0.6), 0.3), 0.014 * unit)
    for wing in (98, 327):
        canvas.disc(mesh[wing], 0.011 * unit, shade(shade(colour, 0.7), 0.4))
    canvas.tint(ellipse(mesh[4] - 0.015 * unit, *(0.035 * unit * np.eye(2))), light(colour, 0.6), 0.3)


def brows(canvas: Canvas, figure: Figure, t: int) -> None:
    """Both brows along their mesh points."""
    mesh, unit, person = figure.mesh[t, :, :2], figure.face_height, figure.person
    colour = mix(shade(person.palette.hair, 0.6), (50, 34, 30), 0.25)
    for upper, lower in _BROWS:
        middle = 0.65 * mesh[list(upper)] + 0.35 * mesh[list(lower)]
        widths = 0.017 * unit * person.face.brow_weight * _BROW_WIDTHS
        canvas.fill(ribbon(smooth(middle, 3, closed=False), np.interp(np.arange(13) / 3, np.arange(5), widths)), colour)


def eyes(canvas: Canvas, figure: Figure, t: int) -> None:
    """Both eyes: white, iris and lights inside the lids, then lashes."""
    mesh, unit, person = figure.mesh[t, :, :2], figure.face_height, figure.person
    radius = figure.face.iris * unit
    dark = mix(shade(person.palette.hair, 1.0), (24, 18, 20), 0.6)
    for side, around in enumerate(EYE_OUTLINES):
        outline = smooth(mesh[list(around)], 2)
        centre = mesh[468 + 5 * side]
        with canvas.within(outline) as inside:
            inside.fill(outline, _WHITE)
            _iris(inside, centre, radius, person.palette.iris)
            lid = smooth(mesh[list(around[:9])], 3, closed=False)
            inside.line(lid + np.array([0, 0.012 * unit]), shade(_WHITE, 0.6), 0.02 * unit)
        canvas.line(lid, dark, (0.014 + 0.016 * person.face.lash) * unit)
        canvas.line(mesh[list(around[9:])], shade(person.palette.skin, 0.9), 0.008 * unit)
        flick = mesh[around[0]] + (mesh[around[0]] - mesh[around[4]]) * [0.22, -0.1] * person.face.lash
        canvas.line(np.stack([mesh[around[1]], mesh[around[0]], flick]), dark, 0.014 * unit)


def _iris(canvas: Canvas, centre: np.ndarray, radius: float, colour: RGB) -> None:
    canvas.disc(centre, radius, shade(colour, 0.9))
    canvas.disc(centre, 0.84 * radius, colour)
    canvas.disc(centre + np.array([0, 0.3 * radius]), 0.5 * radius, light(colour, 0.25))
    canvas.disc(centre, 0.48 * radius, _PUPIL)
    canvas.disc(centre + np.array([-0.36, -0.4]) * radius, 0.28 * radius, (255, 255, 255))
    canvas.disc(centre + np.array([0.4, 0.35]) * radius, 0.13 * radius, (255, 255, 255))
