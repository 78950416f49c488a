"""Colours: RGB tuples in 0..255, and how light and shade change them."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np

RGB = tuple[int, int, int]

SKINS: tuple[RGB, ...] = (
    (252, 222, 200), (246, 205, 175), (236, 188, 150), (222, 170, 125), (200, 145, 100),
    (172, 116, 76), (140, 90, 58), (110, 68, 45), (84, 52, 38),
)  # fmt: skip
"""From light to dark; a person's skin lies between two neighbours."""
NATURAL_HAIR: tuple[RGB, ...] = (
    (32, 26, 26), (58, 38, 30), (96, 60, 36), (138, 90, 48), (190, 142, 78), (226, 192, 122), (158, 66, 34),
    (150, 150, 156), (222, 222, 226),
)  # fmt: skip
IRISES: tuple[RGB, ...] = ((70, 44, 28), (108, 70, 36), (62, 112, 70), (58, 110, 168), (96, 134, 150), (90, 72, 128))
_SHADE = np.array([0.62, 0.56, 0.66])
"""What full shade leaves of red, green and blue: shadows are cooler than light."""


def shade(colour: RGB, amount: float) -> RGB:
    """The colour in shadow: 0 leaves it, 1 is deep shadow."""
    r, g, b = np.asarray(colour) * (1 - amount * (1 - _SHADE))
    return round(float(r)), round(float(g)), round(float(b))


def light(colour: RGB, amount: float) -> RGB:
    """The colour under light: 0 leaves it, 1 is white."""
    return mix(colour, (255, 255, 255), amount)


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """`first` with a share of `second`."""
    r, g, b = np.asarray(first) * (1 - share) + np.asarray(second) * share
    return round(float(r)), round(float(g)), round(float(b))


def between(table: tuple[RGB, ...], rng: np.random.Generator) -> RGB:
    """A random colour between two neighbours of a table."""
    place = rng.uniform(0, len(table) - 1)
    return mix(table[int(place)], table[int(place) + 1], place % 1)


def distance(first: RGB, second: RGB) -> float:
    """Euclidean distance in RGB."""
    return float(np.linalg.norm(np.subtract(first, second)))


def dyed(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> RGB:
    """A random hue of saturation and value (both in 0..1) within the given ranges."""
    r, g, b = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(*saturation), rng.uniform(*value))
    return round(r * 255), round(g * 255), round(b * 255)


def unlike(others: list[RGB], apart: float, make: Callable[[], RGB]) -> RGB:
    """What `make()` gives, drawn again (24 times at most) until it is `apart` from all others; else the farthest."""
    tried = [make()]
    while min(distance(tried[-1], other) for other in others) < apart and len(tried) < 24:
        tried.append(make())
    return max(tried, key=lambda colour: min(min(distance(colour, other) for other in others), apart))
