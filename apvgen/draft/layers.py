"""Layers put onto a picture: where each output pixel comes from, and how it is blended in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from apvgen.draft.geometry import smoothstep, transform
from apvgen.draft.regions import bone_frame
from apvgen.draft.sprites import LimbSprite, Sprite
from apvgen.types import HW

GRID = 8
"""Step in pixels of the grid on which a smooth map is computed."""

FAR = 1e4

RIGID_TURN = (50.0, 100.0)
"""Degrees that a limb turns against what it hangs on: up to the first their pictures bend into each other, from the
second on the limb's picture turns in one piece."""

CoordinateMap = Callable[[np.ndarray], np.ndarray]
"""Output points `[..., 2]` -> photo points `[..., 2]`."""


@dataclass(frozen=True)
class PlacedLimb:
    """A limb's picture with its bone laid from `start` to `end`, output pixels. Along the bone it is stretched to fit;
    across it, and beyond its joints, it is enlarged by `width`."""

    limb: LimbSprite
    start: np.ndarray
    end: np.ndarray
    width: float

    def knots(self) -> tuple[np.ndarray, np.ndarray]:
        """Distances along the bone in output and photo that belong together; the map is linear between them."""
        _, length = bone_frame(self.start, self.end)
        _, old_length = bone_frame(self.limb.start, self.limb.end)
        beyond = np.array([-FAR, 0, 0, FAR])
        return np.array([0, 0, length, length]) + self.width * beyond, np.array([0, 0, old_length, old_length]) + beyond

    def along(self, xy: np.ndarray) -> np.ndarray:
        """Distance along the output bone."""
        return (xy - self.start) @ bone_frame(self.start, self.end)[0][0]

    def source(self, xy: np.ndarray) -> np.ndarray:
        """Picture points of the output points `[..., 2]`."""
        axes, _ = bone_frame(self.start, self.end)
        old_axes, _ = bone_frame(self.limb.start, self.limb.end)
        local = (xy - self.start) @ axes.T
        along = np.interp(local[..., 0], *self.knots())
        return self.limb.start + along[..., None] * old_axes[0] + local[..., 1:] / self.width * old_axes[1]

    def turn(self, before: CoordinateMap) -> float:
        """Degrees between the limb's old direction and its new one as seen from the part that it hangs on."""
        old, new = self.limb.end - self.limb.start, before(self.end) - before(self.start)
        cosine = (old @ new) / max(np.linalg.norm(old) * np.linalg.norm(new), 1e-6)
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

    def corners(self) -> np.ndarray:
        """Output corners `[4, 2]` of a box about everything that the limb's picture covers."""
        axes, _ = bone_frame(self.start, self.end)
        output, photo = self.knots()
        (u0, u1), (v0, v1) = self.limb.extent
        along = np.interp([u0, min(u0, 0), u1], photo, output)
        across = self.width * np.array([v0, v1])
        return np.array([self.start + u * axes[0] + v * axes[1] for u in (along.min(), along.max()) for v in across])


def draw_limb(canvas: np.ndarray, place: PlacedLimb, before: CoordinateMap | None, opacity: float = 1.0) -> None:
    """Blend a limb into `canvas` (uint8 `[H, W, 3]`, changed in place).

    before: map of the part that the limb hangs on; about their joint one map turns smoothly into the other.
    """
    window = visible_window(place.corners(), canvas.shape[:2])
    if window is None or opacity == 0:
        return
    low, high = window

    def joined(xy: np.ndarray) -> np.ndarray:
        if before is None:
            return place.source(xy)
        share = np.maximum(smoothstep(place.along(xy), 0, reach), rigid)[..., None]
        return place.source(xy) * share + before(xy) * (1 - share)

    reach = min(1.5 * place.limb.bone.half_width * place.width, 0.5 * np.linalg.norm(place.end - place.start) + 1)
    rigid = 1.0 if before is None else smoothstep(place.turn(before), *RIGID_TURN)
    source = upsampled(joined, low, high)
    sprite = place.limb.sprite
    rgba = cv2.remap(sprite.rgba, source - np.array(sprite.corner, np.float32), None, cv2.INTER_LINEAR)
    blend(canvas, rgba, low, opacity)


def draw_sprite(canvas: np.ndarray, sprite: Sprite, matrix: np.ndarray) -> None:
    """Blend a sprite into `canvas`, moved by one affine map photo -> output `[2, 3]`."""
    height, width = sprite.rgba.shape[:2]
    box = np.array([[0, 0], [width, 0], [0, height], [width, height]]) + sprite.corner
    window = visible_window(transform(matrix, box), canvas.shape[:2])
    if window is None:
        return
    low, high = window
    shifted = np.column_stack([matrix[:, :2], transform(matrix, np.array(sprite.corner)) - low])
    blend(canvas, cv2.warpAffine(sprite.rgba, shifted, tuple(int(n) for n in high - low)), low)


def visible_window(corners: np.ndarray, hw: HW) -> tuple[np.ndarray, np.ndarray] | None:
    """First and last + 1 pixel (x, y) of the box about `corners` `[N, 2]` within a picture; None outside it."""
    low = np.maximum(np.floor(corners.min(0)), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(0)) + 1, hw[::-1]).astype(int)
    return None if (low >= high).any() else (low, high)


def upsampled(coordinates: CoordinateMap, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A smooth map for every pixel from `low` to `high` (x, y), float32 `[h, w, 2]`, computed on a coarse grid."""
    size = high - low
    x, y = (first + GRID * (np.arange(-1, -(-n // GRID) + 1) + 0.5) - 0.5 for first, n in zip(low, size, strict=True))
    grid = coordinates(np.stack(np.meshgrid(x, y), -1)).astype(np.float32)
    fine = cv2.resize(grid, None, fx=GRID, fy=GRID, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(fine[GRID : GRID + size[1], GRID : GRID + size[0]])


def blend(canvas: np.ndarray, rgba: np.ndarray, corner: tuple[int, int] | np.ndarray, opacity: float = 1.0) -> None:
    """Lay uint8 `[h, w, 4]` over `canvas` (changed in place) with its first pixel at `corner` (x, y)."""
    height, width = rgba.shape[:2]
    window = np.s_[corner[1] : corner[1] + height, corner[0] : corner[0] + width]
    cover = rgba[..., 3] * np.float32(opacity / 255)
    below = np.ascontiguousarray(canvas[window])
    canvas[window] = cv2.blendLinear(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), below, cover, 1 - cover)
