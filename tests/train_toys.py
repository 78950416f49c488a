"""Small runs of the trainer: examples made up in memory, the tiny checkpoint, settings for seconds on a CPU."""

import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from train.config import DataSettings, DeviceSettings, OptimiserSettings, OutputSettings, TrainConfig
from train.examples import Example, Kind
from train.session import Session, Shown

HW, FRAMES = (128, 128), 1
"""Where the tiny network halves a side to a single latent, group normalisation divides rounding errors by nothing."""


@dataclass(frozen=True)
class MadeUp:
    """An endless stream of noise pictures, each position its own; face masks leave a margin."""

    kind: Kind
    draws: int = 0

    def __getitem__(self, position: int) -> Example:
        rng = np.random.default_rng((position % self.draws if self.draws else position, len(self.kind)))
        shape = (FRAMES + 1, *HW, 3)
        frames, poses = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
        mask = np.ones(shape[:3], np.float32)
        if self.kind == "face":
            mask[1:, :24] = 0
        identity = f"{self.kind} {position % self.draws if self.draws else position}"
        return Example(f"{self.kind}-{position}", self.kind, frames, poses, mask, identity)


STREAMS = {"face": MadeUp("face"), "body": MadeUp("body")}


def toy_config(init: Path, folder: Path, **optimiser: object) -> TrainConfig:
    """Three iterations in float32 without anything that takes long."""
    chosen = {"steps": 3, "batch": 1, "learning_rate": 1e-3, "warm_up": 2, "ema_decay": 0.9} | optimiser
    return TrainConfig(
        init,
        DataSettings(Path("unused"), hw=HW, frames=FRAMES, workers=0),
        OutputSettings(folder / "out", folder / "checkpoint", save_every=100, validate_every=0, tracker="none"),
        optimiser=OptimiserSettings(**chosen),
        device=DeviceSettings("no", gradient_checkpointing=False),
        preset="debug",
    )


def with_group(config: TrainConfig, group: str, **changed: object) -> TrainConfig:
    """The settings with some of a group changed."""
    return replace(config, **{group: replace(getattr(config, group), **changed)})


def accelerator_for(config: TrainConfig) -> Accelerator:
    """A process of its own, without trackers."""
    return Accelerator(
        gradient_accumulation_steps=config.optimiser.accumulation, mixed_precision=config.device.precision, cpu=True
    )


if __name__ == "__main__":  # one of several processes, for `accelerate launch`
    start, place, rate = sys.argv[1:]
    torch.set_num_threads(1)
    chosen = toy_config(Path(start), Path(place), steps=2, warm_up=0, learning_rate=float(rate), ema_decay=0)
    Session(chosen, STREAMS, Shown(STREAMS, Fraction(12))).train()
