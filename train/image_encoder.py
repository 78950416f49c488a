"""Train the demo's image encoder: `python -m train.image_encoder --data SHARDS --out FOLDER`; again, to go on.

What CLIP's embedding tells SVD of a reference picture, this one learns without words: whatever is needed to paint a
thumbnail of it. So it works on any shards, and colours and their places, which make a person's looks, are in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from torch import nn
from torch.nn.functional import interpolate, mse_loss
from torch.utils.data import Dataset
from transformers import CLIPVisionModelWithProjection

from apvgen.process import keep_freed_memory
from apvgen.sampler.conditioning import clip_pixels
from train.batches import Examples
from train.small_networks import EMBEDDING, save_network, small_image_encoder
from train.small_run import LossOf, Pace, SmallRun, ahead, finish, open_examples

THUMBNAIL = (24, 16)
"""Height and width in pixels."""

_WIDTH = 512


class Painter(nn.Module):
    """An image encoder, and what paints a thumbnail from its embedding alone."""

    def __init__(self, encoder: CLIPVisionModelWithProjection) -> None:
        super().__init__()
        self.encoder = encoder
        self.paint = nn.Sequential(
            nn.Linear(EMBEDDING, _WIDTH), nn.GELU(), nn.Linear(_WIDTH, 3 * THUMBNAIL[0] * THUMBNAIL[1])
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """float `[B, 3, side, side]`, as `clip_pixels` makes them, to `[B, 3, *THUMBNAIL]`."""
        return self.paint(self.encoder(pixels).image_embeds).unflatten(1, (3, *THUMBNAIL))


@dataclass(frozen=True)
class References(Dataset[torch.Tensor]):
    """Item k is what step k sees: float32 `[batch, 3, side, side]`, references of all kinds of examples in turn."""

    examples: Sequence[Examples]
    batch: int
    side: int

    def __getitem__(self, step: int) -> torch.Tensor:
        kinds = len(self.examples)
        positions = range(step * self.batch, (step + 1) * self.batch)
        pictures = [self.examples[p % kinds][p // kinds].frames[0] for p in positions]
        return torch.cat([clip_pixels(picture, self.side) for picture in pictures])


def painting_step(batches: Iterator[torch.Tensor]) -> LossOf:
    """The squared error of each step's thumbnails, in units of CLIP's normalised pixels."""

    def loss_of(painter: torch.nn.Module, _step: int) -> torch.Tensor:
        pixels = next(batches)
        return mse_loss(painter(pixels), interpolate(pixels, THUMBNAIL, mode="area"))

    return loss_of


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of shards, faces and bodies.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the network.")
@click.option("--steps", default=1500, show_default=True)
@click.option("--batch", default=16, show_default=True)
@click.option("--rate", default=5e-4, show_default=True, help="The highest learning rate.")
@click.option("--seed", default=0, show_default=True)
def main(data: Path, out: Path, steps: int, batch: int, rate: float, seed: int) -> None:
    """Train the demo's image encoder; run again to go on after an interruption."""
    torch.manual_seed(seed)
    run = SmallRun(Painter(small_image_encoder()), Pace(steps, rate))
    pictures = References(open_examples(data, 1, seed), batch, run.network.encoder.config.image_size)
    finish(run, out.with_suffix(".state.pt"), lambda start: painting_step(ahead(pictures, range(start, steps))))
    save_network(run.average.encoder.eval(), out)


if __name__ == "__main__":
    keep_freed_memory()
    main()
