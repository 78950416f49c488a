"""What a run is for, in a word; and the command line that begins with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from apvgen.errors import InputError
from train.config import (
    DataSettings,
    DeviceSettings,
    DropoutSettings,
    OptimiserSettings,
    OutputSettings,
    PresetName,
    TrainConfig,
)

PROGRAM = "python -m train.finetune"

PRESETS: dict[PresetName, TrainConfig] = {
    "paper": TrainConfig(
        tyro.MISSING,
        DataSettings(tyro.MISSING),
        OutputSettings(tyro.MISSING),
    ),
    "debug": TrainConfig(
        tyro.MISSING,
        DataSettings(tyro.MISSING, hw=(128, 128), frames=5, workers=0),
        OutputSettings(tyro.MISSING, save_every=2, validate_every=4, validation_schedule="align-your-steps-2"),
        optimiser=OptimiserSettings(steps=4, warm_up=2, ema_decay=0.9),
        device=DeviceSettings("no", gradient_checkpointing=False),
        preset="debug",
    ),
    "demo": TrainConfig(
        tyro.MISSING,
        DataSettings(tyro.MISSING, hw=(192, 128), frames=8, workers=1),
        OutputSettings(tyro.MISSING, save_every=250, validate_every=500),
        dropout=DropoutSettings(0.0, 0.0, 0.0, drop_all=0.1),
        optimiser=OptimiserSettings(
            steps=4000, batch=2, learning_rate=2e-4, schedule="cosine", warm_up=100, weight_decay=1e-4, ema_decay=0.999
        ),
        device=DeviceSettings("bf16", gradient_checkpointing=False),
        preset="demo",
    ),
}
"""`paper`: 768 x 512, 21 frames with the reference, 10 epochs of 10,000 face clips; rate and warm-up are ControlNeXt's
(ControlNeXt-SVD-v2-Training/script.sh of dvlab-research/ControlNeXt). `debug`: minutes on a CPU. `demo`: a small
network, trained from nothing on CPUs."""


@dataclass(frozen=True)
class _Chosen:
    preset: PresetName = "paper"


def parse(arguments: Sequence[str] | None = None) -> TrainConfig:
    """The settings of a command line: those of its `--preset`, and what other flags change.

    Ends the program with status 2 and a message, which suggests what may have been meant, for anything unknown in it;
    raises InputError for settings that are out of range.
    """
    chosen, _ = tyro.cli(_Chosen, args=arguments, return_unknown_args=True, add_help=False)
    try:
        return tyro.cli(TrainConfig, prog=PROGRAM, args=arguments, default=PRESETS[chosen.preset])
    except ValueError as error:
        raise InputError(f"A setting is out of range: {error}.") from error
