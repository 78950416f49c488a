"""What a body does, frame by frame, before it has a person's lengths."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

ARM = ("upper", "upper_forward", "fore", "fore_forward", "wrist", "palm", "curl", "spread")
"""Degrees of an arm, as for the right one of somebody who faces the camera: upper arm and forearm in the plane of the
chest (0 outwards, 90 down, -90 up, 180 inwards), each with its tilt to the front, bend of the wrist in that plane, turn
of the palm (0 to the camera with the thumb on top or outside, 180 its back), curl of the finger joints and spread."""


@dataclass(frozen=True)
class Moves:
    """Angles in degrees as (yaw, pitch, roll): a positive yaw looks to the picture's right, a positive pitch down, a
    positive roll leans clockwise in the picture. Lengths in shares of stature.

    hips_at: `[T, 3]`, shift of the pelvis from standing straight, y up negative. pelvis, chest, head: `[T, 3]`.
    feet: `[T, 2, 3]`, right then left: shift of each ankle from under its hip. toes: `[T, 2]`, degrees outwards.
    arms: `[T, 2, len(ARM)]`, right then left. shrug: `[T, 2]`, shoulders' lift.
    """

    hips_at: np.ndarray
    pelvis: np.ndarray
    chest: np.ndarray
    head: np.ndarray
    feet: np.ndarray
    toes: np.ndarray
    arms: np.ndarray
    shrug: np.ndarray

    def __len__(self) -> int:
        return len(self.hips_at)

    def take(self, indices: np.ndarray | slice) -> Moves:
        """The frames at `indices`."""
        return Moves(**{field.name: getattr(self, field.name)[indices] for field in fields(self)})


STANDING_ARM = (68.0, 4.0, 72.0, 8.0, 0.0, 20.0, 5.0, 10.0)
"""Arms slightly away from the body, palms half to the camera."""
_STANCE, _TOES_OUT = 0.012, 24.0


def standing(frames: int) -> Moves:
    """Frontal and still."""
    feet = np.zeros((frames, 2, 3))
    feet[..., 0] = [-_STANCE, _STANCE]
    return Moves(
        hips_at=np.zeros((frames, 3)),
        pelvis=np.zeros((frames, 3)),
        chest=np.zeros((frames, 3)),
        head=np.zeros((frames, 3)),
        feet=feet,
        toes=np.full((frames, 2), _TOES_OUT),
        arms=np.tile(np.array(STANDING_ARM), (frames, 2, 1)),
        shrug=np.zeros((frames, 2)),
    )
