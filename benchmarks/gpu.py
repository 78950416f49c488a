"""The full-size model (random weights) on a CUDA device: one window of 24 frames, against the public pipeline.

`APVGEN_BENCHMARK_GPU=cpu` rehearses every part of it with a tiny model. `APVGEN_BENCHMARK_GPU_SIZES=768x512` limits the
sizes. The public pipeline is timed for `REFERENCE_STEPS` steps and scaled: all its steps cost the same.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from apvgen.backbones.options import PRESETS
from apvgen.model.models import Models
from apvgen.model.parts import load_part, save_part, weights_file
from apvgen.sampler.decode import decode
from apvgen.sampler.settings import Decoding, Settings
from apvgen.types import HW
from benchmarks._jobs import REDUCED_EMBEDDING, Job, full_models, random_job, sample_ours, tiny_models
from benchmarks._reference_pipeline import ReferencePipeline
from benchmarks.weights import read

REFERENCE_STEPS = 2
REPEATS = 3
DECODING = Decoding(chunk=14, overlap=0)


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    matrix: side of the square matrices whose product is the peak. backend: of `torch.compile`.
    """

    device: torch.device
    models: Callable[[torch.device, torch.dtype], Models]
    embedding: int
    sizes: tuple[HW, ...]
    frames: int
    steps: int
    matrix: int
    backend: str


def _scale() -> Scale | None:
    sizes = os.environ.get("APVGEN_BENCHMARK_GPU_SIZES", "768x512,1024x576")
    chosen = tuple(tuple(map(int, size.split("x"))) for size in sizes.split(","))
    if os.environ.get("APVGEN_BENCHMARK_GPU") == "cpu":
        return Scale(torch.device("cpu"), tiny_models, REDUCED_EMBEDDING, ((64, 64),), 4, REFERENCE_STEPS, 256, "eager")
    if not torch.cuda.is_available():
        return None
    return Scale(torch.device("cuda"), full_models, 1024, chosen, 24, 25, 8192, "inductor")


def run() -> dict[str, object]:
    """Seconds of a window by size and variant, and what they are worth against the peak and the public pipeline."""
    scale = _scale()
    if scale is None:
        return {"skipped": "no CUDA device (APVGEN_BENCHMARK_GPU=cpu rehearses with a tiny model)"}
    cuda = scale.device.type == "cuda"
    result: dict[str, object] = {
        "device": torch.cuda.get_device_name() if cuda else "cpu, rehearsal with a tiny model",
        "torch": torch.__version__,
        "peak_tflops_bf16_matmul": _peak(scale) / 1e12,
        "loading": _loading(scale),
    }
    for hw in scale.sizes:
        result[f"{hw[0]}x{hw[1]}"] = _size(scale, hw, result["peak_tflops_bf16_matmul"])
    return result


def _size(scale: Scale, hw: HW, peak_tflops: float) -> dict[str, object]:
    settings = Settings("reference", f"karras-{scale.steps}", window=scale.frames, overlap=0)
    job = random_job(scale.frames, hw, scale.embedding, settings)
    theirs = {f"reference_{name}": _reference(scale, job, getattr(torch, name)) for name in ("float32", "float16")}
    models = scale.models(scale.device, torch.bfloat16)
    flops = _flops(models, job)
    ours = {"eager": _ours(scale, models, job), "fast_preset_eager": _ours(scale, models, job, _fast(scale))}
    _compile(scale, models)
    ours["compiled"] = _ours(scale, models, job)
    ours["fast_preset_compiled"] = _ours(scale, models, job, _fast(scale))
    _channels_last(models.unet)
    ours["compiled_channels_last"] = _ours(scale, models, job)
    default = theirs["reference_float32"]["seconds_per_window"]
    for name, figures in ours.items():
        figures["times_faster_than_reference_float32"] = round(default / figures["seconds_per_window"], 2)
        if "fast" not in name:
            figures["share_of_peak"] = round(flops / figures["seconds_per_window"] / 1e12 / peak_tflops, 3)
    return {"tflop_per_window": flops / 1e12, **theirs, **ours}


def _fast(scale: Scale) -> Settings:
    return replace(PRESETS["fast"], window=scale.frames, overlap=0)


def _compile(scale: Scale, models: Models) -> None:
    for network in (models.unet, models.control):
        network.compile(backend=scale.backend, dynamic=False)


def _channels_last(unet: torch.nn.Module) -> None:
    for module in unet.modules():
        # The temporal convolutions are three-dimensional: their weights have no such format.
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)


def _reference(scale: Scale, job: Job, dtype: torch.dtype) -> dict[str, float]:
    """The public pipeline; its seconds a window are those of `REFERENCE_STEPS` steps, scaled."""
    pipeline = ReferencePipeline(scale.models(scale.device, dtype))
    short = replace(job, settings=replace(job.settings, schedule=f"karras-{REFERENCE_STEPS}"))
    figures = _measured(scale, lambda: pipeline.sample(short), repeats=1)
    figures["seconds_per_window"] *= scale.steps / REFERENCE_STEPS
    latents = torch.zeros_like(job.noise).to(**pipeline.place)
    return figures | {"decode_seconds": _seconds(scale, lambda: pipeline.decode(job, latents), repeats=1)}


def _ours(scale: Scale, models: Models, job: Job, settings: Settings | None = None) -> dict[str, float]:
    latents = torch.zeros_like(job.noise)
    figures = _measured(scale, lambda: sample_ours(models, job, settings), REPEATS)
    return figures | {"decode_seconds": _seconds(scale, lambda: list(decode(models.vae, latents, DECODING)), REPEATS)}


def _measured(scale: Scale, work: Callable[[], object], repeats: int) -> dict[str, float]:
    """The first call warms up, and compiles; it is told apart from the median of the others."""
    first = _seconds(scale, work, repeats=1, warm_up=False)
    if scale.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = _seconds(scale, work, repeats, warm_up=False)
    peak = torch.cuda.max_memory_allocated() / 1e9 if scale.device.type == "cuda" else None
    return {"seconds_per_window": seconds, "first_call_seconds": first, "peak_memory_gb": peak}


def _seconds(scale: Scale, work: Callable[[], object], repeats: int, warm_up: bool = True) -> float:
    if warm_up:
        work()
    taken = []
    for _ in range(repeats):
        _synchronise(scale)
        started = time.perf_counter()
        work()
        _synchronise(scale)
        taken.append(time.perf_counter() - started)
    return median(taken)


def _synchronise(scale: Scale) -> None:
    if scale.device.type == "cuda":
        torch.cuda.synchronize()


def _peak(scale: Scale) -> float:
    """FLOP/s of a product of two bf16 matrices."""
    left, right = torch.randn(2, scale.matrix, scale.matrix, device=scale.device, dtype=torch.bfloat16)
    return 2 * scale.matrix**3 / _seconds(scale, lambda: left @ right, repeats=20)


def _flops(models: Models, job: Job) -> float:
    """FLOPs of sampling the job, counted over one step (all of them are guided) and multiplied."""
    once = replace(job, settings=replace(job.settings, schedule="karras-1"))
    with FlopCounterMode(display=False) as counter:
        sample_ours(models, once)
    return float(counter.get_total_flops() * job.settings.steps)


def _loading(scale: Scale) -> dict[str, float]:
    """Loading the UNet from a file in the system's cache, against reading that file and copying it to the device."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "unet"
        save_part(scale.models(scale.device, torch.bfloat16).unet, folder)
        file = weights_file(folder)
        payload = torch.empty(file.stat().st_size, dtype=torch.uint8)
        return {
            "file_gb": file.stat().st_size / 1e9,
            "read_seconds": _seconds(scale, lambda: read(file), REPEATS),
            "copy_to_device_seconds": _seconds(scale, lambda: payload.to(scale.device), REPEATS),
            "load_seconds": _seconds(scale, lambda: load_part(folder, "unet", scale.device, None), REPEATS),
        }
