"""Layers cut from the reference photo, each with its colours and its cover."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from apvgen.draft import regions
from apvgen.draft.fill import spread_colour
from apvgen.draft.geometry import smoothstep
from apvgen.draft.regions import Bone
from apvgen.types import HW

SOLID = 0.9
"""A pixel at least this much the person's shows the person's own colour."""

BEYOND = (0.3, 0.15)
"""How far a part that the photo cuts off is continued past the lower edge and the sides, in photo heights, widths."""


@dataclass(frozen=True)
class Photo:
    """What is cut up.

    image: RGB uint8 `[H, W, 3]`; mask: float32 `[H, W]`; body: `[18, 2]`; hands: `[2, 21, 2]`; mesh: `[468, 2]`;
    pixels, NaN where missed.
    """

    image: np.ndarray
    mask: np.ndarray
    body: np.ndarray
    hands: np.ndarray
    mesh: np.ndarray

    @property
    def unit(self) -> float:
        return regions.body_unit(self.body)


@dataclass(frozen=True)
class Sprite:
    """A cut-out: uint8 `[h, w, 4]` red, green, blue, cover; its pixel (0, 0) lies at `corner` (x, y) of the photo."""

    rgba: np.ndarray
    corner: tuple[int, int]


@dataclass(frozen=True)
class LimbSprite:
    """A limb's picture with its bone from `start` to `end`, pixels of the photo (or of a picture of its own).

    stand_in: the picture to use instead where the photo's would have to be stretched much.
    """

    sprite: Sprite
    bone: Bone
    start: np.ndarray
    end: np.ndarray
    stand_in: LimbSprite | None = None

    @cached_property
    def extent(self) -> np.ndarray:
        """How far the picture reaches along the bone and across it: `[[u0, u1], [v0, v1]]`."""
        axes, _ = regions.bone_frame(self.start, self.end)
        covered = np.argwhere(self.sprite.rgba[..., 3] > 4)[:, ::-1] + self.sprite.corner - self.start
        reach = covered @ axes.T
        return np.stack([reach.min(0) - 1, reach.max(0) + 1], 1)


@dataclass(frozen=True)
class Cutout:
    """All layers of a reference. trunk: with head and hair; limbs: upper before lower; hands: side -> sprite."""

    trunk: Sprite
    limbs: tuple[LimbSprite, ...]
    hands: dict[int, Sprite]


def make_sprite(photo: Photo, cover: np.ndarray, own: np.ndarray) -> Sprite | None:
    """Crop to where there is cover; colours are the part's own, spread beyond its edges. None when nothing is left."""
    cover = cover * photo.mask
    rows, columns = np.flatnonzero((cover > 0.02).any(1)), np.flatnonzero((cover > 0.02).any(0))
    if not len(rows):
        return None
    margin = 2
    top, left = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    window = np.s_[top : rows[-1] + margin + 1, left : columns[-1] + margin + 1]
    own = inner(own[window] & (photo.mask[window] >= SOLID), 2)
    rgb = spread_colour(photo.image[window], own.astype(np.float32)) if own.any() else photo.image[window]
    return Sprite(np.dstack([rgb, to_byte(cover[window])]), (int(left), int(top)))


def continued(sprite: Sprite, hw: HW, sides: bool) -> Sprite:
    """The sprite, continued by its mirror image where the photo's lower edge (and its sides) cut it off."""
    height, width = sprite.rgba.shape[:2]
    at_bottom = sprite.corner[1] + height >= hw[0]
    down = min(int(BEYOND[0] * hw[0]), height - 1) if at_bottom else 0
    side = min(int(BEYOND[1] * hw[1]), width - 1) if sides else 0
    rgba = cv2.copyMakeBorder(sprite.rgba, 0, down, side, side, cv2.BORDER_REFLECT_101)
    # Only what the edge cuts goes on; the mirror image of the rest would float beside the picture.
    cut_at = rgba[..., 3].astype(np.uint16)
    for beyond, edge in (
        (np.s_[height:, :], cut_at[height - 1, :]),
        (np.s_[:, :side], cut_at[:, side, None]),
        (np.s_[:, side + width :], cut_at[:, side + width - 1, None]),
    ):
        rgba[..., 3][beyond] = cut_at[beyond] * edge // 255
    return Sprite(rgba, (sprite.corner[0] - side, sprite.corner[1]))


def inner(region: np.ndarray, margin: int) -> np.ndarray:
    """A bool region without its outermost `margin` pixels, whose colours are mixed with the neighbour's."""
    return cv2.erode(region.astype(np.uint8), np.ones((2 * margin + 1,) * 2)) > 0


def owned(share: np.ndarray) -> np.ndarray:
    """Cover of a part from its share: full from one half on, so that two neighbours leave no gap between them."""
    return smoothstep(share, 0.3, 0.5)


def to_byte(share: np.ndarray) -> np.ndarray:
    return np.rint(share * 255).clip(0, 255).astype(np.uint8)
