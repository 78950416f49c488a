"""Decoding and detecting, as the analysis of a driving video does it, at 576 x 1024."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from apvgen.config import Limits
from apvgen.keypoints import load_detector
from apvgen.keypoints.segments import cores
from apvgen.media import VideoReader, read_image, write_video

PHOTO = Path(__file__).resolve().parents[1] / "assets" / "example" / "photo.jpg"
VIDEO_VARIABLE = "APVGEN_BENCHMARK_VIDEO"
HW, FRAMES, FPS = (1024, 576), 192, Fraction(25)
REPEATS = 5


def run() -> dict[str, float | int | str]:
    """Medians over whole videos, with warm networks; `cold_s` is the first run of the process.

    The video is the bundled photo in motion; `APVGEN_BENCHMARK_VIDEO` names another one.
    """
    with tempfile.TemporaryDirectory() as folder:
        chosen = os.environ.get(VIDEO_VARIABLE)
        path = Path(chosen) if chosen else write_video(Path(folder) / "photo.mp4", _moving_photo(), FPS)
        detector = load_detector("mediapipe")
        video = VideoReader(path, None, Limits())
        cold, _, _ = _detect(detector, video)
        walls, cpus, motions = zip(*(_detect(detector, video) for _ in range(REPEATS)), strict=True)
        decode = median(_seconds_to_decode(video) for _ in range(REPEATS))
    motion, frames = motions[-1], video.frame_count
    return {
        "video": path.name,
        "workers": cores(),
        "frames": frames,
        "frames_per_second": frames / median(walls),
        "best_frames_per_second": frames / min(walls),
        "cpu_ms_per_frame": 1e3 * median(cpus) / frames,
        "decode_ms_per_frame": 1e3 * decode / frames,
        "cold_s": cold,
        "share_with_body": float(motion.body.frames_seen.mean()),
        "share_with_left_and_right_hand": [float(share) for share in motion.hands.seen.any(-1).mean(0)],
        "share_with_face": float(motion.face.frames_seen.mean()),
    }


def _detect(detector, video: VideoReader) -> tuple[float, float, object]:
    start, cpu = time.perf_counter(), time.process_time()
    motion = detector.detect_video(video)
    return time.perf_counter() - start, time.process_time() - cpu, motion


def _seconds_to_decode(video: VideoReader) -> float:
    start = time.perf_counter()
    for _ in video.frames():
        pass
    return time.perf_counter() - start


def _moving_photo() -> Iterator[np.ndarray]:
    """The bundled photo, swaying and nodding a little."""
    photo = read_image(PHOTO, Limits())
    scale = HW[1] / photo.shape[1] * 1.1
    for t in range(FRAMES):
        turn = cv2.getRotationMatrix2D((photo.shape[1] / 2, photo.shape[0]), 4 * np.sin(t / 9), scale)
        turn[:, 2] += (HW[1] / 2 - photo.shape[1] / 2 + 20 * np.sin(t / 14), HW[0] - photo.shape[0])
        yield cv2.warpAffine(photo, turn, HW[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
