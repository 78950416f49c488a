"""Peak memory of analysing a long 1080p video: what a minute costs, and so what ten minutes do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from apvgen.config import Limits
from apvgen.media import VideoReader, read_audio, write_video
from apvgen.types import Audio
from benchmarks._inputs import real_media

MINUTES = tuple(float(part) for part in os.environ.get("APVGEN_BENCHMARK_MINUTES", "0.5,2").split(","))
FPS = Fraction(25)
PORTRAIT_1080P = (1920, 1080)


def run() -> dict[str, object]:
    """Peak MB of `apvgen analyse` for each length in MINUTES, and the line through two of them at ten."""
    inputs = real_media()
    if inputs is None:
        return {"skipped": "no real media beside the repository"}
    with tempfile.TemporaryDirectory() as folder:
        peaks = {minutes: _peak_mb(inputs, minutes, Path(folder)) for minutes in MINUTES}
    (first, low), (last, high) = min(peaks.items()), max(peaks.items())
    slope = (high - low) / (last - first) if last > first else float("nan")
    return {
        "peak_mb_by_minutes": peaks,
        "mb_per_minute": round(slope, 1),
        "ten_minutes_mb": round(high + slope * (10 - last)) if last < 10 else high,
        "ten_minutes_is": "measured" if last >= 10 else "extrapolated",
    }


def _peak_mb(inputs: dict[str, Path], minutes: float, folder: Path) -> int:
    frames = int(minutes * 60 * FPS)
    video = VideoReader(inputs["driving"], FPS, Limits())
    once = [cv2.resize(frame, PORTRAIT_1080P[::-1]) for frame in islice(video.frames(), 50)]
    driving = write_video(folder / f"{minutes}.mp4", islice(cycle(once + once[::-1]), frames), FPS)
    voice = write_video(
        folder / f"{minutes}-voice.mp4",
        (np.zeros((64, 64, 3), np.uint8) for _ in range(frames)),
        FPS,
        _looped(read_audio(inputs["voice"], Limits()), minutes * 60),
    )
    given = ["--reference", inputs["reference"], "--driving", driving, "--voice", voice, "--project", folder / "p"]
    command = [sys.executable, "-m", "apvgen", "analyse", *map(str, given), "--json"]
    process = subprocess.Popen(command, env={**os.environ, "APVGEN_CACHE": str(folder / "cache")})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return usage.ru_maxrss // 1024


def _looped(audio: Audio, seconds: float) -> Audio:
    wanted = int(seconds * audio.rate)
    repeats = -(-wanted // audio.samples.shape[1])
    return Audio(np.tile(audio.samples, repeats)[:, :wanted], audio.rate)
