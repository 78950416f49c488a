"""Decoding, seeking and encoding, and the memory that a long 1080p video takes.

`APVGEN_BENCH_SECONDS=600` measures memory over ten minutes instead of one.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np

from apvgen.config import Limits
from apvgen.media import VideoReader, write_video
from apvgen.types import HW, Audio

FPS = Fraction(25)
FULL_HD = (1080, 1920)
RESULT = (768, 512)
SCENE_SECONDS = 4
LONG_SECONDS = int(os.environ.get("APVGEN_BENCH_SECONDS", "60"))


def run() -> dict[str, float]:
    """Medians over generated video: a textured scene that pans, with a little grain, H.264 at 25 fps."""
    with tempfile.TemporaryDirectory() as folder:
        scene = write_video(Path(folder) / "scene.mp4", panned(FULL_HD, SCENE_SECONDS), FPS)
        long = repeated(scene, Path(folder) / "long.mp4", LONG_SECONDS // SCENE_SECONDS)
        return {
            "long_seconds": LONG_SECONDS,
            "read_1080p_ms_per_frame": milliseconds_a_frame(scene),
            "read_1080p_one_thread_ms_per_frame": milliseconds_a_frame(scene, threads=1),
            "read_1080p_to_1024_ms_per_frame": milliseconds_a_frame(scene, max_side=1024),
            "open_long_ms": 1e3 * seconds(lambda: VideoReader(long, FPS, Limits())),
            "seek_in_long_ms": 1e3 * seek_seconds(VideoReader(long, FPS, Limits())),
            "write_768x512_ms_per_frame": milliseconds_to_write(Path(folder) / "result.mp4"),
            "memory_scene_mib": peak_memory(scene),
            "memory_long_mib": peak_memory(long),
        }


def panned(hw: HW, length: int) -> Iterator[np.ndarray]:
    """RGB uint8 `[*hw, 3]` frames with as many bits a pixel as a filmed dance: 9 Mbit/s in 1080p."""
    rng = np.random.default_rng(0)
    height, width = hw
    blotches = rng.integers(0, 255, (height // 16, width // 8, 3), np.uint8)
    scene = cv2.resize(blotches, (width * 2, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(0, 16, (8, *hw, 3), np.uint8)
    for k in range(int(length * FPS)):
        at = 4 * k % width
        yield cv2.add(scene[:, at : at + width], grain[k % len(grain)])


def repeated(source: Path, path: Path, times: int) -> Path:
    """The same packets again and again: a long video without encoding one."""
    with av.open(str(source)) as scene, av.open(str(path), "w") as long:
        stream = long.add_stream_from_template(scene.streams.video[0])
        packets = [packet for packet in scene.demux(video=0) if packet.size]
        step = sum(packet.duration for packet in packets)
        stored = [(bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets]
        for turn in range(times):
            for data, pts, dts, is_key in stored:
                packet = av.Packet(data)
                packet.pts, packet.dts, packet.time_base = pts + turn * step, dts + turn * step, packets[0].time_base
                packet.is_keyframe, packet.stream = is_key, stream
                long.mux(packet)
    return path


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median seconds of several runs."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def milliseconds_a_frame(path: Path, **how: int) -> float:
    reader = VideoReader(path, FPS, Limits(), **how)
    return 1e3 * seconds(lambda: deque(reader.frames(), maxlen=0)) / reader.frame_count


def seek_seconds(reader: VideoReader) -> float:
    """To the first frame of a part that begins anywhere, so half a group of pictures is decoded on average."""
    starts = np.linspace(0, reader.frame_count - 1, 9).astype(int)
    return median(seconds(lambda start=start: next(reader.frames(start)), repeats=1) for start in starts)


def milliseconds_to_write(path: Path) -> float:
    frames = list(panned(RESULT, SCENE_SECONDS))
    hum = np.sin(np.arange(48000 * SCENE_SECONDS, dtype=np.float32) / 40)[None]
    return 1e3 * seconds(lambda: write_video(path, iter(frames), FPS, Audio(hum, 48000))) / len(frames)


def peak_memory(path: Path) -> float:
    """MiB that a fresh process had at most while it read every frame."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_read_all, path).result()


def _read_all(path: Path) -> float:
    deque(VideoReader(path, FPS, Limits()).frames(), maxlen=0)
    # Not getrusage: Linux carries a parent's peak over into the program it starts.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
