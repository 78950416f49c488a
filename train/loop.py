"""The training loop: iterations of two optimiser steps, as a generator that tells what happened."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from diffusers.training_utils import EMAModel
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from apvgen.errors import ApvgenError
from train.batches import Batch
from train.config import TrainConfig
from train.draws import draw
from train.face_window import cut_to_faces
from train.latents import Latents
from train.networks import trained_parameters
from train.objective import face_losses, latent_mask, masked_mean, noised, timestep_of, velocity_target

Losses = dict[str, torch.Tensor]
"""The mean of each loss over a batch, by name, not weighted."""


class DivergedError(ApvgenError):
    """The loss or its gradient is no number any more."""


@dataclass
class Run:
    """All that changes in training, on its devices, and what it needs.

    model: `train.networks.Denoiser`, with or without adapters, prepared by the accelerator. average: None for none.
    """

    config: TrainConfig
    accelerator: Accelerator
    model: nn.Module
    optimiser: AcceleratedOptimizer
    schedule: LRScheduler
    latents: Latents
    average: EMAModel | None = None


@dataclass(frozen=True)
class Facts:
    """Of one iteration. step: how many are done with it. losses: not weighted, means over all processes.

    gradients: lengths before clipping, by kind of batch. seconds: it took, loading included.
    """

    step: int
    losses: dict[str, float]
    gradients: dict[str, float]
    learning_rate: float
    seconds: float

    def figures(self) -> dict[str, float]:
        """As a tracker wants them."""
        return {
            **{f"loss/{name}": loss for name, loss in self.losses.items()},
            **{f"gradient/{kind}": length for kind, length in self.gradients.items()},
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
        }


def iterations(run: Run, batches: Iterable[Batch], start: int) -> Iterator[Facts]:
    """Train from iteration `start` to the end on batches in the order of `train.batches.BatchPlan`.

    Raises DivergedError before the weights change, and what loading raises.
    """
    settings, source = run.config.optimiser, iter(batches)
    run.model.train()
    for step in range(start + 1, settings.steps + 1):
        began, rate = time.perf_counter(), run.schedule.get_last_lr()[0]
        losses, gradients = defaultdict(list), {}
        for kind in run.config.method.kinds:
            gradients[kind] = optimiser_step(run, islice(source, settings.accumulation), step, losses)
        run.schedule.step()
        if run.average is not None:
            run.average.step(trained_parameters(run.model))
        means = {name: math.fsum(values) / len(values) for name, values in losses.items()}
        yield Facts(step, means, gradients, rate, time.perf_counter() - began)


def optimiser_step(run: Run, batches: Iterable[Batch], step: int, told: dict[str, list[float]]) -> float:
    """One step on the batches given, all of one kind; the length of its gradient.

    step: for messages. told: takes the losses of each batch.
    """
    length = 0.0
    for batch in batches:
        with run.accelerator.accumulate(run.model):
            losses = losses_of(run, batch)
            _tell(run, losses, step, told)
            run.accelerator.backward(weighted(losses, run.config))
            if run.accelerator.sync_gradients:
                length = _clipped(run, step)
            run.optimiser.step()
            run.optimiser.zero_grad()
    return length


def losses_of(run: Run, batch: Batch) -> Losses:
    """The losses of a batch, by name."""
    device, seed = run.accelerator.device, run.config.optimiser.seed
    known, hw = run.latents.of(batch), run.config.hw_of(batch.kind)
    if hw != run.config.data.hw:
        batch, known = cut_to_faces(batch, known, hw)
    shape, method = tuple(known.latents.shape[1:]), run.config.method
    drawn = draw(seed, batch.kind, batch.positions, shape, run.config.dropout, method.noise_scale).to(device)
    image = (known.image * drawn.keep_image.view(-1, 1, 1, 1))[:, None].expand_as(known.latents)
    predicted = run.model(
        torch.cat([noised(known.latents, drawn.noise, drawn.sigma), image], 2),
        timestep_of(drawn.sigma),
        known.embedding * drawn.keep_embedding.view(-1, 1, 1),
        batch.poses.to(device) / 255,
        drawn.keep_pose,
    )
    squared = (predicted.float() - velocity_target(known.latents, drawn.noise, drawn.sigma)) ** 2
    mask = latent_mask(batch.mask.to(device), squared.shape[-2:])
    if batch.kind == "body":
        return {"body": masked_mean(squared, mask).mean()}
    if not run.config.method.reference_training:
        return {"face": masked_mean(squared, mask).mean()}
    face, reference = face_losses(squared, mask)
    return {"face": face.mean(), "reference": reference.mean()}


def weighted(losses: Losses, config: TrainConfig) -> torch.Tensor:
    """What an optimiser step lowers: L_face + beta L_refer, or alpha L_body."""
    weights = {"face": 1.0, "reference": config.method.beta, "body": config.method.alpha}
    return sum(weights[name] * loss for name, loss in losses.items())


def _tell(run: Run, losses: Losses, step: int, told: dict[str, list[float]]) -> None:
    """Note the losses of all processes; raises DivergedError in all of them if one is no number."""
    means = run.accelerator.reduce(torch.stack(list(losses.values())).detach(), "mean").tolist()
    if not all(map(math.isfinite, means)):
        raise DivergedError(f"The loss of step {step} is not a number any more; {_ADVICE}.")
    for name, mean in zip(losses, means, strict=True):
        told[name].append(mean)


def _clipped(run: Run, step: int) -> float:
    settings = run.config.optimiser
    length = float(run.accelerator.clip_grad_norm_(trained_parameters(run.model), settings.clip_norm))
    # Half precision's gradient scaler expects overflows, and leaves such steps out.
    if not math.isfinite(length) and run.config.device.precision != "fp16":
        raise DivergedError(f"The gradient of step {step} is not a number any more; {_ADVICE}.")
    return length


_ADVICE = "go on in another --out with a lower --learning-rate, or with --precision bf16 or no"
