"""A procedural driving motion: an upper body that sways, turns its head and gestures with both hands, in a loop.

Trunk and face are those of one detected picture, so that the motion fits that person. The arms move in the picture's
plane and keep their lengths; hands and head are solid bodies that turn in space, seen without perspective.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.types import Layout, Motion, Track

FOREARM_OF_UPPER_ARM, HAND_OF_UPPER_ARM = 0.146 / 0.186, 0.108 / 0.186
"""Shares of stature, Drillis and Contini (1966) as given by Winter, Biomechanics and Motor Control, figure 4.1."""

RIGHT_ARM, LEFT_ARM, HIPS = (2, 3, 4), (5, 6, 7), (8, 11)
UNSEEN = (9, 10, 12, 13)
HEAD_ON_MESH = {0: (1,), 14: (33, 133), 15: (362, 263), 16: (127,), 17: (356,)}
"""Head joints of OpenPose-18 and the mesh points beside them."""
EARS = (16, 17)
EAR_BEHIND_MESH, SKULL_BASE_BEHIND_CHIN = 0.2, 0.5
"""Depths in widths of the face."""

HEAD_TURN = ((6.0, 1, 0.0), (2.0, 3, 0.2)), ((2.5, 2, 0.1),), ((2.0, 1, 0.35), (0.8, 3, 0.0))
"""Degrees of yaw, pitch and roll, each a sum of (amplitude, cycles in the loop, phase)."""
SWAY_ANGLE, SWAY_X, SWAY_Y = ((1.2, 1, 0.6),), ((0.02, 1, 0.6), (0.006, 2, 0.0)), ((0.008, 2, 0.3),)
"""Degrees about the hips, then shifts in widths of the shoulders, as sums of the same kind."""
SCORE = 0.9

# What the arms pass through, evenly spaced over the loop. Degrees, as for the right arm: upper arm and forearm (0 is to
# the right of the picture, 90 down), bend of the wrist in the picture, turn of the palm (0 faces the camera, 180 the
# body), curl of the finger joints, spread of the fingers.
RIGHT_POSES = np.array([
    (107, 46, -10, 138, 18, 6), (108, 20, -12, 100, 13, 9), (111, -24, -4, 40, 8, 12), (109, -8, -12, 60, 11, 10),
    (108, 18, -4, 105, 16, 8), (107, 44, -8, 138, 19, 6), (108, 28, -14, 115, 13, 9), (107, 44, -8, 136, 18, 6),
])  # fmt: skip
LEFT_POSES = np.array([
    (105, 34, -8, 140, 18, 6), (105, 28, -10, 132, 19, 7), (105, 32, -8, 138, 18, 6), (107, 4, -8, 95, 14, 10),
    (111, -26, -2, 42, 8, 12), (109, -6, -10, 70, 11, 11), (106, 18, -4, 115, 16, 8), (105, 33, -6, 138, 19, 6),
])  # fmt: skip

# One finger a row, thumb first: its root in the palm as (towards the fingertips, towards the thumb), the degrees by
# which it points to the thumb's side, its share in a spread, its three bones. Unit: from wrist to middle fingertip.
FINGERS = np.array([
    (0.13, 0.12, 42, 0.8, 0.19, 0.15, 0.12),
    (0.53, 0.13, 5, 0.6, 0.20, 0.13, 0.09),
    (0.54, 0.04, 0, 0.1, 0.23, 0.14, 0.09),
    (0.52, -0.05, -4, -0.4, 0.21, 0.13, 0.09),
    (0.47, -0.14, -10, -1.0, 0.16, 0.10, 0.08),
])  # fmt: skip
CURL_SO_FAR = np.array([1.0, 2.4, 3.2])
"""Bend of each bone against the palm, in curls."""


def gesture(person: Motion, frames: int, fps: Fraction) -> Motion:
    """A loop of `frames` frames in which the person of a one-frame `Motion` talks with their hands.

    Needs the face with depth, shoulders, elbows and hips; legs stay missed. Pixels of the person's picture, rounded to
    sixteenths so that the last bits of a detection do not matter.
    """
    phase = np.arange(frames) / frames
    face, body = _turn_head(person, phase)
    rest = person.body.xy[0].astype(float)
    upper_arm = max(np.linalg.norm(rest[elbow] - rest[shoulder]) for shoulder, elbow, _ in (RIGHT_ARM, LEFT_ARM))
    hands = np.empty((frames, 2, 21, 2))
    for side, (arm, poses, mirror) in enumerate(((LEFT_ARM, LEFT_POSES, (-1, 1)), (RIGHT_ARM, RIGHT_POSES, (1, 1)))):
        joints, hand = _reach(_at(poses, phase), upper_arm)
        body[:, arm[1:]] = rest[arm[0]] + joints * mirror
        hands[:, side] = rest[arm[0]] + hand * mirror
    body[:, UNSEEN] = np.nan
    angle, shift = _sway(phase, np.linalg.norm(rest[RIGHT_ARM[0]] - rest[LEFT_ARM[0]]))
    hips = rest[list(HIPS)].mean(0)
    parts = {BODY18: body, HANDS: hands, FACE478: face[..., :2]}
    swayed = {layout: _turn(xy - hips, angle) + hips + _over(shift, xy) for layout, xy in parts.items()}
    depth = _sixteenths(face[..., 2])
    return Motion(*(_track(lay, xy, person, fps, depth if lay is FACE478 else None) for lay, xy in swayed.items()))


def _turn_head(person: Motion, phase: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face `[T, 478, 3]` turning about the base of the skull, and the body `[T, 18, 2]` with its head joints."""
    mesh = np.concatenate([person.face.xy[0], person.face.depth[0][:, None]], -1).astype(float)
    body = np.repeat(person.body.xy.astype(float), len(phase), 0)
    width = np.ptp(mesh[:, 0])
    joints = np.array([(*body[0, joint], mesh[list(near), 2].mean()) for joint, near in HEAD_ON_MESH.items()])
    joints[[list(HEAD_ON_MESH).index(ear) for ear in EARS], 2] += EAR_BEHIND_MESH * width
    base = np.array([mesh[:, 0].mean(), mesh[:, 1].max(), mesh[:, 2].mean() + SKULL_BASE_BEHIND_CHIN * width])
    angles = np.stack([_waves(part, phase) for part in HEAD_TURN], -1)
    turn = Rotation.from_euler("YXZ", angles, degrees=True).as_matrix()
    turned = np.einsum("tij,nj->tni", turn, np.concatenate([mesh, joints]) - base) + base
    body[:, list(HEAD_ON_MESH)] = turned[:, len(mesh) :, :2]
    return turned[:, : len(mesh)], body


def _reach(poses: np.ndarray, upper_arm: float) -> tuple[np.ndarray, np.ndarray]:
    """Elbow and wrist `[T, 2, 2]` and hand `[T, 21, 2]` from the shoulder, of a right arm in `[T, 6]` poses."""
    upper, fore, bend, palm, curl, spread = np.radians(poses).T
    elbow = upper_arm * _direction(upper)
    wrist = elbow + upper_arm * FOREARM_OF_UPPER_ARM * _direction(fore)
    flat = _turn(_hand(palm, curl, spread), fore + bend)
    return np.stack([elbow, wrist], 1), wrist[:, None] + upper_arm * HAND_OF_UPPER_ARM * flat


def hand_in_space(curl: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Hands `[T, 21, 3]` that point along x, the wrist at 0, in lengths of the hand; y towards the thumb, z out of the
    palm; the angles in radians `[T]`."""
    points = np.zeros((len(curl), 5, 4, 3))
    points[:, :, 0, :2] = FINGERS[:, :2]
    side = np.radians(FINGERS[:, 2]) + spread[:, None] * FINGERS[:, 3]
    bent = curl[:, None] * CURL_SO_FAR
    bones = np.empty((len(curl), 5, 3, 3))
    bones[..., 0] = np.cos(side)[..., None] * np.cos(bent)[:, None]
    bones[..., 1] = np.sin(side)[..., None] * np.cos(bent)[:, None]
    bones[..., 2] = np.sin(bent)[:, None]
    points[:, :, 1:] = points[:, :, :1] + np.cumsum(bones * FINGERS[:, 4:, None], 2)
    return np.concatenate([np.zeros((len(curl), 1, 3)), points.reshape(len(curl), 20, 3)], 1)


def _hand(palm: np.ndarray, curl: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Hands `[T, 21, 2]` as `hand_in_space`, seen after a turn about x by `palm` radians `[T]`."""
    points = hand_in_space(curl, spread)
    cos, sin = np.cos(palm)[:, None], np.sin(palm)[:, None]
    return np.stack([points[..., 0], points[..., 1] * cos + points[..., 2] * sin], -1)


def _at(poses: np.ndarray, phase: np.ndarray) -> np.ndarray:
    knots = np.linspace(0, 1, len(poses) + 1)
    return CubicSpline(knots, [*poses, poses[0]], bc_type="periodic")(phase)


def _sway(phase: np.ndarray, shoulders: float) -> tuple[np.ndarray, np.ndarray]:
    """Radians `[T]` about the hips and shift `[T, 2]` in pixels."""
    shift = np.stack([_waves(SWAY_X, phase), _waves(SWAY_Y, phase)], -1) * shoulders
    return np.radians(_waves(SWAY_ANGLE, phase)), shift


def _waves(parts: tuple[tuple[float, int, float], ...], phase: np.ndarray) -> np.ndarray:
    return sum(size * np.sin(2 * np.pi * (cycles * phase + start)) for size, cycles, start in parts)


def _direction(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def _turn(xy: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rotate `[T, ..., 2]` points about 0 by radians `[T]`, from x towards y."""
    x_axis = _over(_direction(angle), xy)
    y_axis = np.stack([-x_axis[..., 1], x_axis[..., 0]], -1)
    return xy[..., :1] * x_axis + xy[..., 1:] * y_axis


def _over(rows: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """`[T, 2]` as `[T, 1, ..., 2]`, to go with `[T, ..., 2]` points."""
    return rows.reshape(len(rows), *[1] * (xy.ndim - 2), 2)


def _track(layout: Layout, xy: np.ndarray, person: Motion, fps: Fraction, depth: np.ndarray | None) -> Track:
    xy = _sixteenths(xy)
    score = np.where(np.isfinite(xy).all(-1), SCORE, 0).astype(np.float32)
    return Track(layout, xy, score, person.hw, fps, depth)


def _sixteenths(pixels: np.ndarray) -> np.ndarray:
    return (np.round(pixels * 16) / 16).astype(np.float32)
