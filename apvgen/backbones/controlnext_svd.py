"""ControlNeXt-SVD as a backbone: the networks of a checkpoint folder, sampled in windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from importlib import metadata

import numpy as np
import torch

from apvgen.backbones import kept
from apvgen.backbones.options import RenderOptions, advised
from apvgen.backbones.protocol import Backbone, OnLook, Shot, unseen
from apvgen.errors import CheckpointError, RenderError
from apvgen.estimate.diffusion import remember_render
from apvgen.model.checkpoint import (
    CheckpointInfo,
    checkpoint_named,
    checkpoint_roots,
    examine_checkpoints,
    list_checkpoints,
    load_models,
    read_info,
)
from apvgen.model.models import Models
from apvgen.process import keep_freed_memory
from apvgen.progress import OnProgress, silent
from apvgen.sampler import conditioning, decode, denoise, devices
from apvgen.sampler.preview import colours_of, preview_frames
from apvgen.sampler.progress import StepInfo
from apvgen.sampler.rerender import Held
from apvgen.sampler.settings import Memory, Settings

PACKAGES = ("torch", "diffusers", "transformers")
"""Whose versions can change a result."""


class Networks:
    """The networks of one checkpoint on one device, loaded when first used and then kept."""

    def __init__(self, checkpoint: CheckpointInfo, memory: Memory) -> None:
        self.checkpoint, self.memory = checkpoint, memory

    @cached_property
    def resources(self) -> devices.Resources:
        return devices.resources(self.memory)

    @cached_property
    def models(self) -> Models:
        found = self.resources
        home = "cpu" if found.offload else found.device
        if found.device.type == "cpu":
            keep_freed_memory()
        with devices.memory_limit_explained("loading the networks", "use --offload, or --dtype bfloat16 or float16"):
            models = load_models(self.checkpoint, home, found.dtype)
        if found.offload:
            devices.offload(models, found.device)
        return models


class ControlNeXtSVD:
    """See `Backbone`. networks: loaded or yet to be."""

    name = "diffusion"

    def __init__(self, networks: Networks, sampling: Settings) -> None:
        self.networks, self._sampling = networks, advised(sampling, networks.checkpoint)

    @classmethod
    def of(cls, options: RenderOptions, before: Backbone | None = None) -> ControlNeXtSVD:
        """The backbone with the checkpoint that was asked for. Raises CheckpointError.

        before: an earlier one, whose networks are taken over where they are the same.
        """
        checkpoint = find_checkpoint(options.checkpoint)
        if isinstance(before, cls):
            loaded = before.networks
            if (loaded.checkpoint, loaded.memory) == (checkpoint, options.memory):
                return cls(loaded, options.sampling)
        return cls(Networks(checkpoint, options.memory), options.sampling)

    def describe(self) -> dict[str, object]:
        checkpoint, found = self.networks.checkpoint, self.networks.resources
        return {
            "checkpoint": checkpoint.name,
            "licence": checkpoint.licence,
            "face_style": checkpoint.face_style,
            "training_step": checkpoint.training_step,
            "weights_sha256": dict(checkpoint.files),
            "sampling": asdict(self._sampling),
            "decoding": asdict(found.decoding),
            "device": str(found.device),
            "dtype": str(found.dtype).removeprefix("torch."),
            "packages": {package: metadata.version(package) for package in PACKAGES},
        }

    def frames(
        self, shot: Shot, window: range, on_stage: OnProgress = silent, on_look: OnLook = unseen
    ) -> Iterator[np.ndarray]:
        conditioning.check_size(shot.hw)
        settings = fitted(self._sampling, self.networks.checkpoint.window, len(window) + 1)
        on_stage("load", 0, 1)
        models, decoding = self.networks.models, self.networks.resources.decoding
        on_stage("load", 1, 1)
        started = time.monotonic()
        ticket = kept.ticket_for(shot, window, self.describe()) if shot.scratch else None
        held = kept.held_from(shot.scratch, ticket, decoding) if ticket else None
        if held and not held.redo.any():
            latents = held.latents
        else:
            latents = self._sample(shot, window, settings, held, (on_stage, on_look))
            if ticket:
                kept.save_latents(shot.scratch, latents, ticket)
        yield from decode.decode(models.vae, latents, decoding)
        if held is None:
            made = (len(window), shot.hw, time.monotonic() - started)
            remember_render(self.networks.checkpoint, self.networks.resources, settings, *made)

    def _sample(
        self, shot: Shot, window: range, settings: Settings, held: Held | None, watchers: tuple[OnProgress, OnLook]
    ) -> torch.Tensor:
        on_stage, on_look = watchers

        def on_step(info: StepInfo) -> None:
            on_stage("denoise", info.calls, info.total_calls)
            on_look(lambda: preview_frames((held.beside(info.denoised) if held else info.denoised)[1:], colours))

        models = self.networks.models
        known = conditioning.encode_reference(models, shot.reference.image, settings)
        colours = colours_of(known.reference, shot.reference.image)
        poses = self._sequence(shot, window)
        return denoise.denoise(models, known, poses, len(window) + 1, settings, on_step, held)

    def _sequence(self, shot: Shot, window: range) -> Callable[[Sequence[int]], np.ndarray]:
        """Draws pose frames by their number in the sequence: the reference's own first, then those of the window."""
        style = self.networks.checkpoint.face_style
        still = Shot(shot.reference, shot.reference.motion).pose_frames([0], style)

        def draw(numbers: Sequence[int]) -> np.ndarray:
            moving = shot.pose_frames([window[number - 1] for number in numbers if number], style)
            frames = iter(moving)
            return np.stack([next(frames) if number else still[0] for number in numbers])

        return draw


def fitted(settings: Settings, trained: int, frames: int) -> Settings:
    """The settings with a window: the one chosen, or else as many frames as the checkpoint was trained on at once.

    frames: of the sequence, the reference included; one window of a short clip shares nothing, whatever the overlap.
    Raises RenderError for an overlap that does not fit the checkpoint's window.
    """
    if settings.window is not None:
        return settings
    if frames <= trained:
        return replace(settings, window=frames, overlap=None)
    try:
        return replace(settings, window=trained)
    except ValueError as error:
        raise RenderError(f"The sampling does not fit the checkpoint, trained on {trained} frames: {error}.") from error


def find_checkpoint(name: str | None) -> CheckpointInfo:
    """A checkpoint by its folder, by its name among one's own and the bundled, or the only one of one's own.

    Raises CheckpointError, which lists what there is.
    """
    own, bundled = checkpoint_roots()
    if name is not None:
        return read_info(checkpoint_named(name))
    known, damaged = examine_checkpoints([own])
    if len(known) != 1:
        there = ", ".join(info.folder.name for info in known) or "none"
        also = f" ({', '.join(path.name for path in damaged)} cannot be read: name it to hear why)" if damaged else ""
        demos = "".join(f" and, bundled, {info.folder.name}" for info in list_checkpoints([bundled]))
        raise CheckpointError(
            f"Name a checkpoint with --checkpoint; in {own} there is {there}{also}{demos}; "
            "`python -m apvgen checkpoints list` says what there is to download."
        )
    return known[0]
