"""The pose as a video: as this project draws it, and as Wan2.2-S2V's `--pose_video` takes it.

Wan2.2-S2V (Wan-Video/Wan2.2, `wan/speech2video.py`, `wan/configs/shared_config.py`) generates 16 frames a second in
clips of 80 and takes every `round(fps / 16)`-th frame of the pose video: so only 16 frames a second keep time with the
voice. Frames that a pose video lacks are black to it; here the last pose is held to the end of the last clip, which
Wan cuts off with the voice. Its example (`examples/pose.mp4`) shows body and hands and no face, whose lips come from
the voice, in lines twice as thick as ControlNeXt's. Pose video and photo are scaled and cut alike, by the photo's form:
both must have one form.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from apvgen.config import FaceStyle
from apvgen.inputs import at_fps
from apvgen.pose import pose_frames
from apvgen.types import Motion, Track

WAN_FPS = Fraction(16)
WAN_CLIP = 80
WAN_CANVAS_SIDE = 1080


def pose_video(motion: Motion, style: FaceStyle) -> tuple[Iterator[np.ndarray], int, Fraction]:
    """Pose frames, RGB uint8 `[H, W, 3]`, how many there are, and how many a second."""
    return pose_frames(motion, style), len(motion), motion.fps


def wan_video(motion: Motion, _style: FaceStyle) -> tuple[Iterator[np.ndarray], int, Fraction]:
    """As `pose_video`, for Wan2.2-S2V; the style of faces does not matter, as none is drawn."""
    motion = at_fps(motion, WAN_FPS)
    frames = (len(motion) // WAN_CLIP + 1) * WAN_CLIP
    motion = motion.take(np.minimum(np.arange(frames), len(motion) - 1))
    faceless = Motion(motion.body, motion.hands, Track.empty(motion.face.layout, frames, motion.hw, motion.fps))
    return pose_frames(faceless, "dots68", side=WAN_CANVAS_SIDE), frames, WAN_FPS
