"""The synthetic world: frames drawn a second by one process, and clips written a second."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2

from apvgen.types import HW
from train.examples import Clip
from train.shards import ShardWriter
from train.synthetic.shots import Scene, shot
from train.synthetic.world import body_clip, face_clip

HW_BODY, HW_FACE, FRAMES, FPS = (384, 256), (256, 256), 48, Fraction(25)
SHOTS = 8


def run() -> dict[str, float]:
    """Medians over shots of different people, on one core."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return {
            "dancer_384x256_frames_per_second": _drawing("body", HW_BODY),
            "speaking_dancer_384x256_frames_per_second": _drawing("speaking_dancer", HW_BODY),
            "close_up_256x256_frames_per_second": _drawing("face", HW_FACE),
            "dancer_clip_of_48_frames_written_seconds": _writing(body_clip, HW_BODY),
            "close_up_clip_of_48_frames_written_seconds": _writing(face_clip, HW_FACE),
        }
    finally:
        cv2.setNumThreads(threads)


def _drawing(scene: Scene, hw: HW) -> float:
    """Frames a second from an index to pictures, masks and keypoints, speech included."""
    rates = []
    for index in range(SHOTS):
        started = time.perf_counter()
        made = shot(scene, 0, index, hw, FRAMES, FPS)
        made.frames()
        len(made.motion)
        rates.append(FRAMES / (time.perf_counter() - started))
    return round(statistics.median(rates), 1)


def _writing(draw: Callable[..., Clip], hw: HW) -> float:
    seconds = []
    with tempfile.TemporaryDirectory() as folder, ShardWriter(Path(folder), "clips") as writer:
        for index in range(SHOTS):
            started = time.perf_counter()
            writer.write(draw(0, index, hw, FRAMES))
            seconds.append(time.perf_counter() - started)
    return round(statistics.median(seconds), 3)
