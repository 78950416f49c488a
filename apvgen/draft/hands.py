"""Hands: which pixels of the reference photo they are, and how they move."""

from __future__ import annotations

import cv2
import numpy as np

from apvgen.draft.geometry import about, fit_affine, limit_stretch, smoothstep, transform
from apvgen.draft.regions import Bone, bone_coordinates, bone_frame, closed, colour_distance, lab, pixel_grid
from apvgen.layouts import HAND21_LIMBS

WRISTS = (7, 4)
"""Body joint of each hand, the person's left hand first."""

PALM = (0, 1, 5, 9, 13, 17)
"""Wrist, thumb base and knuckles of a 21-point hand."""

STIFFNESS = 0.3
STRETCH = (0.5, 1.4)
"""A hand is nearly rigid: how far its picture may be squeezed or stretched against the body's own scale."""


def is_known(hand: np.ndarray) -> bool:
    """Whether all of a hand's palm was found; fingers may be missed. hand: `[21, 2]`, NaN where missed."""
    return bool(np.isfinite(hand[list(PALM)]).all())


def detected_hand(image: np.ndarray, mask: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """The pixels of a hand, bool `[H, W]`: palm and fingers about its `[21, 2]` points, and what has their colour.

    The palm must be known; missed points of fingers are left out.
    """
    drawn = np.ones(mask.shape, np.uint8)
    cv2.fillConvexPoly(drawn, cv2.convexHull(hand[list(PALM)].round().astype(np.int32)), 0)
    for bone in HAND21_LIMBS:
        if bone[0] not in PALM[:1] and np.isfinite(hand[list(bone)]).all():
            start, end = hand[list(bone)].round().astype(int).tolist()
            cv2.line(drawn, start, end, 0, 1)
    palm = palm_size(hand)
    distance = cv2.distanceTransform(drawn, cv2.DIST_L2, 5) / palm
    core = (distance < 0.1) & (mask > 0.5)
    if not core.any():
        return core
    alike = colour_distance(image, np.median(lab(image)[core], 0)) < 1
    return closed(core | (alike & (distance < 0.35) & (mask > 0.2)), int(0.15 * palm))


def skin_hand(image: np.ndarray, mask: np.ndarray, forearm: Bone, unit: float, skin: np.ndarray) -> np.ndarray:
    """The pixels of a hand that no detector found, bool `[H, W]`: the patch of the face's colour that hangs on the
    wrist; none when it is too small to be one. skin: 8-bit Lab colour, float `[3]`; unit: `regions.body_unit`."""
    along, _ = bone_coordinates(mask.shape, forearm.start, forearm.end)
    from_wrist = np.hypot(*pixel_grid(mask.shape, forearm.end))
    possible = (colour_distance(image, skin) < 1) & (mask > 0.5) & (from_wrist < 0.5 * unit)
    possible &= along > (forearm.length - 0.05 * unit if forearm.length > 0.35 * unit else 0.2 * forearm.length)
    _, labels = cv2.connectedComponents(possible.astype(np.uint8))
    near = np.unique(labels[possible & (from_wrist < 0.15 * unit)])
    patch = np.isin(labels, near[near > 0])
    return closed(patch & (patch.sum() > (0.1 * unit) ** 2), int(0.03 * unit))


def wrist_fade(hw: tuple[int, int], hand: np.ndarray) -> np.ndarray:
    """0 at the wrist, 1 from a quarter of the palm on: a hand's picture melts into the forearm below it: `[H, W]`."""
    along, _ = bone_coordinates(hw, hand[0], hand[9])
    return smoothstep(along / palm_size(hand), -0.2, 0.2)


def palm_size(hand: np.ndarray) -> float:
    """The palm's width in pixels, also of a hand seen edge on. hand: `[21, 2]`."""
    return float(max(np.linalg.norm(hand[5] - hand[17]), 0.5 * np.linalg.norm(hand[0] - hand[9]), 1.0))


def palm_map(reference: np.ndarray, target: np.ndarray, width: float) -> np.ndarray:
    """How a hand moves, `[2, 3]`, when its points `[21, 2]` are known in photo and target; palm and back may swap.

    width: the body's own scale.
    """
    palm = list(PALM)
    fits = [fit_affine(reference[palm], target[palm], STIFFNESS, mirrored) for mirrored in (False, True)]
    errors = [((transform(fit, reference[palm]) - target[palm]) ** 2).sum() for fit in fits]
    best = limit_stretch(fits[int(np.argmin(errors))], STRETCH[0] * width, STRETCH[1] * width, reference[0])
    return about(best[:, :2], reference[0], target[0])


def forearm_map(reference: np.ndarray, target: np.ndarray, anchor: np.ndarray, width: float) -> np.ndarray:
    """How a hand moves with its forearm: `reference` and `target` are elbow and wrist `[2, 2]`, `anchor` is the place
    in the photo that goes to the target wrist."""
    (old, _), (new, _) = bone_frame(*reference), bone_frame(*target)
    return about(width * new.T @ old, anchor, target[1])
