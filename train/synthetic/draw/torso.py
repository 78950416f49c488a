"""Neck, trunk, upper clothes with their patterns, hips and skirts.

The trunk is a sheet: `u` runs from the person's right side (-1, left in the picture) to the left (1), `v` from the
shoulders (0) to the hips (1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.synthetic.canvas import Canvas
from train.synthetic.colours import RGB, light
from train.synthetic.curves import circle, ellipse, smooth
from train.synthetic.draw.strokes import RIM, patch, rim_colour, shadow_colour, tube
from train.synthetic.figure import LEFT, RIGHT, Figure
from train.synthetic.people import Person

_LEVELS = np.array([-0.12, 0.0, 0.12, 0.35, 0.68, 1.0, 1.24])
_WIDTHS = np.array([0.36, 0.86, 0.96, 0.92, 0.86, 0.98, 1.0])
"""Half-widths at those levels: of the shoulders down to 0.35, of the hips below."""
_FLAT = 0.72
"""Depth of the trunk in its widths."""
_HIP_ROOM = 0.04
_NECK_RADIUS = 0.031
_BUTTONS = np.linspace(0.12, 0.95, 5)


@dataclass(frozen=True)
class Sheet:
    """The trunk of one frame: centre line and half-widths in pixels at `_LEVELS`, yaw in radians."""

    centre: np.ndarray
    across: np.ndarray
    yaw: float

    def __call__(self, u: np.ndarray | float, v: np.ndarray | float) -> np.ndarray:
        """Pixels `[N, 2]` of places on the sheet's silhouette coordinates."""
        u, v = np.broadcast_arrays(np.atleast_1d(u).astype(float), v)
        columns = [np.interp(v, _LEVELS, part) for part in (*self.centre.T, *self.across.T)]
        centre, across = np.stack(columns[:2], -1), np.stack(columns[2:], -1)
        return centre + u[:, None] * across

    def front(self, u: np.ndarray | float, v: np.ndarray | float) -> np.ndarray:
        """Pixels of places on the clothes: as above, but they turn with the chest."""
        return self(np.sin(np.arcsin(np.clip(u, -1, 1)) + self.yaw), v)


def sheet(figure: Figure, t: int) -> Sheet:
    """The trunk at frame t."""
    s, build = figure.skeleton, figure.person.build
    chest, pelvis = (turn[t, :, 0] for turn in (s.chest_turn, s.pelvis_turn))
    share = np.clip(_LEVELS, 0, 1)[:, None]
    centre = (1 - share) * s.neck[t, :2] + share * s.pelvis[t, :2]
    down = s.pelvis[t, :2] - s.neck[t, :2]
    centre += (_LEVELS[:, None] - share) * down
    direction = (1 - share) * _unit(chest[:2]) + share * _unit(pelvis[:2])
    girth = 0.5 + 0.5 * build.girth
    hips = (build.hips + _HIP_ROOM * build.girth) * _WIDTHS
    shoulders = build.shoulders * girth * _WIDTHS
    width = (np.where(_LEVELS < 0.6, shoulders, hips) * figure.stature)[:, None]
    sideways = (1 - share) * chest[0] + share * pelvis[0]
    seen = np.sqrt(sideways**2 + (1 - sideways**2) * _FLAT**2)
    return Sheet(centre, direction * width * seen, float(np.arcsin(np.clip(-chest[2], -1, 1))))


def trunk(canvas: Canvas, figure: Figure, t: int) -> None:
    """Trunk with clothes, skirt and neck; `seat` and legs come first."""
    person, unit = figure.person, figure.stature
    rim, palette, cloth = RIM * unit, person.palette, sheet(figure, t)
    wears = person.outfit.lower
    if wears in ("trousers", "shorts"):
        canvas.fill(_hips(cloth), palette.lower)
    else:
        skirt(canvas, figure, t, palette.upper if wears == "dress" else palette.lower)
    _neck(canvas, figure, t)
    v = np.array([-0.02, 0.06, 0.2, 0.45, 0.7, 0.9, 1.0])
    right, left = cloth(-1, v), cloth(1, v)
    top = cloth(np.array([0.5, -0.5]), -0.1)
    outline = smooth(np.concatenate([right, left[::-1], top]), 3)
    patch(canvas, outline, palette.upper, rim, 0.016 * unit)
    with canvas.within(outline) as inside:
        pattern(inside, person, cloth, unit)
    _neckline(canvas, figure, cloth)
    if wears != "dress":
        belt = smooth(cloth(np.array([-0.98, 0, 0.98]), np.array([1.0, 1.03, 1.0])), 3, closed=False)
        canvas.line(belt, rim_colour(palette.upper), 1.4 * rim)


def seat(canvas: Canvas, figure: Figure, t: int) -> None:
    """The outline of what joins both trouser legs; `trunk` fills it."""
    if figure.person.outfit.lower in ("trousers", "shorts"):
        patch(canvas, _hips(sheet(figure, t)), figure.person.palette.lower, RIM * figure.stature)


def _hips(cloth: Sheet) -> np.ndarray:
    levels = np.array([0.96, 1.04, 1.14])
    return smooth(np.concatenate([cloth(-0.96, levels), cloth(0, 1.24), cloth(0.96, levels[::-1])]), 3)


def skirt(canvas: Canvas, figure: Figure, t: int, colour: RGB) -> None:
    """From the waist to the hem, over both legs."""
    s, person, unit = figure.skeleton, figure.person, figure.stature
    cloth = sheet(figure, t)
    share = 2 * person.outfit.hem
    legs = [_along(s.hips[t, k], s.knees[t, k], s.ankles[t, k], share)[:2] for k in (RIGHT, LEFT)]
    flare = (0.05 + 0.03 * person.outfit.looseness) * unit
    right, left = legs[RIGHT] - [flare, 0], legs[LEFT] + [flare, 0]
    middle = (right + left) / 2 + [0, 0.02 * unit]
    hem = smooth(np.stack([left, middle, right]), 6, closed=False)
    waist = cloth(np.array([-0.9, 0.9]), 0.96)
    sides = cloth(np.array([-1.12, 1.12]), 1.1)
    outline = np.concatenate([waist, sides[1:], hem, sides[:1]])
    patch(canvas, outline, colour, RIM * unit, 0.014 * unit)
    for fold in (-0.45, 0.1, 0.55):
        foot = (right + left) / 2 + fold * (left - right) / 2
        canvas.line(np.stack([cloth(fold * 0.6, 1.08)[0], foot]), shadow_colour(colour), 0.8 * RIM * unit)


def pattern(canvas: Canvas, person: Person, cloth: Sheet, unit: float) -> None:
    """What is printed or sewn on the upper clothes."""
    second, count = person.palette.upper_second, person.outfit.stripes
    edges = np.linspace(-1, 1, 9)
    match person.outfit.pattern:
        case "stripes":
            for v in (np.arange(count) + 0.6) / count:
                ends = v + 0.28 / count
                canvas.fill(np.concatenate([cloth(edges, v), cloth(edges[::-1], ends)]), second)
        case "pinstripes":
            for u in np.linspace(-0.9, 0.9, count + 2):
                canvas.line(cloth.front(u, np.linspace(-0.1, 1, 5)), second, 0.006 * unit)
        case "dots":
            for k, v in enumerate(np.linspace(0.1, 0.95, count)):
                for u in np.linspace(-0.75, 0.75, 5) + (0.16 if k % 2 else -0.16):
                    canvas.disc(cloth.front(u, v)[0], 0.0095 * unit, second)
        case "print":
            place = cloth.front(0, 0.45)[0]
            canvas.fill(place + 0.046 * unit * emblem(person.outfit.print_), second)
        case "yoke":
            canvas.fill(np.concatenate([cloth(edges, -0.2), cloth(edges[::-1], 0.3)]), second)
        case "buttons":
            canvas.line(cloth.front(0, np.linspace(-0.1, 1, 5)), shadow_colour(person.palette.upper), 0.005 * unit)
            for v in _BUTTONS:
                canvas.disc(cloth.front(0.06, v)[0], 0.008 * unit, second)


def emblem(kind: str) -> np.ndarray:
    """Outline `[N, 2]` within about [-1, 1]."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    match kind:
        case "heart":
            x = np.sin(angles) ** 3
            y = -(13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles) - np.cos(4 * angles)) / 16
            return np.stack([x, y], -1)
        case "star":
            radius = np.where(np.arange(10) % 2, 0.45, 1.1)[:, None]
            turn = np.arange(10) * np.pi / 5
            return radius * np.stack([np.sin(turn), -np.cos(turn)], -1)
        case "bolt":
            return np.array([(0.2, -1.1), (-0.6, 0.15), (-0.05, 0.15), (-0.3, 1.1), (0.6, -0.25), (0.05, -0.25)])
        case "diamond":
            return np.array([(0, -1), (0.8, 0), (0, 1), (-0.8, 0)])
        case _:
            return circle()


def _neck(canvas: Canvas, figure: Figure, t: int) -> None:
    s, unit, skin = figure.skeleton, figure.stature, figure.person.palette.skin
    down = s.neck[t, :2] - s.skull[t, :2]
    points = np.stack([s.skull[t, :2] - 0.4 * down, s.neck[t, :2] + 0.25 * down])
    radius = _NECK_RADIUS * (0.5 + 0.5 * figure.person.build.girth) * unit
    tube(canvas, points, np.array([radius, 1.15 * radius]), skin, RIM * unit)


def _neckline(canvas: Canvas, figure: Figure, cloth: Sheet) -> None:
    person, unit = figure.person, figure.stature
    skin, colour, rim = person.palette.skin, person.palette.upper, RIM * unit
    second = person.palette.upper_second if person.outfit.pattern in ("yoke", "buttons") else light(colour, 0.25)
    middle = cloth.front(0, -0.1)[0]
    across, down = cloth(1, 0.0)[0] - cloth(-1, 0.0)[0], cloth(0, 1.0)[0] - cloth(0, 0.0)[0]
    across, down = across * 0.2, down * 0.11
    match person.outfit.neckline:
        case "turtleneck":
            ring = np.stack([middle - across + down, middle - 0.9 * across - down, middle + 0.9 * across - down,
                             middle + across + down])  # fmt: skip
            patch(canvas, smooth(ring, 3), colour, rim, 0.006 * unit)
        case "v":
            points = np.stack([middle - 0.95 * across - 0.4 * down, middle + 0.95 * across - 0.4 * down,
                               middle + 1.6 * down])  # fmt: skip
            patch(canvas, points, skin, 1.4 * rim)
        case _:
            scoop = ellipse(middle, across, down * 0.9)
            canvas.line(scoop, second, 2.4 * rim, closed=True)
            canvas.fill(scoop, skin)
    if person.outfit.neckline == "collar":
        for side in (-1, 1):
            tip = middle + side * 0.75 * across + 1.7 * down
            flap = np.stack([middle + 0.9 * down, middle + side * 1.1 * across - 0.7 * down,
                             middle + side * 1.5 * across + 0.6 * down, tip])  # fmt: skip
            patch(canvas, flap, second, 0.6 * rim)


def _along(hip: np.ndarray, knee: np.ndarray, ankle: np.ndarray, share: float) -> np.ndarray:
    return hip + share * (knee - hip) if share <= 1 else knee + (share - 1) * (ankle - knee)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
