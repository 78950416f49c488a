"""The black surround of a scaled face picture, painted: the reference picture `r_hat` (METHOD section 6).

Painting is done once for each clip, when data is prepared, on a canvas that holds the frame of every FDA map that may
be drawn; training only looks through a window of it (`seen_through`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from PIL import Image

from apvgen.types import HW, Affine
from train.fda_statistics import PAPER, FdaDistribution

FACT = "surround"
"""The key in a clip's facts: {"method": ..., "margins": [left, top, right, bottom]}."""

PICTURE_SIDE = 384
"""Pixels of the longer side of the face picture on its canvas. A map makes it at most 307 px high at 768 x 512."""

_ROUNDING = 0.01
"""Of the frame: what rounding a map to whole pixels changes at most, in frames of 50 px and more."""


@dataclass(frozen=True)
class Margins:
    """How far a surround reaches beyond its picture, in its widths (left, right) and heights (top, bottom)."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, maps: FdaDistribution) -> Margins:
        """The least that holds the frames of all maps of a distribution: a frame reaches from -b/a to (1 - b)/a."""
        a_x, a_y = maps.a_x - maps.delta_x - _ROUNDING, maps.a_y - maps.delta_y - _ROUNDING
        lowest, highest = maps.b_y + maps.delta_b + _ROUNDING, maps.b_y - maps.delta_b - _ROUNDING
        side = (1 - a_x) / a_x
        return cls(side, max(lowest, 0) / a_y, side, (1 - highest) / a_y - 1)

    def hold(self, other: Margins) -> bool:
        """Whether nothing of `other` lies beyond these, to a thousandth."""
        return all(mine >= theirs - 1e-3 for mine, theirs in zip(astuple(self), astuple(other), strict=True))


SURROUND = Margins.of(PAPER)
"""For the paper's maps."""


class Painter(Protocol):
    """Fills the unknown part of a picture. name: kept with every clip."""

    name: str

    def __call__(self, canvas: np.ndarray, unknown: np.ndarray, seed: int) -> np.ndarray:
        """RGB uint8 `[H, W, 3]` and bool `[H, W]` -> RGB uint8 `[H, W, 3]`. The unknown part of `canvas` comes filled
        by `extend`; what is known may change, and is put back by the caller.
        """
        ...


@dataclass(frozen=True)
class Surround:
    """A painted canvas. image: RGB uint8 `[h, w, 3]`. margins: of this image, exactly. method: the painter's name."""

    image: np.ndarray
    margins: Margins
    method: str

    @property
    def facts(self) -> dict[str, Any]:
        """What to put into the clip's facts."""
        return {FACT: {"method": self.method, "margins": list(astuple(self.margins))}}


def margins_of(facts: Mapping[str, Any]) -> Margins:
    """The margins of a clip's surround, by its facts; `SURROUND` where they say nothing."""
    return Margins(*facts[FACT]["margins"]) if "margins" in facts.get(FACT, {}) else SURROUND


def paint(
    picture: np.ndarray, painter: Painter, margins: Margins = SURROUND, side: int = PICTURE_SIDE, seed: int = 0
) -> Surround:
    """Surround RGB uint8 `[H, W, 3]`, shrunk to at most `side` px, by what `painter` imagines around it."""
    scale = min(side / max(picture.shape[:2]), 1)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    height, width = small.shape[:2]
    left, right = (math.ceil(margin * width) for margin in (margins.left, margins.right))
    top, bottom = (math.ceil(margin * height) for margin in (margins.top, margins.bottom))
    unknown = np.ones((top + height + bottom, left + width + right), bool)
    known = np.s_[top : top + height, left : left + width]
    unknown[known] = False
    image = painter(extend(small, (left, top, right, bottom)), unknown, seed).copy()
    image[known] = small
    exact = Margins(left / width, top / height, right / width, bottom / height)
    return Surround(image, exact, painter.name)


def seen_through(surround: np.ndarray, margins: Margins, affine: Affine, hw: HW) -> np.ndarray:
    """`r_hat`: the frame, RGB uint8 `[*hw, 3]`, into which `affine` puts the surround's picture.

    affine: normalised to the frame, one map. Raises ValueError where the surround does not reach that far.
    """
    height, width = surround.shape[:2]
    unit = np.array([width / (1 + margins.left + margins.right), height / (1 + margins.top + margins.bottom)])
    origin, end = np.array([margins.left, margins.top]) * unit, np.array([width, height])
    back = affine.inverse()
    low, high = (origin + back.apply(corner) * unit for corner in (np.zeros(2), np.ones(2)))
    if (low < -1).any() or (high > end + 1).any():
        raise ValueError(f"the surround with {margins} does not reach as far as the map {affine} shows")
    box = *np.maximum(low, 0), *np.minimum(high, end)
    return np.asarray(Image.fromarray(surround).resize(hw[::-1], Image.Resampling.BILINEAR, box=box))


class Classical:
    """`extend` as a painter."""

    name = "classical"

    def __call__(self, canvas: np.ndarray, unknown: np.ndarray, seed: int) -> np.ndarray:  # noqa: ARG002
        return canvas


_SHARP = 6
"""Distance from the picture, in standard deviations of the blur there."""


def extend(picture: np.ndarray, margins: tuple[int, int, int, int]) -> np.ndarray:
    """The colours at a picture's edges drawn outwards, the softer the farther out: background beside and above a head,
    clothes below. margins: left, top, right, bottom in pixels.
    """
    left, top, right, bottom = margins
    sharp = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_REPLICATE)
    outside = np.ones(sharp.shape[:2], np.uint8)
    outside[top : top + picture.shape[0], left : left + picture.shape[1]] = 0
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    level = np.log2(1 + distance / _SHARP)
    blend, blurred = sharp.astype(np.float32), sharp
    for halvings in range(1, math.ceil(level.max()) + 1):
        blurred = cv2.pyrDown(blurred)
        share = np.clip(level - halvings + 1, 0, 1)[..., None]
        smooth = cv2.resize(blurred, sharp.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        blend += share * (smooth - blend)
    return np.clip(blend, 0, 255).round().astype(np.uint8)
