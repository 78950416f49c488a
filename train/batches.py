"""Batches of a run: which positions of the data each process sees in which iteration, and how they are loaded."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from apvgen.errors import ApvgenError, InputError
from train.config import OptimiserSettings
from train.examples import Example, Kind

Place = tuple[Kind, int]
"""A position in the stream of a kind."""
Placed = tuple[Place, Example]


class Examples(Protocol):
    """The endless stream of examples of a kind, such as `train.dataset.FaceExamples`."""

    def __getitem__(self, position: int) -> Example: ...


@dataclass(frozen=True)
class Batch:
    """B examples of a kind. positions: in its stream. identities: as `Example.identity`.

    frames, poses: uint8 `[B, S, 3, H, W]`. mask: float32 `[B, S, H, W]`.
    """

    kind: Kind
    positions: tuple[int, ...]
    identities: tuple[str, ...]
    frames: torch.Tensor
    poses: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class BatchPlan:
    """The places of every forward pass of one process, from iteration `start` up to `steps`, in order.

    kinds: of the optimiser steps of an iteration. rank, ranks: of the process. A pass over n processes takes n times
    `batch` neighbouring positions, of which rank r has every n-th.
    """

    kinds: tuple[Kind, ...]
    optimiser: OptimiserSettings
    start: int = 0
    rank: int = 0
    ranks: int = 1

    def __len__(self) -> int:
        return (self.optimiser.steps - self.start) * len(self.kinds) * self.optimiser.accumulation

    def __iter__(self) -> Iterator[list[Place]]:
        for iteration in range(self.start, self.optimiser.steps):
            for turn, kind in enumerate(self.kinds):
                yield from self._optimiser_step(
                    kind, iteration * self.kinds.count(kind) + self.kinds[:turn].count(kind)
                )

    def _optimiser_step(self, kind: Kind, before: int) -> Iterator[list[Place]]:
        """before: optimiser steps of the same kind since the beginning of the run."""
        together = self.optimiser.batch * self.ranks
        for passed in range(self.optimiser.accumulation):
            first = (before * self.optimiser.accumulation + passed) * together
            yield [(kind, position) for position in range(first + self.rank, first + together, self.ranks)]


class _Placed(Dataset[Placed | ApvgenError]):
    def __init__(self, examples: Mapping[Kind, Examples]) -> None:
        self._examples = examples

    def __getitem__(self, place: Place) -> Placed | ApvgenError:
        kind, position = place
        try:
            return place, self._examples[kind][position]
        except ApvgenError as error:
            return error  # raised in a loading process, it would arrive as a page of traceback


def load_batches(examples: Mapping[Kind, Examples], plan: BatchPlan, workers: int) -> Iterator[Batch]:
    """The batches of a plan, in its order, loaded ahead by `workers` processes. Raises what `examples` raise."""
    loader = DataLoader(
        _Placed(examples),
        batch_sampler=plan,
        collate_fn=_collate_or_error,
        num_workers=workers,
        worker_init_fn=_leave_signals_to_the_run,
    )
    for batch in loader:
        if isinstance(batch, ApvgenError):
            raise batch
        yield batch


def _collate_or_error(placed: Sequence[Placed | ApvgenError]) -> Batch | ApvgenError:
    errors = [one for one in placed if isinstance(one, ApvgenError)]
    if errors:
        return errors[0]
    try:
        return collate(placed)
    except ApvgenError as error:
        return error


def collate(placed: Sequence[Placed]) -> Batch:
    """Examples of one kind as a batch.

    Raises InputError for examples of different sizes, or one whose mask leaves nothing to learn from.
    """
    places, examples = zip(*placed, strict=True)
    sizes = {example.frames.shape for example in examples}
    if len(sizes) > 1:
        raise InputError(f"Examples {', '.join(e.key for e in examples)} differ in size: {sizes}; prepare them alike.")
    for example in examples:
        if not all(part.any() for part in (example.mask[:1], example.mask[1:])):
            raise InputError(f"Example {example.key} has an empty mask; prepare the clip again, or leave it out.")
    return Batch(
        places[0][0],
        tuple(position for _, position in places),
        tuple(example.identity for example in examples),
        _pictures([example.frames for example in examples]),
        _pictures([example.poses for example in examples]),
        torch.from_numpy(np.stack([example.mask for example in examples])),
    )


def _pictures(clips: Sequence[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(clips)).permute(0, 1, 4, 2, 3)


def _leave_signals_to_the_run(_worker: int) -> None:
    """A stop is for the run to hear, which finishes its step first; it ends its workers itself, by SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
