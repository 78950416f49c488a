"""`accelerate launch -m train.finetune`: fine-tune a checkpoint on face and body clips, as the paper does.

See docs/train.md. The same command again goes on where the last one stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from apvgen.errors import ApvgenError, Cancelled
from apvgen.process import wait_calmly
from train.config import TrainConfig

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
    from train.presets import parse

    config = parse(arguments)
    click.echo(f"The checkpoint is {train(config)}")


def train(config: TrainConfig) -> Path:
    """Train as the settings say; the checkpoint's folder."""
    from apvgen.model.checkpoint import read_info
    from train.data import frame_rate, open_examples
    from train.session import Session, Shown

    style = read_info(config.init).face_style
    examples = open_examples(config, style)
    shown = open_examples(config, style, config.output.validation) if config.output.validation else examples
    return Session(config, examples, Shown(shown, frame_rate(examples, config.data.stride))).train()


if __name__ == "__main__":
    main()
