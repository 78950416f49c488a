"""A training run of one small network on one machine: steps, a running mean of the weights, and going on after a stop.

What a step sees depends on its number alone, so a run that was stopped ends as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from diffusers.optimization import get_cosine_schedule_with_warmup
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from apvgen.errors import CheckpointError
from apvgen.files import complete_or_absent
from train.batches import Examples
from train.dataset import BodyExamples, ExampleOptions, FaceExamples
from train.shards import open_shards
from train.small_networks import DEMO_HW

LossOf = Callable[[torch.nn.Module, int], torch.Tensor]
"""(network, number of the step) to the loss of that step."""

Network = TypeVar("Network", bound=torch.nn.Module)

_AVERAGED_FROM = 10
_SAVE_EVERY = 200
_TOLD_EVERY = 50


@dataclass(frozen=True)
class Pace:
    """steps: in all. rate: the highest learning rate. warm_up: steps until there. averaging: of the weights' mean."""

    steps: int
    rate: float
    warm_up: int = 100
    averaging: float = 0.995


@dataclass
class SmallRun:
    """A run between two steps. average: the weights to ship."""

    network: torch.nn.Module
    pace: Pace
    average: torch.nn.Module = field(init=False)
    optimiser: torch.optim.Optimizer = field(init=False)
    step: int = 0

    def __post_init__(self) -> None:
        self.average = deepcopy(self.network).requires_grad_(False)
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.AdamW(trained, self.pace.rate, weight_decay=1e-4)
        self._schedule = get_cosine_schedule_with_warmup(self.optimiser, self.pace.warm_up, self.pace.steps)

    def steps(self, loss_of: LossOf) -> Iterator[float]:
        """Train to the end, yielding each step's loss; raises FloatingPointError for one that is no number."""
        self.network.train()
        while self.step < self.pace.steps:
            loss = loss_of(self.network, self.step)
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss of step {self.step} is {loss.item()}; lower the learning rate")
            self.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimiser.step()
            self._schedule.step()
            self.step += 1
            self._update_average()
            yield loss.item()

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.pace.averaging, self.step / (self.step + _AVERAGED_FROM))
        for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(now, 1 - keep)

    @property
    def _parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        parts = {"network": self.network, "average": self.average, "optimiser": self.optimiser}
        return parts | {"schedule": self._schedule}

    def save(self, path: Path) -> None:
        """Write the run's state, whole or not at all. Raises OutputError for a full disk."""
        with complete_or_absent(path) as temporary:
            torch.save({name: part.state_dict() for name, part in self._parts.items()} | {"step": self.step}, temporary)

    def load(self, path: Path) -> None:
        """Go on from the state that `save` wrote."""
        states = torch.load(path, weights_only=True)
        for name, part in self._parts.items():
            part.load_state_dict(states[name])
        self.step = states["step"]


def finish(run: SmallRun, state: Path, losses_from: Callable[[int], LossOf]) -> None:
    """Do the rest of a run, with progress and time left on standard error; its state is kept in the file `state`.

    losses_from: makes the loss of all steps from the given one on.
    """
    if state.is_file():
        run.load(state)
    losses: list[float] = []
    with tqdm(total=run.pace.steps, initial=run.step, unit="step", mininterval=5) as bar:
        for loss in run.steps(losses_from(run.step)):
            losses.append(loss)
            bar.update()
            if run.step % _TOLD_EVERY == 0:
                bar.set_postfix(loss=f"{sum(losses[-_TOLD_EVERY:]) / _TOLD_EVERY:.4f}", refresh=False)
            if run.step % _SAVE_EVERY == 0:
                run.save(state)


def save_weights(network: torch.nn.Module, path: Path) -> None:
    """Write a network's weights, whole or not at all. Raises OutputError for a full disk."""
    with complete_or_absent(path) as temporary:
        save_file(network.state_dict(), temporary)


def load_weights(network: Network, path: Path, maker: str) -> Network:
    """A network with the weights that the command `maker` wrote; raises CheckpointError for a missing or other file."""
    if not path.is_file():
        raise CheckpointError(f"{path} is missing; make it with python -m {maker}.")
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path} is not what python -m {maker} writes; give that file.") from error
    return network.eval()


def open_examples(data: Path, frames: int, seed: int) -> list[Examples]:
    """Examples of faces and of bodies at the size of the demo, each with so many frames besides the reference.

    Raises InputError for a folder without shards of both.
    """
    shards, options = open_shards(data), ExampleOptions(DEMO_HW, frames, seed=seed)
    return [FaceExamples(shards, options), BodyExamples(shards, options)]


def ahead(items: Dataset[torch.Tensor], steps: range) -> Iterator[torch.Tensor]:
    """The items of those steps, made by another process while this one computes."""
    return iter(DataLoader(items, batch_size=None, sampler=steps, num_workers=1))
