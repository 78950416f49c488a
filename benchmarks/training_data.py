"""Preparing clips of real media, and loading examples against the rate at which one GPU consumes them.

Beside seconds stand CPU seconds, which other work on the machine hardly changes: w workers on cores of their own load w
times as many examples. Without real media (`_inputs`) clips of the drawn world are loaded, and nothing is prepared.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median

import cv2

from apvgen.keypoints import load_detector
from benchmarks._inputs import MEDIA
from train.clipping import Recipe, Tools
from train.dataset import BodyExamples, ExampleOptions, FaceExamples
from train.outpaint import SURROUND, Classical
from train.prepare import Share, prepare
from train.quality import Standards
from train.shards import Shards, ShardWriter, open_shards
from train.sources import find_sources
from train.synthetic.world import body_clip, face_clip

DANCE = MEDIA / "driving" / "dance_576x1024_29fps.mp4"
TALK = MEDIA / "talking" / "speech_pair_30fps.mp4"
CLOSE_UP = "H 516\nW 1030\nFPS 30.0\nCROP 516 2 1028 514\n"
"""The right half of `TALK`, a person by himself, as a VFHQ clip list has it."""

EXAMPLES = 10
WORKERS = 4

STEP_TFLOP = 4 * (41.9 + 3.6 * 21 / 24) + 21 * 1.7
"""Of a training step on one clip, 21 frames of 768 x 512: UNet and control branch forward, again for checkpointing, and
backward at twice the price; the VAE's encoder once a frame. Forward passes as counted on the full architectures."""

GPU_TFLOPS = 790 / 2
"""An H200 at half of its measured bf16 matmul peak, which is optimistic for training."""


def run() -> dict[str, float]:
    """Medians; `*_times_gpu` compares loading with four workers to the GPU's rate, and should be 3 or more."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            figures = _prepared(folder) if DANCE.exists() and TALK.exists() else _drawn(folder)
            shards = open_shards(folder)
            gpu = GPU_TFLOPS / STEP_TFLOP
            figures |= {"step_tflop_768x512_21_frames": STEP_TFLOP, "gpu_computed_clips_per_second": gpu}
            paper = _loading(shards, ExampleOptions((768, 512), 20))
            demo = _loading(shards, ExampleOptions((384, 256), 14))
    finally:
        cv2.setNumThreads(threads)
    for kind, seconds in paper.items():
        figures[f"load_{kind}_768x512_21_frames_cpu_seconds"] = seconds
        figures[f"load_{kind}_{WORKERS}_workers_times_gpu"] = WORKERS / seconds / gpu
    return figures | {f"load_{kind}_384x256_15_frames_cpu_seconds": seconds for kind, seconds in demo.items()}


def _loading(shards: Shards, options: ExampleOptions) -> dict[str, float]:
    """CPU seconds of an example of each kind, and on average over the two of an iteration."""
    seconds = {}
    for examples in (FaceExamples(shards, options), BodyExamples(shards, options)):
        spent = [_cpu_seconds(lambda k=k, e=examples: e[k]) for k in range(EXAMPLES)]
        seconds[examples.kind] = median(spent)
    return {**seconds, "mean": (seconds["face"] + seconds["body"]) / 2}


def _cpu_seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _prepared(folder: Path) -> dict[str, float]:
    """Shards of a dance and a close-up; frames prepared a second, by the wall clock and by CPU seconds."""
    (folder / "lists").mkdir()
    (folder / "lists" / f"Clip+{TALK.stem}+P0+C0+F0-232.txt").write_text(CLOSE_UP)
    figures = {}
    for kind, place in (("face", folder / "lists"), ("body", DANCE)):
        side, sources = {"face": 512, "body": 1024}[kind], find_sources(place, TALK.parent)
        recipe = Recipe(kind, 8.0, side, Standards.of(kind), SURROUND)
        tools = Tools(load_detector("mediapipe"), Classical())
        begun = time.process_time()
        done = prepare(sources, folder / kind, recipe, tools, Share(), 1 << 30)
        spent = time.process_time() - begun
        figures[f"prepare_{kind}_frames_per_second"] = done.frames / done.seconds
        figures[f"prepare_{kind}_cpu_ms_per_frame"] = 1e3 * spent / done.frames
        figures[f"shards_{kind}_kib_per_frame"] = sum(path.stat().st_size for path in (folder / kind).glob("*.tar")) / (
            1024 * done.frames
        )
    return figures


def _drawn(folder: Path) -> dict[str, float]:
    with ShardWriter(folder, "drawn") as writer:
        writer.write(face_clip(0, 0, (512, 512), 48, Fraction(25)))
        writer.write(body_clip(0, 0, (768, 512), 48, Fraction(25)))
    return {}
