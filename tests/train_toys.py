"""Small runs of the trainer: examples made up in memory, the tiny checkpoint, settings for seconds on a CPU."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from train.config import DataSettings, DeviceSettings, OptimiserSettings, OutputSettings, TrainConfig
from train.examples import Example, Kind

HW, FRAMES = (64, 64), 2


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
