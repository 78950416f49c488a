"""`python -m train.synthetic`: draw data sets of the world, or a preview of it."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import click
from tqdm import tqdm

from apvgen.errors import ApvgenError
from train.synthetic.people import Split
from train.synthetic.preview import write_preview
from train.synthetic.world import Outpainting
from train.synthetic.writing import Order, write

_SIZE = click.IntRange(32, 4096)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder that the shards are written to.")
@click.option("--preview", type=click.Path(file_okay=False, path_type=Path), help="Folder for pictures and videos.")
@click.option("--faces", type=click.IntRange(0), default=0, help="Close-ups of people who talk.")
@click.option("--bodies", type=click.IntRange(0), default=0, help="Dancers, silent and with little detail in the face.")
@click.option("--speaking", type=click.IntRange(0), default=0, help="Dancers who talk, for evaluation.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--split", type=click.Choice(get_args(Split)), default="train", help="Whose people and voices.")
@click.option("--hw", type=(_SIZE, _SIZE), default=(384, 256), help="Height and width of dancers, px.")
@click.option("--face-hw", type=(_SIZE, _SIZE), default=(256, 256), help="Height and width of close-ups, px.")
@click.option("--frames", type=click.IntRange(2), default=48, help="Frames of every clip.")
@click.option("--fps", type=click.IntRange(5, 60), default=25)
@click.option("--outpainting", type=click.Choice(get_args(Outpainting)), default="classical", help="Around close-ups.")
@click.option("--shard-clips", type=click.IntRange(1), default=64, help="Clips in a shard.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count(), help="Processes that draw.")
def main(out: Path | None, preview: Path | None, **given: Any) -> None:
    """Draw people who talk and dance, with exact keypoints. What OUT already holds is kept and not drawn again."""
    if (out is None) == (preview is None):
        raise click.UsageError("Give either --out or --preview.")
    if given["speaking"] and (given["faces"] or given["bodies"]):
        raise click.UsageError("Give --speaking a folder of its own, or training would take the truth for data.")
    given["fps"] = Fraction(given["fps"])
    try:
        if preview is not None:
            _preview(preview, given)
        else:
            _write(out, given)
    except ApvgenError as error:
        raise click.ClickException(str(error)) from error


def _preview(folder: Path, given: dict[str, Any]) -> None:
    for path in write_preview(folder, hw=given["hw"], face_hw=given["face_hw"], **_alike(given)):
        click.echo(str(path))


def _write(out: Path, given: dict[str, Any]) -> None:
    alike, hw = _alike(given), given["hw"]
    orders = [
        Order("face", given["faces"], hw=given["face_hw"], outpainting=given["outpainting"], **alike),
        Order("body", given["bodies"], hw=hw, **alike),
        Order("speaking_dancer", given["speaking"], hw=hw, **alike),
    ]
    total = sum(order.count for order in orders)
    drawn = 0
    with tqdm(total=total, unit="clip") as bar:
        for clips in write(out, orders, given["shard_clips"], given["workers"]):
            drawn += clips
            bar.update(clips)
        bar.update(total - drawn)
    click.echo(f"{out} holds {total} clips, {drawn} of them new.")


def _alike(given: dict[str, Any]) -> dict[str, Any]:
    """What clips of all scenes have in common."""
    return {name: given[name] for name in ("seed", "frames", "fps", "split")}


if __name__ == "__main__":
    main()
