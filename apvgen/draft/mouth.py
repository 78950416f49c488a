"""The inside of an open mouth: upper teeth that stay with the skull, a tongue that goes with the jaw, and the dark."""

from __future__ import annotations

import cv2
import numpy as np

from apvgen.draft.face import INNER_LIPS, OVAL
from apvgen.draft.geometry import invert, smoothstep, transform

CLOSED, OPEN = 0.02, 0.07
"""Lip gap in mouth widths below which nothing is drawn, and from which the inside is drawn in full: a detector's
noise on a closed mouth lies below."""

TEETH_DROP = 0.085
"""How far the upper teeth reach below the resting upper lip, in mouth widths."""

DARK, TEETH, TONGUE = (38, 14, 14), (205, 196, 186), (150, 76, 72)
"""RGB under full light."""

_SUPERSAMPLING = 4


class MouthInside:
    """What the lips of one reference face open up to."""

    def __init__(self, image: np.ndarray, mesh: np.ndarray) -> None:
        """image: RGB uint8 `[H, W, 3]`; mesh: `[468, 2]` pixels of it."""
        upper, lower = mesh[list(INNER_LIPS[0])], mesh[list(INNER_LIPS[1])]
        right, left = upper[0], upper[-1]
        self.width = max(np.linalg.norm(left - right), 1.0)
        across = (left - right) / self.width
        axes = np.array([across, [-across[1], across[0]]]) / self.width
        self._to_mouth = np.column_stack([axes, -axes @ ((left + right) / 2)])
        self._rest = float(transform(self._to_mouth, upper)[5, 1])
        self._image = image
        self._rest_gap = _gap(upper, lower) / self.width
        own = np.zeros(image.shape[:2], np.uint8)
        cv2.fillPoly(own, [np.concatenate([upper, lower[::-1]]).round().astype(np.int32)], 1)
        self._teeth = cv2.GaussianBlur(own * _tooth_likeness(image), (0, 0), 0.7)
        face = np.zeros_like(own)
        cv2.fillPoly(face, [mesh[list(OVAL)].round().astype(np.int32)], 1)
        bright = np.median(image[face > 0].mean(-1)) if face.any() else 170
        self._light = float(np.clip(bright / 190, 0.25, 1.1))
        seen = self._teeth.sum()
        self._tooth_colour = (
            (self._image * self._teeth[..., None]).sum((0, 1)) / seen if seen > 15 else self._light * np.array(TEETH)
        )

    def draw(self, canvas: np.ndarray, target: np.ndarray, head: np.ndarray) -> None:
        """Paint into `canvas` (uint8 `[H, W, 3]`, changed in place) between the inner lips of the target mesh.

        target: `[468, 2]` output pixels; head: map of the head, photo -> output.
        """
        upper, lower = target[list(INNER_LIPS[0])], target[list(INNER_LIPS[1])]
        wide = max(np.linalg.norm(upper[-1] - upper[0]), 1e-6)
        shown = float(smoothstep(_gap(upper, lower) / wide - self._rest_gap, CLOSED, OPEN))
        outline = np.concatenate([upper, lower[::-1]])
        low = np.maximum(np.floor(outline.min(0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(outline.max(0)).astype(int) + 3, canvas.shape[1::-1])
        if shown == 0 or (low >= high).any():
            return
        window = np.s_[low[1] : high[1], low[0] : high[0]]
        cover = _polygon_cover(outline - low, (high - low)[::-1])
        y, x = np.mgrid[window].astype(float)
        photo = transform(invert(head), np.stack([x, y], -1))
        lips = [transform(self._to_mouth, transform(invert(head), lip)) for lip in (upper, lower)]
        colour = self._paint(transform(self._to_mouth, photo), *lips)
        colour *= (0.55 + 0.45 * cv2.GaussianBlur(cover, (0, 0), 0.04 * self.width + 0.5))[..., None]
        colour = self._reuse_teeth(colour, photo.astype(np.float32))
        weight = (cover * shown)[..., None]
        canvas[window] = np.rint(canvas[window] * (1 - weight) + colour * weight).clip(0, 255)

    def _paint(self, at: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """Colours `[h, w, 3]` at places `[h, w, 2]`, all in mouth widths about the resting mouth."""
        x, y = at[..., 0], at[..., 1]
        top, bottom = (np.interp(x, lip[:, 0], lip[:, 1]) for lip in (upper, lower))
        gap = np.maximum(bottom - top, 1e-3)
        tongue = (
            smoothstep((y - top) / gap, 0.45, 0.9) * (1 - smoothstep(abs(x), 0.15, 0.4)) * smoothstep(gap, 0.1, 0.3)
        )
        edge = self._rest + TEETH_DROP * (1 - (x / 0.55) ** 2)
        teeth = (1 - smoothstep(y - edge, -0.015, 0.02)) * (1 - smoothstep(abs(x), 0.25, 0.48))
        colour = np.broadcast_to(np.array(DARK, float), (*x.shape, 3))
        colour = colour + tongue[..., None] * (np.array(TONGUE) - colour)
        colour = self._light * colour
        return colour + teeth[..., None] * (self._tooth_colour - colour)

    def _reuse_teeth(self, colour: np.ndarray, photo: np.ndarray) -> np.ndarray:
        """Where the photo itself shows teeth, they are what is seen."""
        own = cv2.remap(self._teeth, photo, None, cv2.INTER_LINEAR)[..., None]
        return colour * (1 - own) + cv2.remap(self._image, photo, None, cv2.INTER_LINEAR) * own


def _tooth_likeness(image: np.ndarray) -> np.ndarray:
    """1 for bright and colourless pixels, 0 for dark and for red ones: `[H, W]`."""
    light, red, _ = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32))
    return smoothstep(light, 80, 120) * (1 - smoothstep(red - 128, 14, 26))


def _gap(upper: np.ndarray, lower: np.ndarray) -> float:
    """Largest distance between two lips, pixels; 0 when they overlap."""
    across = upper[-1] - upper[0]
    down = np.array([-across[1], across[0]]) / max(np.linalg.norm(across), 1e-6)
    return float(max(((lower - upper) @ down).max(), 0))


def _polygon_cover(outline: np.ndarray, hw: np.ndarray) -> np.ndarray:
    """Share of each pixel inside a polygon, float32 `[h, w]`."""
    fine = np.zeros(hw * _SUPERSAMPLING, np.float32)
    cv2.fillPoly(fine, [np.rint((outline + 0.5) * _SUPERSAMPLING - 0.5).astype(np.int32)], 1.0)
    return cv2.resize(fine, tuple(int(n) for n in hw[::-1]), interpolation=cv2.INTER_AREA)
