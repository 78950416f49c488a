"""The reference photo cut into layers that can be moved one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from apvgen.draft import hands, regions
from apvgen.draft.fill import spread_colour
from apvgen.draft.geometry import smoothstep
from apvgen.draft.regions import Bone
from apvgen.types import HW

SOLID = 0.9
"""A pixel at least this much the person's shows the person's own colour."""

BEYOND = (0.3, 0.15)
"""How far a part that the photo cuts off is continued past the lower edge and the sides, in photo heights, widths."""

FORESHORTENED = 0.45
"""A lower limb shorter than this share of its upper limb points at the camera: its picture cannot be stretched."""
BORROWED = 0.35
"""Share of the upper limb's length that stands in for such a lower limb."""
TAPER = 0.7
"""Width of a stand-in at its end against its start."""


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


def cut(photo: Photo) -> Cutout:
    """Cut the person into trunk, limbs and hands. A part whose points are missed stays with its neighbour."""
    bones = regions.find_bones(photo.body, photo.mask)
    found = _find_hands(photo, bones)
    shares = regions.shares(photo.image, photo.mask, photo.body, bones, list(found.values()))
    limb_shares, hand_shares = shares[: len(bones)], dict(zip(found, shares[len(bones) :], strict=True))
    held = sum(hand_shares.values(), np.zeros_like(photo.mask))
    limbs: dict[int, LimbSprite] = {}
    for k, bone in enumerate(bones):
        cover = _limb_cover(photo, bones, limb_shares, k, held)
        sprite = _make_sprite(photo, cover, (cover > 0.5) & (held < 0.1))
        if sprite is not None:
            stand_in = _stand_in(bones, limbs, k, limb_shares)
            limbs[k] = LimbSprite(_continued(sprite, photo.mask.shape, False), bone, bone.start, bone.end, stand_in)
    hand_sprites = {side: _cut_hand(photo, side, share) for side, share in hand_shares.items()}
    return Cutout(
        _cut_trunk(photo, bones, limb_shares, held),
        tuple(limbs.values()),
        {side: sprite for side, sprite in hand_sprites.items() if sprite is not None},
    )


def _find_hands(photo: Photo, bones: list[Bone]) -> dict[int, np.ndarray]:
    """side -> the pixels of that hand, for hands on a known forearm."""
    skin = _skin_colour(photo)
    found = {}
    for side, wrist in enumerate(hands.WRISTS):
        forearm = next((bone for bone in bones if bone.joints[1] == wrist), None)
        if forearm is None:
            continue
        if hands.is_known(photo.hands[side]):
            found[side] = hands.detected_hand(photo.image, photo.mask, photo.hands[side])
        elif skin is not None:
            found[side] = hands.skin_hand(photo.image, photo.mask, forearm, photo.unit, skin)
    return {side: hand for side, hand in found.items() if hand.any()}


def _skin_colour(photo: Photo) -> np.ndarray | None:
    """8-bit Lab colour of the face, float `[3]`; None without a face in the picture."""
    if np.isnan(photo.mesh).any():
        return None
    inside = np.zeros(photo.mask.shape, np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(photo.mesh.round().astype(np.int32)), 1)
    pixels = photo.image[inside > 0]
    return np.median(regions.lab(pixels[None])[0], 0) if len(pixels) else None


def _cut_hand(photo: Photo, side: int, share: np.ndarray) -> Sprite | None:
    cover, points = owned(share), photo.hands[side]
    if hands.is_known(points):
        cover = cover * hands.wrist_fade(share.shape, points)
    return _make_sprite(photo, cover, share > 0.5)


def _cut_trunk(photo: Photo, bones: list[Bone], shares: np.ndarray, held: np.ndarray) -> Sprite:
    hw, unit = photo.mask.shape, photo.unit
    away = held.copy()
    for bone, share in zip(bones, shares, strict=True):
        away += share * (1 - _root_overlap(bone, hw, unit))
    cover = owned(1 - away)
    own = _inner((cover > 0.9) & (held < 0.1) & (photo.mask >= SOLID), 1)
    behind_arms = regions.closed(own, int(0.22 * unit)) & (regions.distance_to_trunk(hw, photo.body) < 0.1)
    cover = np.maximum(cover, cv2.GaussianBlur(behind_arms.astype(np.float32), (0, 0), 2))
    rgb = spread_colour(photo.image, own.astype(np.float32))
    return _continued(Sprite(np.dstack([rgb, _to_byte(cover * photo.mask)]), (0, 0)), hw, sides=True)


def _root_overlap(bone: Bone, hw: HW, unit: float) -> np.ndarray | float:
    """What the trunk keeps of a limb that is joined to it, so that no gap opens when the limb turns: `[H, W]`."""
    if not bone.is_root:
        return 0.0
    along = regions.bone_coordinates(hw, bone.start, bone.end)[0]
    if bone.is_arm:
        return regions.disc(hw, bone.start, 2 * bone.half_width) * (1 - smoothstep(along, 0, 0.5 * bone.half_width))
    return 1 - smoothstep(along, 0.1 * unit, 0.45 * unit)


def _limb_cover(photo: Photo, bones: list[Bone], shares: np.ndarray, index: int, held: np.ndarray) -> np.ndarray:
    """Cover of a limb: its share, what hands hide of it, and a disc of its neighbours about their common joints."""
    bone, hw = bones[index], photo.mask.shape
    neighbours = [
        (bone.start if bone.joints[0] in other.joints else bone.end, share)
        for other, share in zip(bones, shares, strict=True)
        if other is not bone and set(bone.joints) & set(other.joints)
    ]
    along = regions.bone_coordinates(hw, bone.start, bone.end)[0]
    if bone.is_root:
        trunk = 1 - shares.sum(0) - held
        neighbours.append((bone.start, trunk * (along < 0.3 * bone.half_width)))
    cover = _main_piece(owned(shares[index]), photo.mask, bone, 0.02 * photo.unit)
    hidden = 1 - smoothstep(regions.distance_to(hw, *bone.axis) / bone.half_width, 0.6, 0.9)
    cover = np.maximum(cover, owned(held) * hidden)
    for joint, share in neighbours:
        cover = np.maximum(cover, regions.disc(hw, joint, 1.1 * bone.half_width) * owned(share))
    if not bone.is_root:
        behind_joint = 1 - smoothstep(along, -bone.half_width, 0.3 * bone.half_width)
        return cover * (1 - behind_joint * regions.disc(hw, bone.start, 1.5 * bone.half_width))
    return cover if bone.is_arm else np.maximum(cover, _crotch(bones, shares, index, 0.2 * photo.unit))


def _crotch(bones: list[Bone], shares: np.ndarray, index: int, reach: float) -> np.ndarray:
    """What a thigh borrows from the other one where they touch, so that skirts and trousers do not split: `[H, W]`."""
    other = [share for k, share in enumerate(shares) if bones[k].is_root and not bones[k].is_arm and k != index]
    wide = cv2.blur(shares[index], (2 * int(reach) + 1, 1))
    return smoothstep(wide, 0.1, 0.3) * owned(other[0]) if other else np.zeros_like(wide)


def _main_piece(cover: np.ndarray, mask: np.ndarray, bone: Bone, width: float) -> np.ndarray:
    """The cover about the limb's bone, without left-overs beside other parts' edges: loose ones and those thinner than
    about twice `width` pixels. Where a hand hides all of the bone, the largest piece."""
    size = 2 * max(int(width), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    core = cv2.morphologyEx((cover * mask > 0.5).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    _, pieces, sizes, _ = cv2.connectedComponentsWithStats(core)
    about = pieces[regions.distance_to(mask.shape, *bone.axis) < 0.5 * bone.half_width]
    largest = 1 + np.argsort(sizes[1:, cv2.CC_STAT_AREA])[-1:]
    core = np.isin(pieces, about[about > 0] if about.any() else largest)
    return cover * cv2.dilate(core.astype(np.uint8), np.ones((5, 5)))


def _stand_in(bones: list[Bone], limbs: dict[int, LimbSprite], index: int, shares: np.ndarray) -> LimbSprite | None:
    """The stand-in for a lower limb that points at the camera, from its upper limb; None where none is needed."""
    bone = bones[index]
    upper = next((k for k in limbs if bones[k].joints[1] == bone.joints[0]), None)
    if upper is None or bone.length > FORESHORTENED * bones[upper].length:
        return None
    return borrow(limbs[upper].sprite, bones[upper], bone, shares[upper])


def borrow(picture: Sprite, upper: Bone, bone: Bone, share: np.ndarray) -> LimbSprite:
    """A picture of the lower limb `bone` made of a part of the upper limb that nothing hides, tapered.

    picture, share: the upper limb's sprite and its share of the photo. The result has pixels of its own, its bone runs
    down the middle.
    """
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
    cover = 1 - smoothstep(np.hypot(x, y - y.clip(0, length)), width - 1.5, width + 0.5)
    return LimbSprite(Sprite(np.dstack([rgb, _to_byte(cover)]), (0, 0)), bone, start, start + np.array([0, length]))


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


def _make_sprite(photo: Photo, cover: np.ndarray, own: np.ndarray) -> Sprite | None:
    """Crop to where there is cover; colours are the part's own, spread beyond its edges. None when nothing is left."""
    cover = cover * photo.mask
    rows, columns = np.flatnonzero((cover > 0.02).any(1)), np.flatnonzero((cover > 0.02).any(0))
    if not len(rows):
        return None
    margin = 2
    top, left = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    window = np.s_[top : rows[-1] + margin + 1, left : columns[-1] + margin + 1]
    own = _inner(own[window] & (photo.mask[window] >= SOLID), 2)
    rgb = spread_colour(photo.image[window], own.astype(np.float32)) if own.any() else photo.image[window]
    return Sprite(np.dstack([rgb, _to_byte(cover[window])]), (int(left), int(top)))


def _continued(sprite: Sprite, hw: HW, sides: bool) -> Sprite:
    """The sprite, continued by its mirror image where the photo's lower edge (and its sides) cut it off."""
    height, width = sprite.rgba.shape[:2]
    at_bottom = sprite.corner[1] + height >= hw[0]
    down = min(int(BEYOND[0] * hw[0]), height - 1) if at_bottom else 0
    side = min(int(BEYOND[1] * hw[1]), width - 1) if sides else 0
    rgba = cv2.copyMakeBorder(sprite.rgba, 0, down, side, side, cv2.BORDER_REFLECT_101)
    return Sprite(rgba, (sprite.corner[0] - side, sprite.corner[1]))


def _inner(region: np.ndarray, margin: int) -> np.ndarray:
    """A bool region without its outermost `margin` pixels, whose colours are mixed with the neighbour's."""
    return cv2.erode(region.astype(np.uint8), np.ones((2 * margin + 1,) * 2)) > 0


def owned(share: np.ndarray) -> np.ndarray:
    """Cover of a part from its share: full from one half on, so that two neighbours leave no gap between them."""
    return smoothstep(share, 0.3, 0.5)


def _to_byte(share: np.ndarray) -> np.ndarray:
    return np.rint(share * 255).clip(0, 255).astype(np.uint8)
