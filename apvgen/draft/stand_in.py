"""Stand-ins for lower limbs that point at the camera: a picture so short cannot be stretched to a limb's length."""

from __future__ import annotations

import cv2
import numpy as np

from apvgen.draft import regions
from apvgen.draft.geometry import smoothstep
from apvgen.draft.regions import Bone
from apvgen.draft.sprites import LimbSprite, Sprite, to_byte

BORROWED = 0.35
"""Share of the upper limb's length that is used instead."""
TAPER = 0.7
"""Width of a stand-in at its end against its start."""
ALIKE = 2.2
"""Skin in shade and skin in light differ by less (`regions.colour_distance`)."""


def borrow(upper: LimbSprite, share: np.ndarray, bone: Bone, end_colour: np.ndarray | None) -> LimbSprite:
    """A picture of the lower limb `bone` made of a part of the upper limb that nothing hides, tapered.

    share: the upper limb's share of the photo, float32 `[H, W]`. end_colour: RGB of the hand, towards which bare skin
    is shaded. The result has pixels of its own; its bone runs down the middle.
    """
    picture, upper = upper.sprite, upper.bone
    axes, upper_length = regions.bone_frame(upper.start, upper.end)
    half, length = upper.half_width, 0.9 * upper_length
    margin = int(np.ceil(half)) + 2
    hw, start = (int(length) + 2 * margin, 2 * margin + 1), np.array([margin, margin], float)
    x, y = regions.pixel_grid(hw, start)
    width = half * (1 - (1 - TAPER) * (y / length).clip(0, 1))
    along = _clean_end(upper, share) - np.where(y < 0, 0, y) * BORROWED * upper_length / length
    across = (upper.axis[1] - upper.end) @ axes[1] + x / width * 0.65 * half
    source = upper.start + along[..., None] * axes[0] + across[..., None] * axes[1] - picture.corner
    rgb = np.ascontiguousarray(picture.rgba[..., :3])
    rgb = cv2.remap(rgb, source.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if end_colour is not None:
        rgb = _shaded(rgb, (y / length).clip(0, 1), end_colour)
    cover = 1 - smoothstep(np.hypot(x, y - y.clip(0, length)), width - 1.5, width + 0.5)
    return LimbSprite(Sprite(np.dstack([rgb, to_byte(cover)]), (0, 0)), bone, start, start + np.array([0, length]))


def _shaded(rgb: np.ndarray, share: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Bring skin to `colour` where `share` `[h, 1]` is 1; what is of another material stays as it is."""
    own = np.median(rgb.reshape(-1, 3), 0)
    pair = np.rint([own, colour]).astype(np.uint8)[None]
    if regions.colour_distance(pair, regions.lab(pair)[0, 1])[0, 0] > ALIKE:
        return rgb
    gain = 1 + share[..., None] * ((colour / np.maximum(own, 1)).clip(0.6, 2.2) - 1)
    return np.rint(rgb * gain).clip(0, 255).astype(np.uint8)


def _clean_end(upper: Bone, share: np.ndarray) -> float:
    """Where, along an upper limb, the last stretch ends that is as long as what is borrowed and that nothing hides."""
    steps = 40
    window = int(BORROWED * steps)
    axes, length = regions.bone_frame(*upper.axis)
    along = np.linspace(0, length, steps + 1)
    across = np.linspace(-0.6, 0.6, 7) * upper.half_width
    at = upper.axis[0] + along[:, None, None] * axes[0] + across[:, None] * axes[1]
    visible = cv2.remap(share, at.astype(np.float32), None, cv2.INTER_LINEAR).mean(1)
    stretches = np.convolve(visible, np.ones(window) / window, "valid")
    last = np.flatnonzero(stretches >= 0.6 * stretches.max())[-1]
    return float(along[last + window - 1])
