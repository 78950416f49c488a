"""`accelerate launch -m train.finetune`: fine-tune a checkpoint on face and body clips, as the paper does.

See docs/train.md. The same command again goes on where the last one stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from apvgen.errors import ApvgenError, Cancelled, InputError
from apvgen.process import wait_calmly

if TYPE_CHECKING:
    import torch

    from train.batches import Examples
    from train.config import TrainConfig
    from train.examples import Kind
    from train.session import Shown

FAILED, STOPPED = 2, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every expected failure is one sentence on standard error."""
    wait_calmly()
    try:
        _run(arguments)
    except (KeyboardInterrupt, Cancelled) as error:
        click.echo(str(error) or "Stopped; the same command goes on from the last saved step.", err=True)
        sys.exit(STOPPED)
    except ApvgenError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)


def _run(arguments: Sequence[str] | None) -> None:
    from accelerate import PartialState

    from apvgen.backbones.controlnext_svd import find_checkpoint
    from train.estimate import iteration_cost, remember_run, report
    from train.presets import parse
    from train.session import Session

    config = parse(arguments)
    state, init = PartialState(), find_checkpoint(str(config.init))
    check_precision(config, state.device)
    data = None if config.estimate_only else _open_data(config)
    if state.is_main_process:
        cost = iteration_cost(config, init)
        click.echo(report(cost, config, state.device))
    if data is None:
        return
    session = Session(config, *data)
    folder = session.train()
    if state.is_main_process:
        remember_run(cost, config, state.device, session.pace)
        click.echo(f"The checkpoint is {folder}")


def check_precision(config: TrainConfig, device: torch.device) -> None:
    """Raise InputError for the one case whose gradients torch gets wrong (2.13, oneDNN's Conv3d over two frames)."""
    if (device.type, config.device.precision, config.data.frames) == ("cpu", "bf16", 1):
        raise InputError(
            "On a CPU, bf16 gradients are wrong for a single frame beside its reference; use --frames 2 or "
            "--precision no."
        )


def _open_data(config: TrainConfig) -> tuple[Mapping[Kind, Examples], Shown]:
    """What is trained on, and what validation shows."""
    from train.data import frame_rate, open_examples
    from train.session import Shown

    examples = open_examples(config)
    shown = open_examples(config, config.output.validation) if config.output.validation else examples
    return examples, Shown(shown, frame_rate(examples, config.data.stride))


if __name__ == "__main__":
    main()
