"""Which pixel of the reference photo belongs to which part of the body: limbs, hands, and the trunk with the head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from apvgen.draft.geometry import smoothstep
from apvgen.draft.skeleton import CHAINS, HEAD
from apvgen.types import HW

ARM_HALF_WIDTHS = (0.125, 0.1)
LEG_HALF_WIDTHS = (0.22, 0.14)
"""Usual half widths of upper and lower limbs with light clothes, in body units."""

LIMB_REACH = 1.6
"""A limb's cost grows by 1 over this many half widths."""
TRUNK_COST = 0.6
TRUNK_REACH = 0.15
"""Cost of the trunk inside its outline, and the distance from it, in body units, over which that cost grows by 1."""
CONTESTED = 0.35
"""Where the costs of limb and trunk differ by less, the picture's edges decide."""


FORESHORTENED = 0.45
"""A lower limb shorter than this share of its upper limb points at the camera."""


@dataclass(frozen=True)
class Bone:
    """One limb of the reference photo.

    joints: body indices, the one nearer the trunk first. is_root: joined to the trunk.
    start, end: the joints, pixels. axis: float64 `[2, 2]`, the middle line of what is visible of the limb, which joints
    often miss. half_width: pixels.
    """

    joints: tuple[int, int]
    is_root: bool
    is_arm: bool
    start: np.ndarray
    end: np.ndarray
    axis: np.ndarray
    half_width: float

    @property
    def length(self) -> float:
        return float(np.linalg.norm(self.end - self.start))


def body_unit(body: np.ndarray) -> float:
    """About a shoulder's width in pixels, also for a body seen from the side. body: `[18, 2]`, NaN where missed.

    0 when neither shoulders nor hips are known.
    """
    shoulders, hips = body[[2, 5]], body[[8, 11]]
    widths = [np.linalg.norm(shoulders[0] - shoulders[1]), 0.65 * np.linalg.norm(shoulders.mean(0) - hips.mean(0))]
    return float(np.nanmax([0.0, *widths]))


def find_bones(body: np.ndarray, mask: np.ndarray) -> list[Bone]:
    """The limbs whose two joints the reference shows, upper before lower. body: `[18, 2]`; mask: float32 `[H, W]`."""
    unit = body_unit(body)
    widths = (ARM_HALF_WIDTHS, ARM_HALF_WIDTHS, LEG_HALF_WIDTHS, LEG_HALF_WIDTHS)
    found = []
    for level in range(2) if unit > 0 else ():
        for chain, half_widths in zip(CHAINS, widths, strict=True):
            joints = chain[level], chain[level + 1]
            start, end = body[list(joints)]
            if np.isfinite([start, end]).all():
                axis, half_width = middle_line(mask, start, end, half_widths[level] * unit)
                found.append(Bone(joints, level == 0, half_widths is ARM_HALF_WIDTHS, start, end, axis, half_width))
    return found


def points_at_camera(lower: Bone, upper: Bone) -> bool:
    """Whether a lower limb is foreshortened so much that its picture tells little of it."""
    return lower.length <= FORESHORTENED * upper.length


def middle_line(mask: np.ndarray, start: np.ndarray, end: np.ndarray, usual: float) -> tuple[np.ndarray, float]:
    """The visible middle `[2, 2]` of a limb beside its bone, and its half width, from the person's outline.

    Where the limb touches the body on one side, the outline of the other side and the `usual` half width tell; where
    on both, the bone does.
    """
    axes, length = bone_frame(start, end)
    along = np.linspace(0.2, 0.9, 8) * length
    across = np.arange(-3 * usual, 3 * usual + 1)
    at = start + along[:, None, None] * axes[0] + across[:, None] * axes[1]
    inside = cv2.remap(mask, at.astype(np.float32), None, cv2.INTER_LINEAR) > 0.5
    slices = [(u, *found) for u, row in zip(along, inside, strict=True) if (found := _slice(row, across, usual))]
    if len(slices) < 4:
        return np.array([start, end]), usual
    known, offset, half = np.array(slices).T
    ends = np.polyval(np.polyfit(known, offset, 1), [0, length]).clip(-usual, usual)
    return np.array([start + ends[0] * axes[1], end + ends[1] * axes[1]]), float(
        np.median(half).clip(0.7 * usual, 1.5 * usual)
    )


def _slice(inside: np.ndarray, across: np.ndarray, usual: float) -> tuple[float, float] | None:
    """Middle and half width of one slice through a limb; None when its bone runs outside the person there."""
    if np.interp(0, across, inside) <= 0.5:
        return None
    outside = across[~inside]
    low = max(outside[outside < 0], default=-np.inf)
    high = min(outside[outside > 0], default=np.inf)
    if high - low <= 2.6 * usual:
        return (low + high) / 2, (high - low) / 2
    if min(high, -low) > 2 * usual:
        return 0.0, usual
    return (high - usual if high < -low else low + usual), usual


def bone_frame(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, float]:
    """Rows = unit vectors along and across the bone, `[2, 2]`, and its length; a bone without length points down."""
    along = end - start
    length = float(np.linalg.norm(along))
    along = along / length if length > 1e-6 else np.array([0.0, 1.0])
    return np.array([along, [-along[1], along[0]]]), length


def pixel_grid(hw: HW, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x `[W]` and y `[H, 1]` of every pixel relative to `origin`, float32."""
    x = np.arange(hw[1], dtype=np.float32) - np.float32(origin[0])
    y = np.arange(hw[0], dtype=np.float32)[:, None] - np.float32(origin[1])
    return x, y


def bone_coordinates(hw: HW, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance along the bone from its start and across it, for every pixel: float32 `[2, H, W]`."""
    axes, _ = bone_frame(start, end)
    x, y = pixel_grid(hw, start)
    return np.stack([axis[0] * x + axis[1] * y for axis in axes.astype(np.float32)])


def distance_to(hw: HW, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the line from `start` to `end`: float32 `[H, W]`."""
    along, across = bone_coordinates(hw, start, end)
    return np.hypot(along - along.clip(0, np.linalg.norm(end - start)), across)


def disc(hw: HW, centre: np.ndarray, radius: float) -> np.ndarray:
    """1 around `centre`, falling to 0 between 0.7 and 1 `radius`: float32 `[H, W]`."""
    return 1 - smoothstep(np.hypot(*pixel_grid(hw, centre)), 0.7 * radius, radius)


def closed(region: np.ndarray, radius: int) -> np.ndarray:
    """Fill gaps and bays of a bool region `[H, W]` narrower than twice `radius`; the border is no edge of it."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    height, width = region.shape
    padded = cv2.morphologyEx(np.pad(region.astype(np.uint8), radius), cv2.MORPH_CLOSE, kernel)
    return padded[radius : radius + height, radius : radius + width] > 0


def lab(image: np.ndarray) -> np.ndarray:
    """RGB uint8 `[H, W, 3]` as 8-bit Lab, in float32."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)


def colour_distance(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """0 for `colour` (8-bit Lab), 1 for colours that might just be the same material in other light: `[H, W]`."""
    return np.linalg.norm((lab(image) - colour) / (60, 12, 12), axis=-1)


def shares(image: np.ndarray, mask: np.ndarray, body: np.ndarray, bones: list[Bone], hands: list[np.ndarray]):
    """How much each limb and hand owns each pixel: float32 `[len(bones) + len(hands), H, W]`; the rest is the trunk's.

    The nearest part in units of its own reach wins. Where a limb and the trunk are about as near, the border between
    them runs along the picture's edges (watershed). hands: bool `[H, W]` each.
    """
    hw = mask.shape
    costs = [_limb_cost(hw, bone) for bone in bones] + [np.where(hand, -1, np.inf) for hand in hands]
    if not costs:
        return np.zeros((0, *hw), np.float32)
    nearer = TRUNK_COST + distance_to_trunk(hw, body) / TRUNK_REACH - np.min(costs, 0)
    markers = np.where(nearer > 0, 1, 2).astype(np.int32)
    markers[abs(nearer) < CONTESTED] = 0
    markers[mask < 0.05] = 3
    cv2.watershed(cv2.GaussianBlur(image, (0, 0), 1.0), markers)
    limb = np.where(np.isin(markers, (1, 2)), markers == 1, nearer > 0)
    limb = cv2.GaussianBlur(limb.astype(np.float32), (0, 0), max(0.018 * body_unit(body), 0.5))
    owner = np.argmin(costs, 0)
    for k, bone in enumerate(bones):
        for n, lower in enumerate(bones):
            if lower.joints[0] == bone.joints[1] and points_at_camera(lower, bone):
                owner[(owner == k) & _past_end(hw, bone)] = n
    return np.stack([limb * cv2.GaussianBlur((owner == k).astype(np.float32), (0, 0), 1.0) for k in range(len(costs))])


def _past_end(hw: HW, bone: Bone) -> np.ndarray:
    """bool `[H, W]`: clearly past the end of a bone, where only a lower limb that points at the camera can be."""
    return bone_coordinates(hw, bone.start, bone.end)[0] > bone.length + 0.5 * bone.half_width


def _limb_cost(hw: HW, bone: Bone) -> np.ndarray:
    along, across = bone_coordinates(hw, *bone.axis)
    beyond = along - along.clip(0, np.linalg.norm(bone.axis[1] - bone.axis[0]))
    if bone.is_root:  # what lies beyond shoulder and hip is rather the trunk's
        beyond = np.where(beyond < 0, 2 * beyond, beyond)
    return np.hypot(beyond, across) / (LIMB_REACH * bone.half_width)


def distance_to_trunk(hw: HW, body: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the outline that the joints give trunk and head, in body units: float32 `[H, W]`."""
    outline = np.ones(hw, np.uint8)
    for polygon in _trunk_outline(body):
        cv2.fillConvexPoly(outline, cv2.convexHull(polygon.round().astype(np.int32)), 0)
    return cv2.distanceTransform(outline, cv2.DIST_L2, 5) / max(body_unit(body), 1)


def _trunk_outline(body: np.ndarray) -> Iterator[np.ndarray]:
    """Polygons `[N, 2]` of chest and head. Hip joints lie well inside the body, so they are moved outwards."""
    shoulders, hips, unit = body[[2, 5]], body[[8, 11]], body_unit(body)
    if np.isnan(hips).any():
        axes, _ = bone_frame(*shoulders)
        hips = shoulders.mean(0) + 0.7 * (shoulders - shoulders.mean(0)) + 1.4 * unit * axes[1]
    if np.isfinite(shoulders).all():
        yield np.concatenate([shoulders, hips.mean(0) + 1.35 * (hips - hips.mean(0))])
    face = body[list(HEAD)]
    face = face[np.isfinite(face).all(1)]
    if len(face):
        yield face.mean(0) + 0.3 * unit * np.array([[-1, -1.2], [1, -1.2], [1, 1.2], [-1, 1.2]])
