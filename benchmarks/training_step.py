"""A training step: the full-size model's operations and memory, its seconds on a CUDA device, and the debug preset.

Full size: 21 frames (20 and the reference) of 768 x 512, bf16, random weights, otherwise the preset `paper`. Counted
without running anything; measured where there is a CUDA device; `APVGEN_BENCHMARK_GPU=cpu` rehearses that with a tiny
model. The debug preset is the command line itself: 2 of its 4 iterations, then the same command again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from apvgen.estimate import peak_operations
from apvgen.model.checkpoint import CheckpointInfo, save_checkpoint
from apvgen.model.models import Models
from benchmarks._jobs import REDUCED_EMBEDDING, full_models, tiny_models
from train.batches import BatchPlan, load_batches
from train.config import TrainConfig
from train.estimate import DTYPES, iteration_cost
from train.examples import Example, Kind
from train.loop import iterations
from train.presets import PRESETS
from train.session import assemble
from train.shards import ShardWriter
from train.synthetic.world import body_clip, face_clip

CLIPS, CLIP_FRAMES = 3, 12
WARM_UP, MEASURED = 2, 5
"""Iterations."""

VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {},
    "without_gradient_checkpointing": {"device": {"gradient_checkpointing": False}},
    "adamw8bit": {"optimiser": {"optimiser": "adamw8bit"}},
    "to_out_v": {"optimiser": {"train": "to_out_v"}},
    "lora": {"optimiser": {"train": "lora"}},
}
"""What is changed in the preset, by group."""

EMBEDDING = 1024
ENCODER = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16}
"""CLIP ViT-H: image_encoder/config.json of stabilityai/stable-video-diffusion-img2vid-xt-1-1."""


@dataclass(frozen=True)
class Noise:
    """Examples that cost nothing to load."""

    kind: Kind
    shape: tuple[int, int, int]

    def __getitem__(self, position: int) -> Example:
        frames, poses = np.random.default_rng(position).integers(0, 256, (2, *self.shape, 3), np.uint8)
        return Example("noise", self.kind, frames, poses, np.ones(self.shape, np.float32), f"{self.kind} {position}")


def run() -> dict[str, object]:
    """See the module; seconds are medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "debug_preset": _debug_preset(folder),
            "full_size_computed": _computed(_full_size(folder / "full")),
            "full_size_measured": _measured(),
        }


def _debug_preset(folder: Path) -> dict[str, float]:
    """Seconds of 2 iterations and of going on to 4, program start, estimate, checkpoint and videos included.

    CPU seconds stand beside, which other work on the machine hardly changes.
    """
    with ShardWriter(folder / "data", "clips") as writer:
        for index in range(CLIPS):
            writer.write(face_clip(0, index, (256, 256), CLIP_FRAMES))
            writer.write(body_clip(0, index, (384, 256), CLIP_FRAMES))
    tiny = replace(tiny_models(torch.device("cpu"), torch.float32), image_encoder=_image_encoder(REDUCED_EMBEDDING))
    save_checkpoint(folder / "tiny", tiny, CheckpointInfo(folder / "tiny", "tiny", hw=(128, 128), window=6))
    command = [sys.executable, "-m", "train.finetune", "--preset", "debug", "--init", folder / "tiny"]
    command += ["--data", folder / "data", "--out", folder / "run", "--checkpoint", folder / "checkpoint"]
    seconds, before = {}, os.times()
    for label, more in {"two_iterations_seconds": ["--steps", "2"], "resumed_to_four_seconds": []}.items():
        started = time.perf_counter()
        subprocess.run([*command, *more], check=True, capture_output=True)
        seconds[label] = round(time.perf_counter() - started, 1)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds | {"seconds": round(sum(seconds.values()), 1), "cpu_seconds": round(used, 1)}


def _image_encoder(embedding: int, **sizes: int) -> CLIPVisionModelWithProjection:
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    patch = {"image_size": 224, "patch_size": 14 if sizes else 56, "projection_dim": embedding}
    return CLIPVisionModelWithProjection(CLIPVisionConfig(**{**small, **sizes}, **patch))


def _full_size(folder: Path) -> CheckpointInfo:
    """The configurations of SVD-XT with the published control branch, without weights."""
    with torch.device("meta"):
        models = replace(
            full_models(torch.device("meta"), torch.float32), image_encoder=_image_encoder(EMBEDDING, **ENCODER)
        )
    for part, network in zip(("unet", "controlnext", "vae"), (models.unet, models.control, models.vae), strict=True):
        network.save_config(folder / part)
    models.image_encoder.config.architectures = [type(models.image_encoder).__name__]
    models.image_encoder.config.save_pretrained(folder / "image_encoder")
    return CheckpointInfo(folder, "full")


def _computed(full: CheckpointInfo) -> dict[str, dict[str, float]]:
    return {label: _cost(full, changed) for label, changed in VARIANTS.items()}


def _cost(full: CheckpointInfo, changed: dict[str, dict[str, Any]]) -> dict[str, float]:
    config = PRESETS["paper"]
    for group, values in changed.items():
        config = replace(config, **{group: replace(getattr(config, group), **values)})
    cost = iteration_cost(config, full)
    return {
        "iteration_tflop": round(cost.flops / 1e12, 1),
        "gb": round(cost.needed / 1e9, 1),
        "gb_of_passes": round(cost.passes / 1e9, 1),
        "gb_of_weights_and_means": round(cost.kept / 1e9, 1),
    }


def _measured() -> dict[str, object]:
    rehearsed = os.environ.get("APVGEN_BENCHMARK_GPU") == "cpu"
    if not rehearsed and not torch.cuda.is_available():
        return {"skipped": "needs a CUDA device"}
    accelerator = Accelerator(mixed_precision=PRESETS["paper"].device.precision, cpu=rehearsed)
    config = _short(PRESETS["paper"], rehearsed)
    models = _models(accelerator.device, rehearsed)
    run = assemble(config, models, accelerator)
    streams = {kind: Noise(kind, (config.data.frames + 1, *config.data.hw)) for kind in config.method.kinds}
    batches = load_batches(streams, BatchPlan(config.method.kinds, config.optimiser), config.data.workers)
    facts = list(islice(iterations(run, batches, 0), WARM_UP, None))
    seconds = median(fact.seconds for fact in facts)
    figures: dict[str, object] = {"device": str(accelerator.device), "seconds_per_iteration": seconds}
    if not rehearsed:
        with tempfile.TemporaryDirectory() as name:
            flops = iteration_cost(config, _full_size(Path(name))).flops
        peak = peak_operations(accelerator.device, DTYPES[config.device.precision])
        figures |= {
            "device": torch.cuda.get_device_name(),
            "peak_gb": torch.cuda.max_memory_allocated() / 1e9,
            "share_of_matmul_peak": flops / seconds / peak,
        }
    return figures


def _short(config: TrainConfig, rehearsed: bool) -> TrainConfig:
    """A few iterations of the preset, tiny where they are only rehearsed."""
    settings = replace(config.optimiser, steps=WARM_UP + MEASURED)
    size = {"hw": (128, 128), "frames": 2} if rehearsed else {}
    return replace(config, optimiser=settings, data=replace(config.data, workers=0, **size))


def _models(device: torch.device, rehearsed: bool) -> Models:
    make, embedding, sizes = (tiny_models, REDUCED_EMBEDDING, {}) if rehearsed else (full_models, EMBEDDING, ENCODER)
    with device:
        image_encoder = _image_encoder(embedding, **sizes)
    return replace(make(device, torch.float32), image_encoder=image_encoder)
