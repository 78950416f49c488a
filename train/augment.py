"""Changes of an example that keep pictures, keypoints and mask together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from apvgen.layouts import BODY18_MIRRORED, FACE468_MIRRORED, HANDS
from apvgen.types import Motion, Track

FACE478_MIRRORED = (*FACE468_MIRRORED, 473, 476, 475, 474, 477, 468, 471, 470, 469, 472)
"""With the irises: a centre, then four points around it, of which the first and third exchange left and right."""


def mirror(motion: Motion) -> Motion:
    """The motion of the picture turned about its vertical axis: what was the left hand is a right hand now."""
    face = FACE478_MIRRORED if motion.face.layout.points == 478 else FACE468_MIRRORED
    body, hands, face = (
        _mirror(track, np.array(order))
        for track, order in ((motion.body, BODY18_MIRRORED), (motion.hands, range(2)[::-1]), (motion.face, face))
    )
    return Motion(body, hands, face)


def _mirror(track: Track, order: np.ndarray) -> Track:
    """order: for each entry of the first point axis the one that takes its place."""
    xy = track.xy[:, order] * np.float32([-1, 1]) + np.float32([track.hw[1], 0])
    depth = None if track.depth is None else track.depth[:, order]
    return replace(track, xy=xy, score=track.score[:, order], depth=depth)


def only_face(motion: Motion) -> Motion:
    """The motion without body and hands, as face clips are posed (METHOD section 6)."""
    body = Track.empty(motion.body.layout, len(motion), motion.hw, motion.fps)
    return Motion(body, Track.empty(HANDS, len(motion), motion.hw, motion.fps), motion.face)
