"""Peak memory of sampling and decoding clips of growing length with a tiny model: only latents may grow with them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from apvgen.sampler.conditioning import Conditioning
from apvgen.sampler.decode import decode
from apvgen.sampler.denoise import denoise
from apvgen.sampler.settings import Decoding, Settings
from benchmarks._jobs import REDUCED_EMBEDDING, random_job, tiny_models

LENGTHS = tuple(map(int, os.environ.get("APVGEN_BENCHMARK_FRAMES", "50,200,400").split(",")))
EXACT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
"""Has glibc give every tensor that was freed back to the system, which otherwise blurs the curve by some 40 MB."""

HW = (128, 128)
SETTINGS = Settings(schedule="karras-1", guidance_min=1, guidance_max=1, window=12, overlap=2)
KB = 1024


def run() -> dict[str, object]:
    """Most MB that a process of its own held for each length, and what a further frame costs against its parts."""
    if not Path("/proc/self/status").exists():
        return {"skipped": "memory is read from Linux' /proc"}
    peaks = {frames: _in_process(frames) for frames in LENGTHS}
    (few, low), (many, high) = min(peaks.items()), max(peaks.items())
    return {
        "hw": HW,
        "peak_mb_by_frames": {frames: round(kb / KB, 1) for frames, kb in peaks.items()},
        "kb_per_further_frame": round((high - low) / (many - few), 2),
        "kb_of_a_frames_latents": HW[0] * HW[1] // 64 * 4 * 4 / KB,
        "kb_of_a_picture": HW[0] * HW[1] * 3 / KB,
    }


def _in_process(frames: int) -> int:
    command = [sys.executable, "-m", "benchmarks.sampler_memory", str(frames)]
    done = subprocess.run(command, env={**os.environ, **EXACT}, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(frames: int) -> int:
    """Sample and decode `frames`, whose poses are drawn as they are asked for; the most KB that this process held.

    Looked up after every call of the UNet and every decoded frame.
    """
    peak = 0

    def look(_done: object) -> None:
        nonlocal peak
        peak = max(peak, _held_kb())

    models, picture = tiny_models(torch.device("cpu"), torch.float32), random_job(1, HW, REDUCED_EMBEDDING, SETTINGS)
    image = picture.image_latents[0]
    conditioning = Conditioning(picture.image_embeds[:, None], image, image)
    latents = denoise(models, conditioning, _draw, frames, SETTINGS, on_step=look)
    for frame in decode(models.vae, latents, Decoding(chunk=4, overlap=1)):
        look(frame)
    return peak


def _held_kb() -> int:
    """Memory of this process that is no file's: the pages of libraries come and go as the system likes, by 100 MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1])


def _draw(poses: Sequence[int]) -> np.ndarray:
    return np.stack([np.full((*HW, 3), pose % 256, np.uint8) for pose in poses])


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
