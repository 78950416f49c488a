"""Cutting the person in a photo into layers that can be moved one by one."""

from __future__ import annotations

import cv2
import numpy as np

from apvgen.draft import hands, regions
from apvgen.draft.fill import spread_colour
from apvgen.draft.geometry import smoothstep
from apvgen.draft.regions import Bone
from apvgen.draft.sprites import SOLID, Cutout, LimbSprite, Photo, Sprite, continued, inner, make_sprite, owned, to_byte
from apvgen.draft.stand_in import borrow
from apvgen.types import HW


def cut(photo: Photo) -> Cutout:
    """Cut the person into trunk, limbs and hands. A part whose points are missed stays with its neighbour."""
    bones = regions.find_bones(photo.body, photo.mask)
    found = _find_hands(photo, bones)
    shares = regions.shares(photo.image, photo.mask, photo.body, bones, list(found.values()))
    limb_shares, hand_shares = shares[: len(bones)], dict(zip(found, shares[len(bones) :], strict=True))
    held = sum(hand_shares.values(), np.zeros_like(photo.mask))
    hand_sprites = {side: _cut_hand(photo, side, share) for side, share in hand_shares.items()}
    return Cutout(
        _cut_trunk(photo, bones, limb_shares, held),
        _cut_limbs(photo, bones, limb_shares, held, hand_shares),
        {side: sprite for side, sprite in hand_sprites.items() if sprite is not None},
    )


def _cut_limbs(
    photo: Photo, bones: list[Bone], shares: np.ndarray, held: np.ndarray, hand_shares: dict[int, np.ndarray]
) -> tuple[LimbSprite, ...]:
    limbs: dict[int, LimbSprite] = {}
    for k, bone in enumerate(bones):
        cover = _limb_cover(photo, bones, shares, k, held)
        sprite = make_sprite(photo, cover, (cover > 0.5) & (held < 0.1))
        if sprite is None:
            continue
        upper = next((n for n in limbs if bones[n].joints[1] == bone.joints[0]), None)
        stand_in = None
        if upper is not None and regions.points_at_camera(bone, bones[upper]):
            stand_in = borrow(limbs[upper], shares[upper], bone, _hand_colour(photo, bone, hand_shares))
        limbs[k] = LimbSprite(continued(sprite, photo.mask.shape, False), bone, bone.start, bone.end, stand_in)
    return tuple(limbs.values())


def _hand_colour(photo: Photo, bone: Bone, hand_shares: dict[int, np.ndarray]) -> np.ndarray | None:
    """RGB of the hand at the end of a forearm, float `[3]`; None without one in the picture."""
    for side, share in hand_shares.items():
        if hands.WRISTS[side] == bone.joints[1] and (share > 0.9).any():
            return np.median(photo.image[share > 0.9], 0)
    return None


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
    return make_sprite(photo, cover, share > 0.5)


def _cut_trunk(photo: Photo, bones: list[Bone], shares: np.ndarray, held: np.ndarray) -> Sprite:
    hw, unit = photo.mask.shape, photo.unit
    kept = sum((s * _root_overlap(bone, hw, unit) for bone, s in zip(bones, shares, strict=True)), np.zeros_like(held))
    away = held + shares.sum(0) - kept
    from_trunk = regions.distance_to_trunk(hw, photo.body)
    cover = _connected(owned(1 - away), photo.mask, from_trunk == 0, 1)
    own = (inner(cover > 0.9, 2) | (kept > 0.02)) & (held < 0.1) & (photo.mask >= SOLID)
    behind_arms = regions.closed(own, int(0.22 * unit)) & (from_trunk < 0.2) & (away > 0.1)
    cover = np.maximum(cover, cv2.GaussianBlur(behind_arms.astype(np.float32), (0, 0), 2))
    rgb = spread_colour(photo.image, own.astype(np.float32))
    return continued(Sprite(np.dstack([rgb, to_byte(cover * photo.mask)]), (0, 0)), hw, sides=True)


def _root_overlap(bone: Bone, hw: HW, unit: float) -> np.ndarray | float:
    """What the trunk keeps of a limb that is joined to it, so that no gap opens when the limb turns: `[H, W]`."""
    if not bone.is_root:
        return 0.0
    along = regions.bone_coordinates(hw, bone.start, bone.end)[0]
    if bone.is_arm:
        cap = 1 - smoothstep(along / bone.half_width, -0.3, 0.1)
        return cap * regions.disc(hw, bone.start, 2 * bone.half_width)
    return 1 - smoothstep(along, 0.1 * unit, 0.45 * unit)


def _limb_cover(photo: Photo, bones: list[Bone], shares: np.ndarray, index: int, held: np.ndarray) -> np.ndarray:
    """Cover of a limb: its share, what hands hide of it, and a disc of its neighbours about their common joints."""
    bone, hw = bones[index], photo.mask.shape
    neighbours = [
        (bone.start if bone.joints[0] in other.joints else bone.end, 1.3, share)
        for other, share in zip(bones, shares, strict=True)
        if other is not bone and set(bone.joints) & set(other.joints)
    ]
    along = regions.bone_coordinates(hw, bone.start, bone.end)[0]
    if bone.is_root:
        trunk = 1 - shares.sum(0) - held
        neighbours.append((bone.start, 1.1, trunk * (along < 0.3 * bone.half_width)))
    middle = regions.distance_to(hw, *bone.axis) / bone.half_width
    cover = _connected(owned(shares[index]), photo.mask, middle < 0.5, 0.02 * photo.unit)
    around_hands = regions.closed(cover * photo.mask > 0.5, int(0.15 * photo.unit))
    cover = np.maximum(cover, owned(held) * np.maximum(around_hands, 1 - smoothstep(middle, 0.6, 0.9)))
    for joint, reach, share in neighbours:
        cover = np.maximum(cover, regions.disc(hw, joint, reach * bone.half_width) * owned(share))
    if not bone.is_root:
        behind_joint = 1 - smoothstep(along, -bone.half_width, 0.3 * bone.half_width)
        return cover * (1 - behind_joint * regions.disc(hw, bone.start, 1.5 * bone.half_width))
    return cover if bone.is_arm else np.maximum(cover, _crotch(bones, shares, index, 0.2 * photo.unit))


def _crotch(bones: list[Bone], shares: np.ndarray, index: int, reach: float) -> np.ndarray:
    """What a thigh borrows from the other one where they touch, so that skirts and trousers do not split: `[H, W]`."""
    other = [share for k, share in enumerate(shares) if bones[k].is_root and not bones[k].is_arm and k != index]
    wide = cv2.blur(shares[index], (2 * int(reach) + 1, 1))
    return smoothstep(wide, 0.1, 0.3) * owned(other[0]) if other else np.zeros_like(wide)


def _connected(cover: np.ndarray, mask: np.ndarray, anchor: np.ndarray, width: float) -> np.ndarray:
    """The cover that hangs together with `anchor` (bool `[H, W]`), without left-overs beside other parts' edges: loose
    pieces and those thinner than about twice `width` pixels. Where a hand hides all of `anchor`, the largest piece."""
    size = 2 * max(int(width), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    core = cv2.morphologyEx((cover * mask > 0.5).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    _, pieces, sizes, _ = cv2.connectedComponentsWithStats(core)
    about = pieces[anchor]
    largest = 1 + np.argsort(sizes[1:, cv2.CC_STAT_AREA])[-1:]
    core = np.isin(pieces, about[about > 0] if about.any() else largest)
    return cover * cv2.dilate(core.astype(np.uint8), np.ones((7, 7)))
