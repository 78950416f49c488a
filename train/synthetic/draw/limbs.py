"""Arms, hands, legs and feet."""

from __future__ import annotations

import numpy as np

from apvgen.layouts import HAND21_LIMBS
from train.synthetic.canvas import Canvas
from train.synthetic.colours import light
from train.synthetic.curves import capsule, hull
from train.synthetic.draw.strokes import RIM, patch, rim_colour, shadow_colour, tube
from train.synthetic.figure import LEFT, Figure

ARM_RADII = np.array([0.03, 0.024, 0.017])
LEG_RADII = np.array([0.045, 0.034, 0.022])
"""At shoulder, elbow, wrist and hip, knee, ankle, in shares of stature."""
_FINGER, _PALM = 0.0068, 0.0095
_FINGERTIP_SHARE = 0.86
_SLEEVE_ROOM, _LEG_ROOM = np.array([0.001, 0.009, 0.009]), 0.006
_SEAT = 0.25
"""Share of the thigh that only the trunk covers, so that its round end stays below the waist."""
_SHOE, _TOE, _SOLE = 0.024, 0.021, 0.008
_TOE_DROP = 0.26
"""The camera looks a little down: how far a foot that points at it reaches down, in its own lengths."""


def arm(canvas: Canvas, figure: Figure, t: int, side: int) -> None:
    """Upper arm, forearm, sleeve and hand of a side."""
    s, person = figure.skeleton, figure.person
    unit, rim = figure.stature, RIM * figure.stature
    joints = np.stack([s.shoulders[t, side], s.elbows[t, side], s.wrists[t, side]])[:, :2]
    radii = ARM_RADII * np.array([person.build.girth, person.build.girth, 1]) * unit
    hand(canvas, figure, t, side)
    if person.outfit.sleeve < 0.9:
        tube(canvas, joints, radii, person.palette.skin, rim)
    covered, widths = _first_share(joints, radii, person.outfit.sleeve)
    colour = person.palette.upper_second if person.outfit.pattern == "yoke" else person.palette.upper
    room = _SLEEVE_ROOM[: len(covered)] * person.outfit.looseness * unit
    tube(canvas, covered, widths + room, colour, rim, flat=True)


def hand(canvas: Canvas, figure: Figure, t: int, side: int) -> None:
    """Palm and fingers around the 21 points of a side, what is farther away first."""
    points = figure.skeleton.hands[t, side]
    unit, skin, rim = figure.stature, figure.person.palette.skin, 0.7 * RIM * figure.stature
    limbs = sorted(range(20), key=lambda k: -points[list(HAND21_LIMBS[k]), 2].mean())
    bones = [k for k in limbs if k % 4]
    radius = _FINGER * unit
    flat = points[:, :2]
    palm = hull(np.concatenate([_around(flat[k], _PALM * unit) for k in (0, 1, 5, 9, 13, 17)]))
    nearer = points[[8, 12, 16, 20], 2].mean() < points[[5, 9, 13, 17], 2].mean()
    if nearer:
        patch(canvas, palm, skin, rim)
    for width, colour in ((radius + rim, rim_colour(skin)), (radius, skin)):
        for k in bones:
            start, end = HAND21_LIMBS[k]
            canvas.fill(capsule(flat[start], flat[end], width, width - (1 - _FINGERTIP_SHARE) * radius), colour)
    if not nearer:
        patch(canvas, palm, skin, rim)
    else:
        canvas.fill(palm, skin)
    for knuckle in (5, 9, 13):
        between = (flat[knuckle] + flat[knuckle + 4]) / 2
        canvas.line(np.stack([between, 0.7 * between + 0.3 * flat[0]]), shadow_colour(skin), 0.6 * rim)


def leg(canvas: Canvas, figure: Figure, t: int, side: int) -> None:
    """Thigh, shin, trouser leg and shoe of a side."""
    s, person = figure.skeleton, figure.person
    unit, rim, girth = figure.stature, RIM * figure.stature, figure.person.build.girth
    joints = np.stack([s.hips[t, side], s.knees[t, side], s.ankles[t, side]])[:, :2]
    joints[0] += _SEAT * (joints[1] - joints[0])
    radii = LEG_RADII * np.array([girth, girth, 1]) * unit
    wears = person.outfit.lower
    shoe(canvas, figure, t, side)
    if wears != "trousers":
        tube(canvas, joints, radii, person.palette.skin, rim)
    if wears in ("trousers", "shorts"):
        share = 0.97 if wears == "trousers" else person.outfit.hem
        covered, widths = _first_share(joints, radii, share)
        widths = widths + _LEG_ROOM * person.outfit.looseness * unit
        tube(canvas, covered, widths, person.palette.lower, rim, flat=True)


def shoe(canvas: Canvas, figure: Figure, t: int, side: int) -> None:
    """The shoe of a side, with a sole."""
    s, unit, colour = figure.skeleton, figure.stature, figure.person.palette.shoes
    ankle, toes = s.ankles[t, side], s.toes[t, side]
    ahead = toes - ankle
    heel = ankle[:2] + np.array([0, 0.011 * unit])
    toe = heel + ahead[:2] + np.array([0, -_TOE_DROP * ahead[2]])
    body = hull(np.concatenate([_around(heel, _SHOE * unit), _around(toe, _TOE * unit)]))
    rim = RIM * unit
    sole = hull(np.concatenate([body, body + np.array([0, _SOLE * unit])]))
    patch(canvas, sole, light(colour, 0.75), rim)
    patch(canvas, body, colour, 0.5 * rim, 0.008 * unit)
    lace = toe + 0.45 * (heel - toe)
    across = np.array([0.012 * unit, 0.0])
    canvas.line(np.stack([lace - across, lace + across]), light(colour, 0.7), rim)


def nearer_leg(figure: Figure, t: int) -> int:
    """The side whose knee is closer to the camera."""
    knees = figure.skeleton.knees[t, :, 2]
    return LEFT if knees[LEFT] < knees[1 - LEFT] else 1 - LEFT


def behind_trunk(figure: Figure, t: int, side: int) -> bool:
    """Whether an arm passes behind the trunk."""
    s = figure.skeleton
    arm_depth = (s.elbows[t, side, 2] + s.wrists[t, side, 2]) / 2
    return bool(arm_depth > s.neck[t, 2] + 0.02 * figure.stature)


def _first_share(joints: np.ndarray, radii: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The first part of a limb of two bones, `share` of both together: points and radii."""
    place = 2 * share
    at = np.arange(3)
    stops = np.append(at[at < place], place)
    points = np.stack([np.interp(stops, at, column) for column in joints.T], -1)
    return points, np.interp(stops, at, radii)


def _around(centre: np.ndarray, radius: float) -> np.ndarray:
    angles = np.arange(12) * (np.pi / 6)
    return centre + radius * np.stack([np.cos(angles), np.sin(angles)], -1)
