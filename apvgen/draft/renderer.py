"""A fast picture of the result on a CPU: the reference photo, bent into the target pose. A draft, not the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from apvgen.draft import hands, skeleton
from apvgen.draft.cut import cut
from apvgen.draft.face import FaceSheet, mesh_map
from apvgen.draft.fill import fill_background
from apvgen.draft.geometry import invert, scale_of, smoothstep, transform
from apvgen.draft.layers import PlacedLimb, blend, draw_limb, draw_sprite, upsampled
from apvgen.draft.mouth import MouthInside
from apvgen.draft.sprites import Photo
from apvgen.keypoints.mask import person_mask
from apvgen.keypoints.mesh import face_triangles
from apvgen.types import HW, Motion, Reference

CHIN = 152
CERTAIN = 0.5
"""Least score of a joint in the photo: what the detector only guesses is not there to be cut out."""
BODY_SCALE = (0.5, 2.0)
"""Bounds on the width of limbs against the photo."""
ROOT_REACH = 0.25
"""How far, in body units, the trunk follows a shoulder or hip that its own map misses."""
NECK = (0.25, 1.0)
"""Between these heights, from the neck joint to the chin, the trunk's motion turns into the head's."""
EXTREMELY_LONG = (1.3, 1.8)
"""Between these stretches of a limb that points at the camera, its stand-in takes over."""


@dataclass(frozen=True)
class TargetPose:
    """Where everything goes, in output pixels.

    joints: `[18, 2]`; hands: `[2, 21, 2]`; mesh: `[468, 2]`, or None when the reference has no face; trunk, head: maps
    photo -> output `[2, 3]`; width: scale of the body.
    """

    joints: np.ndarray
    hands: np.ndarray
    mesh: np.ndarray | None
    trunk: np.ndarray
    head: np.ndarray
    width: float


class DraftRenderer:
    """Draws drafts of one reference person. Everything that no pose changes is computed once, here."""

    def __init__(self, reference: Reference) -> None:
        self.hw: HW = reference.hw
        motion = reference.motion
        hand_points = skeleton.points_at(motion.hands, 0)
        body = skeleton.with_wrists(skeleton.points_at(motion.body, 0, CERTAIN), hand_points)
        mesh = skeleton.points_at(motion.face, 0)[:468]
        mask = reference.mask if reference.mask is not None else person_mask(reference.image, body)
        self._photo = Photo(reference.image, mask, body, hand_points, mesh)
        self._background = fill_background(reference.image, mask)
        self._cutout = cut(self._photo)
        has_face = np.isfinite(mesh).all()
        self._face = FaceSheet(mesh, face_triangles()) if has_face else None
        self._mouth = MouthInside(reference.image, mesh) if has_face else None

    def frames(self, motion: Motion) -> Iterator[np.ndarray]:
        """One draft for each frame of `motion`."""
        return (self.render(motion, t) for t in range(len(motion)))

    def render(self, motion: Motion, t: int) -> np.ndarray:
        """Frame `t` of a motion in output pixels, as RGB uint8 `[H, W, 3]`.

        Missed points are bridged in time or put where the reference's proportions say; without any, the person stays
        as in the photo. Raises ValueError when the motion is meant for another size of picture.
        """
        if motion.hw != self.hw:
            raise ValueError(f"the motion is for pictures of {motion.hw}, the reference has {self.hw}")
        pose = self._target(motion, t)
        canvas = self._background.copy()
        self._draw_limbs(canvas, pose, arms=False)
        self._draw_trunk(canvas, pose)
        self._draw_limbs(canvas, pose, arms=True)
        for side, sprite in self._cutout.hands.items():
            draw_sprite(canvas, sprite, self._hand_map(side, pose))
        return canvas

    def _target(self, motion: Motion, t: int) -> TargetPose:
        reference = self._photo.body
        body, hand_points = skeleton.body_at(motion.body, t), skeleton.hands_at(motion.hands, t)
        trunk = skeleton.trunk_map(reference, body)
        joints = skeleton.with_wrists(skeleton.complete(reference, body, trunk), hand_points)
        width = float(np.clip(scale_of(trunk), *BODY_SCALE))
        if self._face is None:
            return TargetPose(joints, hand_points, None, trunk, skeleton.head_map(reference, body, trunk), width)
        mesh = skeleton.points_at(motion.face, t)[:468]
        if np.isfinite(mesh).all():
            return TargetPose(joints, hand_points, mesh, trunk, mesh_map(self._face.mesh, mesh), width)
        head = skeleton.head_map(reference, body, trunk)
        return TargetPose(joints, hand_points, transform(head, self._face.mesh), trunk, head, width)

    def _draw_trunk(self, canvas: np.ndarray, pose: TargetPose) -> None:
        around = partial(self._behind_core, pose)
        source = upsampled(around, np.zeros(2, int), np.array(self.hw[::-1]))
        patch = None if pose.mesh is None else self._face.patch(pose.mesh, pose.head, around, self.hw)
        if patch is not None:
            source[patch.window][patch.inside] = patch.source[patch.inside]
        trunk = self._cutout.trunk
        source -= np.array(trunk.corner, np.float32)
        blend(canvas, cv2.remap(trunk.rgba, source, None, cv2.INTER_LINEAR), (0, 0))
        if pose.mesh is not None:
            self._mouth.draw(canvas, pose.mesh, pose.head)

    def _behind_trunk(self, pose: TargetPose, xy: np.ndarray) -> np.ndarray:
        """Photo pixels of the output points `[..., 2]` on the trunk, which is bent to end at shoulders and hips."""
        moved, reach = np.array(xy, float), ROOT_REACH * self._photo.unit * pose.width
        for root in skeleton.TRUNK:
            rest = pose.joints[root] - transform(pose.trunk, self._photo.body[root])
            if np.isfinite(rest).all():
                near = np.exp(-((xy - pose.joints[root]) ** 2).sum(-1) / (2 * reach**2 + 1e-9))
                moved -= near[..., None] * rest
        return transform(invert(pose.trunk), moved)

    def _behind_core(self, pose: TargetPose, xy: np.ndarray) -> np.ndarray:
        """Photo pixels of the output points `[..., 2]`: trunk and head, blended along the neck."""
        neck = self._photo.body[skeleton.NECK]
        chin = self._face.mesh[CHIN] if self._face is not None else self._photo.body[skeleton.NOSE]
        trunk, head = self._behind_trunk(pose, xy), transform(invert(pose.head), xy)
        if np.isnan(neck).any() or np.isnan(chin).any():
            return head
        low, high = transform(pose.trunk, neck), transform(pose.head, chin)
        # The trunk's own direction, not the neck's: where a head leans, the shoulder beside it does not follow.
        up = transform(pose.trunk, neck + np.array([0, -1])) - low
        share = smoothstep((xy - low) @ up / max((high - low) @ up, 1e-6), *NECK)[..., None]
        return trunk * (1 - share) + head * share

    def _draw_limbs(self, canvas: np.ndarray, pose: TargetPose, arms: bool) -> None:
        for limb in (limb for limb in self._cutout.limbs if limb.bone.is_arm is arms):
            place = PlacedLimb(limb, *pose.joints[list(limb.bone.joints)], pose.width)
            before = partial(self._behind_core, pose) if limb.bone.is_root else None
            if limb.stand_in is None:
                draw_limb(canvas, place, before)
                continue
            stretch = np.linalg.norm(place.end - place.start) / max(pose.width * limb.bone.length, 1e-6)
            borrowed = float(smoothstep(stretch, *EXTREMELY_LONG))
            draw_limb(canvas, place, before, 1 - borrowed)
            draw_limb(canvas, PlacedLimb(limb.stand_in, place.start, place.end, pose.width), None, borrowed)

    def _hand_map(self, side: int, pose: TargetPose) -> np.ndarray:
        own, wrist = self._photo.hands[side], hands.WRISTS[side]
        if hands.is_known(own) and hands.is_known(pose.hands[side]):
            return hands.palm_map(own, pose.hands[side], pose.width)
        arm = [wrist - 1, wrist]
        return hands.forearm_map(self._photo.body[arm], pose.joints[arm], self._photo.body[wrist], pose.width)
