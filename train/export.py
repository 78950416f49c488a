"""A run's weights as a checkpoint folder, which the product reads like any other."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from apvgen.model.checkpoint import SHARED_PARTS, CheckpointInfo, checkpoints_folder, save_checkpoint
from apvgen.model.convert import base_name
from apvgen.model.models import Models
from apvgen.model.parts import empty_part
from apvgen.model.weights import StateDict, load_exactly
from train.config import OutputSettings
from train.loop import Run
from train.networks import parts_of, trained_parameters, without_adapters

PACKAGES = ("torch", "diffusers", "accelerate", "peft")


def checkpoint_folder(output: OutputSettings) -> Path:
    """Where a run's checkpoint goes."""
    return output.checkpoint or checkpoints_folder() / output.folder.resolve().name


def export(run: Run, init: CheckpointInfo, step: int, fps: Fraction) -> None:
    """Write the checkpoint of a run after an iteration; to be called by all processes.

    init: what the run started from. fps: of the frames that were trained on.
    Raises OutputError when the disk is full; the checkpoint before stays.
    """
    with averaged(run):
        state = _whole_state(run)
    if run.accelerator.is_main_process:
        folder = checkpoint_folder(run.config.output)
        info = _info(run, init, step, fps, folder)
        save_checkpoint(folder, _models(run, init, state), info, getattr(torch, run.config.output.weights))
    run.accelerator.wait_for_everyone()


@contextmanager
def averaged(run: Run) -> Iterator[None]:
    """The model has the running mean of its weights inside the block, where there is one."""
    if run.average is None:
        yield
        return
    parameters = trained_parameters(run.model)
    run.average.store(parameters)
    run.average.copy_to(parameters)
    try:
        yield
    finally:
        run.average.restore(parameters)


def _whole_state(run: Run) -> StateDict:
    """All weights, adapters added, on the CPU; of an engine that shards them, in the main process alone."""
    bare = run.accelerator.unwrap_model(run.model)
    merged = without_adapters(bare)
    state = merged.state_dict() if merged is not bare else run.accelerator.get_state_dict(run.model)
    dtype = getattr(torch, run.config.output.weights)
    # A copy, because the running mean is about to give its place back to the weights.
    return {name: tensor.detach().to("cpu", dtype, copy=True) for name, tensor in state.items()}


def _models(run: Run, init: CheckpointInfo, state: StateDict) -> Models:
    networks: list[nn.Module] = []
    for part, weights in zip(("unet", "controlnext"), parts_of(state), strict=True):
        network = empty_part(init.part(part), part)
        load_exactly(network, weights, f"the trained {part}")
        networks.append(network)
    encoder = run.latents.encoder
    return Models(*networks, encoder.vae, encoder.image_encoder)


def _info(run: Run, init: CheckpointInfo, step: int, fps: Fraction, folder: Path) -> CheckpointInfo:
    config = run.config
    return replace(
        init,
        folder=folder,
        name=folder.name,
        face_style=config.data.face_style,
        hw=config.data.hw,
        fps=fps,
        window=config.data.frames + 1,
        training_step=init.training_step + step,
        base=_base(init, folder, config.output.include_base),
        training=_training(run, init, step),
    )


def _base(init: CheckpointInfo, folder: Path, inside: bool | None) -> str | None:
    """What the checkpoint's `base` is called, None where VAE and image encoder are copied into it."""
    if inside or (inside is None and init.base is None):
        return None
    return base_name(init.part(SHARED_PARTS[0]).parent, folder)


def _training(run: Run, init: CheckpointInfo, step: int) -> dict[str, Any]:
    """How the weights came about, as JSON values; `before` tells the same of what the run started from."""
    return {
        "step": step,
        "settings": plain(run.config),
        "processes": run.accelerator.num_processes,
        "device": str(run.accelerator.device),
        "machine": platform.platform(),
        "packages": {package: metadata.version(package) for package in PACKAGES},
        "started_from": {"name": init.name, "weights_sha256": dict(init.files)},
        "before": dict(init.training),
    }


def plain(settings: object) -> Any:
    """Settings as JSON values."""
    if hasattr(settings, "__dataclass_fields__"):
        return {name: plain(value) for name, value in vars(settings).items()}
    return str(settings) if isinstance(settings, Path) else settings
