"""What is behind a person: a wall, a floor and some structure, soft as out of focus."""

from __future__ import annotations

import cv2
import numpy as np

from apvgen.types import HW
from train.synthetic.canvas import FINE, Canvas
from train.synthetic.colours import light, shade
from train.synthetic.curves import circle
from train.synthetic.figure import Figure
from train.synthetic.people import Person

_FOCUS = 0.008
"""Blur in shares of the picture's height."""


def room(person: Person, hw: HW, horizon: float, rng: np.random.Generator) -> np.ndarray:
    """The empty canvas of a clip: uint8 `[H * FINE, W * FINE, 4]`.

    horizon: row of the picture at which the floor begins; below the picture for close-ups.
    """
    canvas = Canvas.blank(hw, person.palette.wall)
    _gradient(canvas.pixels)
    _structure(canvas, person, hw, rng)
    height, width = hw
    floor = np.array([[-2, horizon], [width + 2, horizon], [width + 2, height + 2], [-2, height + 2]])
    canvas.fill(floor, person.palette.floor)
    canvas.line(floor[:2], shade(person.palette.floor, 0.35), 0.006 * height)
    pixels = cv2.GaussianBlur(canvas.pixels, (0, 0), _FOCUS * height * FINE)
    pixels[..., 3] = 0
    return pixels


def shadow(canvas: Canvas, figure: Figure, t: int) -> None:
    """On the floor, under both feet."""
    ankles = figure.skeleton.ankles[t, :, :2]
    middle, unit = ankles.mean(0) + np.array([0, 0.035 * figure.stature]), figure.stature
    half = 0.09 * unit + abs(ankles[1, 0] - ankles[0, 0]) / 2
    for size in (1.0, 0.75):
        canvas.tint(middle + size * circle() * [half, 0.03 * unit], shade(figure.person.palette.floor, 0.9), 0.3)


def _gradient(pixels: np.ndarray) -> None:
    height = len(pixels)
    factor = np.linspace(1.06, 0.9, height)[:, None, None]
    pixels[..., :3] = np.clip(pixels[..., :3] * factor, 0, 255).astype(np.uint8)


def _structure(canvas: Canvas, person: Person, hw: HW, rng: np.random.Generator) -> None:
    size = np.array(hw[::-1])
    second = person.palette.wall_second
    match person.room:
        case "window":
            corner = rng.uniform([0.02, 0.05], [0.5, 0.2])
            box = _box(corner, corner + rng.uniform([0.35, 0.3], [0.5, 0.45])) * size
            canvas.fill(box, light(second, 0.55))
            canvas.line(box, shade(second, 0.5), 0.02 * hw[0], closed=True)
            canvas.line(np.stack([box[:2].mean(0), box[2:].mean(0)]), shade(second, 0.5), 0.012 * hw[0])
        case "panels":
            for x in np.linspace(0, 1, int(rng.integers(3, 7))):
                canvas.line(np.array([[x, -0.1], [x, 1.1]]) * size, second, rng.uniform(0.01, 0.05) * hw[0])
        case "shapes":
            for _ in range(7):
                canvas.fill(rng.uniform(0, 1, 2) * size + rng.uniform(0.04, 0.14) * hw[0] * circle(), second)
        case "stage":
            for x in rng.uniform(0.1, 0.9, 3):
                beam = np.array([[x - 0.03, -0.05], [x + 0.03, -0.05], [x + 0.28, 1.05], [x - 0.28, 1.05]])
                canvas.tint(beam * size, light(second, 0.5), 0.35)
        case "outdoors":
            x = np.linspace(-0.05, 1.05, 12)
            hills = 0.55 + 0.08 * np.sin(5 * x + rng.uniform(0, 6))
            canvas.fill(np.concatenate([np.stack([x, hills], -1), [[1.05, 1.1], [-0.05, 1.1]]]) * size, second)
            canvas.fill(np.array([rng.uniform(0.1, 0.9), 0.12]) * size + 0.06 * hw[0] * circle(), light(second, 0.6))


def _box(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
