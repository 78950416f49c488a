"""The sampler against the public pipeline, same weights and inputs: seconds, memory, and how far the results differ.

Every variant runs in a process of its own, in turns, because allocator and thread settings are read when one starts.
Encoding the reference picture is left out: both do it once, in the same way.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from apvgen.process import keep_freed_memory
from apvgen.sampler.decode import decode
from apvgen.sampler.settings import Decoding
from benchmarks._jobs import reduced_job, reduced_models, sample_ours
from benchmarks._reference_pipeline import ReferencePipeline

ROUNDS = int(os.environ.get("APVGEN_BENCHMARK_ROUNDS", "3"))
STEPS = int(os.environ.get("APVGEN_BENCHMARK_STEPS", "5"))

GUIDANCE = 3.0
CPU = torch.device("cpu")
WAITING = "OMP_WAIT_POLICY"


@dataclass(frozen=True)
class Variant:
    """ours: the sampler in `reference` mode, the same maths. keep, calm: the settings of `apvgen.process`.

    The program has both. `calm` costs a quarter on an idle machine, and saves more than half beside one busy process.
    """

    ours: bool
    dtype: torch.dtype = torch.float32
    keep: bool = False
    calm: bool = False


VARIANTS = {
    "reference": Variant(ours=False),
    "reference_with_process_settings": Variant(ours=False, keep=True, calm=True),
    "ours": Variant(ours=True),
    "ours_with_process_settings": Variant(ours=True, keep=True, calm=True),
    "ours_bf16_with_process_settings": Variant(True, torch.bfloat16, keep=True, calm=True),
    "ours_bf16_keeping_memory": Variant(True, torch.bfloat16, keep=True),
}


def run() -> dict[str, object]:
    """Medians over ROUNDS of every variant; ratios are medians of the ratios of one round, above 1 is faster."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = [{name: _in_process(name, Path(folder)) for name in VARIANTS} for _ in range(ROUNDS)]
        latents = {name: np.load(Path(folder) / f"{name}.npy") for name in VARIANTS}
    others = [name for name in VARIANTS if name != "reference"]
    return {
        "rounds": ROUNDS,
        "threads": torch.get_num_threads(),
        "medians": {
            name: {figure: _median(turn[name][figure] for turn in rounds) for figure in rounds[0][name]}
            for name in VARIANTS
        },
        "times_faster_than_reference": {
            name: _median(turn["reference"]["seconds"] / turn[name]["seconds"] for turn in rounds) for name in others
        },
        "times_less_cpu_than_reference": {
            name: _median(turn["reference"]["cpu_seconds"] / turn[name]["cpu_seconds"] for turn in rounds)
            for name in others
        },
        "largest_latent": round(float(np.abs(latents["reference"]).max()), 3),
        "largest_difference_of_latents": {
            name: float(np.abs(latents[name] - latents["reference"]).max()) for name in others
        },
        "evaluations_per_frame_and_step": {f"guidance_{value:g}": _evaluations(value) for value in (GUIDANCE, 1.0)},
    }


def _in_process(name: str, folder: Path) -> dict[str, float]:
    environment = {variable: value for variable, value in os.environ.items() if variable != WAITING}
    if VARIANTS[name].calm:
        environment[WAITING] = "PASSIVE"
    command = [sys.executable, "-m", "benchmarks.sampler", name, str(folder / f"{name}.npy")]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(variant: Variant, latents_path: Path) -> dict[str, float]:
    """Sample and decode once; the latents go to a file."""
    if variant.keep:
        keep_freed_memory()
    models, job = reduced_models(CPU, variant.dtype), reduced_job(STEPS, GUIDANCE)
    pipeline = None if variant.ours else ReferencePipeline(models)
    started, cpu_started = time.perf_counter(), time.process_time()
    latents = pipeline.sample(job) if pipeline else sample_ours(models, job)
    sampled = time.perf_counter()
    if pipeline:
        pipeline.decode(job, latents)
    else:
        for _ in decode(models.vae, latents, Decoding(job.decode_chunk, overlap=0)):
            pass
    ended = time.perf_counter()
    np.save(latents_path, latents.numpy())
    return {
        "seconds": ended - started,
        "sampling_seconds": sampled - started,
        "decoding_seconds": ended - sampled,
        "cpu_seconds": time.process_time() - cpu_started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _evaluations(guidance: float) -> dict[str, float]:
    """Frames that the sampler's networks compute in one step, per frame of the video."""
    models, job, computed = reduced_models(CPU, torch.float32), reduced_job(1, guidance), Counter()
    models.control.register_forward_pre_hook(lambda _, given: computed.update(control=len(given[0])))
    models.unet.register_forward_pre_hook(lambda _, given: computed.update(unet=given[0].shape[:2].numel()))
    sample_ours(models, job)
    return {network: count / len(job.pose) for network, count in computed.items()}


def _median(values: object) -> float:
    return round(statistics.median(values), 3)


if __name__ == "__main__":
    print(json.dumps(measure(VARIANTS[sys.argv[1]], Path(sys.argv[2]))))
