"""From moves and a build to joints in space: forward kinematics of trunk, arms and hands, inverse of the legs.

Coordinates: shares of stature, x right in the picture, y down, z away from the camera; origin on the floor between the
feet. Sides come as the person's right (left in the picture), then left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from train.gesture import hand_in_space
from train.synthetic.moves import Moves
from train.synthetic.people import Build

SIDES = np.array([-1, 1])
ANKLE_HEIGHT = 0.034
STANDING_BEND = 0.985
"""Share of the legs' full length at which the hips stand over the ankles."""
NECK = 0.055
"""From between the shoulders to the base of the skull."""
_SHOULDER_DROP = 0.02
_KNEE_OUT = 0.5
"""Knees bend forward and so much outwards."""
FOOT = 0.062


@dataclass(frozen=True)
class Skeleton:
    """All float64, `[T, ...]`. Rotations act on column vectors.

    hips, knees, ankles, toes, shoulders, elbows, wrists: `[T, 2, 3]`; pelvis, neck, skull: `[T, 3]` (middle of the
    hips, middle of the shoulders, base of the skull); hands: `[T, 2, 21, 3]`; pelvis_turn, chest_turn, head_turn:
    `[T, 3, 3]`.
    """

    pelvis: np.ndarray
    neck: np.ndarray
    skull: np.ndarray
    hips: np.ndarray
    knees: np.ndarray
    ankles: np.ndarray
    toes: np.ndarray
    shoulders: np.ndarray
    elbows: np.ndarray
    wrists: np.ndarray
    hands: np.ndarray
    pelvis_turn: np.ndarray
    chest_turn: np.ndarray
    head_turn: np.ndarray


def leg_length(build: Build) -> float:
    """From the floor to the hips of somebody who stands."""
    return ANKLE_HEIGHT + STANDING_BEND * (build.thigh + build.shin)


def pose(build: Build, moves: Moves) -> Skeleton:
    """The skeleton of a build that makes moves."""
    pelvis_turn, chest_turn, head_turn = (turns(angles) for angles in (moves.pelvis, moves.chest, moves.head))
    pelvis = moves.hips_at + np.array([0, -leg_length(build), 0])
    spine = turns((moves.pelvis + moves.chest) / 2)
    neck = pelvis + spine @ [0, -build.torso, 0]
    skull = neck + (0.5 * chest_turn + 0.5 * head_turn) @ [0, -NECK, 0]
    hips = pelvis[:, None] + _both(pelvis_turn, build.hips, 0.0)
    shoulders = neck[:, None] + _both(chest_turn, build.shoulders, _SHOULDER_DROP)
    shoulders[..., 1] -= moves.shrug
    knees, ankles = _legs(hips, moves, build)
    elbows, wrists, hands = _arms(shoulders, chest_turn, moves.arms, build)
    outwards = np.radians(moves.toes * SIDES + moves.pelvis[:, :1])
    toes = ankles + FOOT * np.stack([np.sin(outwards), np.zeros_like(outwards), -np.cos(outwards)], -1)
    return Skeleton(
        pelvis, neck, skull, hips, knees, ankles, toes, shoulders, elbows, wrists, hands,
        pelvis_turn, chest_turn, head_turn,
    )  # fmt: skip


def turns(angles: np.ndarray) -> np.ndarray:
    """`[T, 3, 3]` from (yaw, pitch, roll) in degrees `[T, 3]` (see `Moves`)."""
    yaw, pitch, roll = angles.T
    return Rotation.from_euler("YXZ", np.stack([-yaw, pitch, roll], -1), degrees=True).as_matrix()


def _both(turn: np.ndarray, half_width: float, drop: float) -> np.ndarray:
    return np.einsum("tij,sj->tsi", turn, np.array([[side * half_width, drop, 0] for side in SIDES]))


def _legs(hips: np.ndarray, moves: Moves, build: Build) -> tuple[np.ndarray, np.ndarray]:
    """Knees and ankles; an ankle that is out of reach is pulled up to it."""
    ankles = moves.feet + np.array([[side * build.hips, -ANKLE_HEIGHT, 0] for side in SIDES])
    down = ankles - hips
    reach = np.linalg.norm(down, axis=-1, keepdims=True)
    longest = 0.999 * (build.thigh + build.shin)
    down *= np.minimum(1, longest / reach)
    length = np.minimum(reach, longest)
    along = down / length
    pole = np.stack([SIDES * _KNEE_OUT, np.zeros(2), -np.ones(2)], -1)
    pole = pole - (pole * along).sum(-1, keepdims=True) * along
    pole /= np.linalg.norm(pole, axis=-1, keepdims=True)
    near = (build.thigh**2 - build.shin**2 + length**2) / (2 * length)
    out = np.sqrt(np.maximum(build.thigh**2 - near**2, 0))
    return hips + near * along + out * pole, hips + down


def _arms(
    shoulders: np.ndarray, chest: np.ndarray, arms: np.ndarray, build: Build
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    upper, upper_forward, fore, fore_forward, wrist, palm, curl, spread = np.moveaxis(np.radians(arms), -1, 0)
    elbow = build.upper_arm * _direction(upper, upper_forward)
    wrist_at = elbow + build.forearm * _direction(fore, fore_forward)
    along = _direction(fore + wrist, fore_forward)
    thumb = _direction(fore + wrist - np.pi / 2, np.zeros_like(fore))
    out = np.cross(thumb, along)
    cos, sin = np.cos(palm)[..., None], np.sin(palm)[..., None]
    axes = np.stack([along, cos * thumb + sin * out, cos * out - sin * thumb], -2)
    flat = curl.reshape(-1), spread.reshape(-1)
    shape = hand_in_space(*flat).reshape(*curl.shape, 21, 3)
    hands = wrist_at[:, :, None] + build.hand * np.einsum("tsnk,tskj->tsnj", shape, axes)
    joints = np.concatenate([np.stack([elbow, wrist_at], 2), hands], 2)
    joints[:, 1, :, 0] *= -1
    placed = shoulders[:, :, None] + np.einsum("tij,tsnj->tsni", chest, joints)
    return placed[:, :, 0], placed[:, :, 1], placed[:, :, 2:]


def _direction(angle: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Unit vectors of a right arm (see `moves.ARM`)."""
    flat = np.cos(forward)
    return np.stack([-np.cos(angle) * flat, np.sin(angle) * flat, -np.sin(forward)], -1)
