"""Hair: a cap on the skull, a fringe over the forehead, what hangs behind and beside the head, and knots.

Coordinates are those of the upright head (`face.Face`): face heights from where the head turns, y down, z away.
"""

from __future__ import annotations

import numpy as np

from train.synthetic.canvas import Canvas
from train.synthetic.colours import RGB, light, shade
from train.synthetic.curves import hull, ribbon, smooth
from train.synthetic.draw.strokes import RIM, Paint, patch, rim_colour, shadow_colour
from train.synthetic.figure import Figure
from train.synthetic.people import Hair

SKULL = np.array([0.0, -0.56, 0.1])
RADII = np.array([0.445, 0.47, 0.47])
"""Centre and half-axes of the skull."""
_ENDS = {"cropped": -0.5, "ear": -0.35, "chin": 0.1, "shoulder": 0.42, "chest": 0.85}
"""How far down hair reaches."""
_HAIRLINE, _TEMPLE = -0.8, -0.5
_SIDE = 0.41
_FRINGE_POINTS = 25
_STRANDS = 5


def behind(figure: Figure) -> Paint:
    """Everything behind head and body: the back of the hair, knots, tails."""
    hair, colour = figure.person.hair, figure.person.palette.hair
    dark, rim = shade(colour, 0.35), RIM * figure.stature
    back = figure.on_head(_back(hair))[..., :2]
    tails = [figure.on_head(points)[..., :2] for points in _tails(hair)]
    knots = figure.on_head(_knots(hair))[..., :2] if hair.extra in ("bun", "two_buns") else None
    long = _ENDS[hair.length] > 0

    def paint(canvas: Canvas, t: int) -> None:
        for tail in tails:
            widths = np.interp(np.linspace(0, 1, len(tail[t])), [0, 0.15, 0.6, 1], [0.05, 0.1, 0.12, 0.02])
            patch(canvas, ribbon(tail[t], widths * figure.face_height), colour, rim)
        if knots is not None:
            for knot in knots[t]:
                _ball(canvas, knot, 0.17 * figure.face_height, colour, rim)
        patch(canvas, back[t] if long else hull(back[t]), dark, rim)

    return paint


def cap(figure: Figure) -> Paint:
    """What lies on the head and falls over the forehead; drawn over the face."""
    person, unit = figure.person, figure.face_height
    hair, colour, rim = person.hair, person.palette.hair, RIM * figure.stature
    outer, fringe = figure.on_head(_crown(hair))[..., :2], figure.on_head(_fringe(hair))[..., :2]
    curls = figure.on_head(_curls(hair))[..., :2] if hair.extra == "curls" else None
    quiff = figure.on_head(_quiff(hair))[..., :2] if hair.extra == "quiff" else None
    locks = [figure.on_head(points)[..., :2] for points in _locks(hair)]
    widths = np.interp(np.linspace(0, 1, 17), [0, 0.3, 0.8, 1], [0.05, 0.085, 0.07, 0.015]) * unit

    def paint(canvas: Canvas, t: int) -> None:
        for lock in locks:
            patch(canvas, ribbon(lock[t], widths), colour, rim)
            canvas.line(lock[t][2:-2], shadow_colour(colour), 0.7 * rim)
        if curls is not None:
            for curl in curls[t]:
                _ball(canvas, curl, 0.12 * unit, colour, rim)
        outline = np.concatenate([outer[t], fringe[t]])
        patch(canvas, outline, colour, rim)
        if quiff is not None:
            patch(canvas, smooth(quiff[t], 4), colour, rim)
        _strands(canvas, outer[t], fringe[t], colour, rim)

    return paint


def _crown(hair: Hair) -> np.ndarray:
    """Over the top, from the left temple to the right one: `[N, 3]`."""
    angles = np.linspace(-0.12, np.pi + 0.12, 25)
    radii = RADII + hair.volume * np.array([0.75, 1.15, 1.0])
    bumps = 1 + (0.03 * np.sin(np.arange(25) * 2.4) if hair.wave > 0.5 or hair.fringe == "spiky" else 0)
    x, y = np.cos(angles) * radii[0] * bumps, -np.sin(angles) * radii[1] * bumps
    return SKULL + np.stack([x, y, np.zeros(25)], -1)


def _fringe(hair: Hair) -> np.ndarray:
    """The hair's lower edge on the forehead, from the right temple to the left one: `[N, 3]`."""
    s = np.linspace(-1, 1, _FRINGE_POINTS)
    low = _HAIRLINE + (_TEMPLE - _HAIRLINE) * np.abs(s) ** 5
    if _ENDS[hair.length] > -0.4:
        low = np.maximum(low, np.where(np.abs(s) > 0.94, -0.3, -2))
    part = np.abs(s - hair.parting)
    match hair.fringe:
        case "straight":
            low = np.maximum(low, -0.715 + 0.04 * s**2 + 0.012 * np.cos(np.arange(_FRINGE_POINTS) * np.pi))
        case "side":
            low = np.maximum(low, -0.84 + 0.115 * part)
        case "parted":
            low = np.maximum(low, -0.86 + 0.17 * np.sqrt(part))
        case "spiky":
            low = low + 0.07 * (np.arange(_FRINGE_POINTS) % 3 == 1)
        case "wispy":
            low = np.maximum(low, -0.79 + 0.05 * np.sin(7 * s + 4 * hair.parting))
    return np.stack([_SIDE * np.sin(s * np.pi / 2), low, -0.44 + 0.42 * np.abs(s) ** 2.5], -1)


def _back(hair: Hair) -> np.ndarray:
    """Around the back of the head down to the hair's ends."""
    radii = RADII + hair.volume * 0.8
    end = _ENDS[hair.length]
    if end <= 0:
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        ball = SKULL + np.stack([np.cos(angles) * radii[0], -np.sin(angles) * radii[1], np.full(40, 0.05)], -1)
        return ball * [1, 1, 1] + [0, 0.06 * (hair.length == "ear"), 0]
    top = np.linspace(0, np.pi, 21)
    over = SKULL + np.stack([np.cos(top) * radii[0], -np.sin(top) * radii[1], np.full(21, 0.1)], -1)
    down = np.linspace(SKULL[1], end, 12)[1:]
    share = np.linspace(0, 1, 11)
    swing = 0.04 * hair.wave * np.sin(9 * share)
    width = radii[0] * (1 - 0.34 * max(end, 0) * share**2) + 0.08 * share * (1 - share) + swing
    depth = np.full(11, 0.2)
    right = np.stack([-width, down, depth], -1)
    left = np.stack([width + 0, down, depth], -1)[::-1]
    middle = np.stack([np.linspace(-0.6, 0.6, 5) * width[-1], end + np.array([0.05, 0.02, 0.06, 0.02, 0.05]),
                       np.full(5, 0.2)], -1)  # fmt: skip
    return np.concatenate([over, right, middle, left])


def _locks(hair: Hair) -> list[np.ndarray]:
    """Strands that fall before the ears and shoulders."""
    end = _ENDS[hair.length]
    if end <= 0:
        return []
    share = np.linspace(0, 1, 17)
    locks = []
    for side in (-1, 1):
        x = side * (0.4 + 0.06 * np.sin(np.pi * share) + 0.05 * hair.wave * np.sin(11 * share))
        locks.append(np.stack([x, -0.72 + (end + 0.62) * share, -0.02 - 0.03 * share], -1))
    return locks


def _tails(hair: Hair) -> list[np.ndarray]:
    share = np.linspace(0, 1, 7)
    if hair.extra == "ponytail":
        side = 1 if hair.parting > 0 else -1
        x = side * (0.1 + 0.62 * np.sin(share * 1.9))
        control = [np.stack([x, -1.02 + 0.85 * share**1.5 - 0.12 * np.sin(np.pi * share), np.full(7, 0.4)], -1)]
    elif hair.extra == "pigtails":
        bend = 0.42 + 0.34 * np.sin(share * 2.2)
        control = [np.stack([k * bend, -0.72 + 0.9 * share, np.full(7, 0.1)], -1) for k in (-1, 1)]
    else:
        control = []
    return [smooth(points, 3, closed=False) for points in control]


def _knots(hair: Hair) -> np.ndarray:
    top = SKULL[1] - RADII[1] - hair.volume
    if hair.extra == "bun":
        return np.array([[0.0, top - 0.07, 0.1]])
    return np.array([[-0.34, top + 0.06, 0.08], [0.34, top + 0.06, 0.08]])


def _curls(hair: Hair) -> np.ndarray:
    angles = np.linspace(-0.45, np.pi + 0.45, 13)
    radii = RADII + hair.volume * 0.9
    wobble = 1 + 0.04 * np.cos(np.arange(13) * 2.1)
    ring = np.stack([np.cos(angles) * radii[0] * wobble, -np.sin(angles) * radii[1] * wobble, np.full(13, -0.05)], -1)
    inner = ring[2:-2] * [0.72, 0.78, 1] + [0, 0, -0.2]
    return SKULL + np.concatenate([ring, inner])


def _quiff(hair: Hair) -> np.ndarray:
    side = 1 if hair.parting > 0 else -1
    shape = np.array([(-0.3, -0.82), (-0.34, -1.02), (-0.1, -1.2), (0.22, -1.24), (0.36, -1.08), (0.22, -0.92),
                      (0.3, -0.84), (0.0, -0.8)])  # fmt: skip
    return np.column_stack([shape * [side, 1], np.full(len(shape), -0.35)])


def _strands(canvas: Canvas, outer: np.ndarray, fringe: np.ndarray, colour: RGB, rim: float) -> None:
    """Lines from the crown to the fringe, some lighter, some darker."""
    for k in range(_STRANDS):
        start = outer[len(outer) - 4 - 4 * k]
        end = fringe[2 + (len(fringe) - 5) * k // (_STRANDS - 1)]
        bend = (start + end) / 2 + 0.12 * (outer[len(outer) // 2] - end)
        tone = light(colour, 0.22) if k % 2 else shade(colour, 0.4)
        points = smooth(np.stack([0.8 * start + 0.2 * bend, bend, 0.75 * end + 0.25 * bend]), 3, closed=False)
        canvas.line(points, tone, 1.1 * rim)


def _ball(canvas: Canvas, centre: np.ndarray, radius: float, colour: RGB, rim: float) -> None:
    canvas.disc(centre, radius + rim, rim_colour(colour))
    canvas.disc(centre, radius, shadow_colour(colour))
    canvas.disc(centre + radius * np.array([-0.16, -0.16]), 0.8 * radius, colour)
