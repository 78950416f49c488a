"""Train the demo's VAE: `python -m train.autoencoder --data SHARDS --out FOLDER`; again, to go on after a stop.

It sees what fine-tuning sees: the frames of examples, in crops of a few frames, so that the temporal layers of the
decoder learn too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch.nn.functional import avg_pool2d, conv2d, l1_loss, mse_loss
from torch.utils.data import Dataset

from apvgen.process import keep_freed_memory
from apvgen.sampler.conditioning import LATENT_PIXELS
from train.batches import Examples
from train.examples import Example
from train.small_networks import LATENT_CHANNELS, save_network, small_vae
from train.small_run import LossOf, Pace, SmallRun, ahead, finish, open_examples

_EDGE_WEIGHT = 1.0
"""Of the absolute error of differences between neighbouring pixels, which are a tenth of the pixels' own."""
_PATTERN_WEIGHT = 0.5
"""Of how far latents are from what `patterns` finds in their pixels: what to say is then learnt in hundreds of steps
instead of thousands, and latents stay easy to predict."""
_COLOUR_SCALE, _DETAIL_SCALE = 1.5, 10.0
"""Give either kind of latent a deviation of about 0.6 on drawn people."""
_DETAILS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
"""Half waves down and across: the lowest of a cosine transform besides the mean, as in JPEG."""
_DETAIL_SHARE = 1 / 3
"""Of the size at which details are learnt, what they have in the end. An error of a latent of detail is then worth
about as much as one of colour in pixels (as much at a quarter). At full size four fifths of a UNet's loss are edges
that it cannot foresee, and colours stay blotched."""
_LUMINANCE = (0.299, 0.587, 0.114)
_KL_WEIGHT = 3e-4
"""Enough to keep latents near unit deviation, which diffusion wants, and little enough to keep lips sharp."""
_HALVED_SHARE = 0.2
"""Of the crops: seen at half size, since low resolutions are trained too."""
_FACE_SHARE = 0.8
"""Of the crops of face clips: taken where the face is, which is a twentieth of the picture and most of what counts."""


@dataclass(frozen=True)
class CropPlan:
    """What a step sees: of each of `clips` examples, `crops` crops of `frames` frames, `side` pixels square."""

    clips: int
    crops: int
    frames: int
    side: int


PICTURES, CLIPS = CropPlan(4, 12, 1, 32), CropPlan(2, 1, 3, 128)
"""Many small pieces of single pictures until the decoder knows colours and lines, then fewer and larger places, for
some frames each."""
PICTURES_SHARE = 0.85
"""Of the steps."""


def crop(example: Example, plan: CropPlan, rng: np.random.Generator) -> torch.Tensor:
    """float32 `[frames, 3, side, side]` in [-1, 1]: a few of an example's frames, in order, at one random place."""
    start = int(rng.integers(0, len(example.frames) - plan.frames + 1))
    scale = 2 if rng.random() < _HALVED_SHARE else 1
    mask, side = example.mask[start], plan.side * scale
    on_face = example.kind == "face" and rng.random() <= _FACE_SHARE
    middle = np.unravel_index(rng.choice(np.flatnonzero(mask > 0) if on_face else mask.size), mask.shape)
    top, left = (int(np.clip(at - side // 2, 0, length - side)) for at, length in zip(middle, mask.shape, strict=True))
    chosen = example.frames[start : start + plan.frames, top : top + side, left : left + side]
    return avg_pool2d(torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 127.5 - 1, scale)


def autoencoder_loss(vae: AutoencoderKLTemporalDecoder, crops: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
    """Error of pixels and of edges, and what keeps the latents' distribution near normal.

    crops: `[B, F, 3, side, side]` in [-1, 1].
    """
    frames = crops.flatten(0, 1)
    posterior = vae.encode(frames).latent_dist
    made = vae.decode(posterior.sample(noise), num_frames=crops.shape[1]).sample.float()
    spread = posterior.kl().mean() / posterior.mean[0].numel()
    guided = mse_loss(posterior.mean.float(), conv2d(frames, patterns(), stride=LATENT_PIXELS))
    return reconstruction_error(made, frames) + _KL_WEIGHT * spread + _PATTERN_WEIGHT * guided


@cache
def patterns() -> torch.Tensor:
    """What latents are drawn to, as a filter over the pixels of each: float32 `[LATENT_CHANNELS, 3, 8, 8]`.

    The mean of each colour, then the lowest cosines of the luminance.
    """
    across = (torch.arange(LATENT_PIXELS) + 0.5) * torch.pi / LATENT_PIXELS
    waves = [torch.cos(k * across) * (2**0.5 if k else 1) for k in range(3)]
    means = torch.eye(3)[..., None, None].expand(-1, -1, LATENT_PIXELS, LATENT_PIXELS)
    details = torch.stack([torch.outer(waves[down], waves[along]) for down, along in _DETAILS])
    luminance = torch.tensor(_LUMINANCE).view(1, 3, 1, 1)
    return torch.cat([_COLOUR_SCALE * means, _DETAIL_SCALE * luminance * details[:, None]]) / LATENT_PIXELS**2


def reconstruction_error(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of pixels, and of the differences between neighbours: lips and eyes are mostly edges."""
    edges = sum(l1_loss(made.diff(dim=axis), wanted.diff(dim=axis)) for axis in (-1, -2))
    return l1_loss(made, wanted) + _EDGE_WEIGHT * edges


@dataclass(frozen=True)
class Crops(Dataset[torch.Tensor]):
    """Item k is what step k sees: float32 `[B, frames, 3, side, side]`, of all kinds of examples in turn.

    pictures: steps that see single pictures, after which come clips.
    """

    examples: Sequence[Examples]
    pictures: int
    seed: int = 0

    def __getitem__(self, step: int) -> torch.Tensor:
        plan, kinds = PICTURES if step < self.pictures else CLIPS, len(self.examples)
        rng = np.random.default_rng((self.seed, step))
        positions = range(step * plan.clips, (step + 1) * plan.clips)
        seen = [self.examples[p % kinds][p // kinds] for p in positions]
        return torch.stack([crop(example, plan, rng) for example in seen for _ in range(plan.crops)])


@torch.no_grad()
def unit_scale(vae: AutoencoderKLTemporalDecoder, crops: Iterable[torch.Tensor]) -> float:
    """What to multiply latents by so that their deviation is 1, which is what sigmas count in."""
    latents = [vae.encode(batch.flatten(0, 1)).latent_dist.mode() for batch in crops]
    return 1 / float(torch.cat(latents).std())


@torch.no_grad()
def turn_down_details(vae: AutoencoderKLTemporalDecoder) -> None:
    """Make the latents of detail smaller by `_DETAIL_SHARE`; decoded pictures stay as they are."""
    share = torch.ones(LATENT_CHANNELS)
    share[-len(_DETAILS) :] = _DETAIL_SHARE
    weight, bias = vae.quant_conv.weight, vae.quant_conv.bias
    weight[:LATENT_CHANNELS] *= share.view(-1, 1, 1, 1)
    bias += torch.cat([bias[:LATENT_CHANNELS] * (share - 1), 2 * share.log()])  # mean, log variance
    vae.decoder.conv_in.weight /= share.view(1, -1, 1, 1)


def autoencoder_step(seed: int, batches: Iterator[torch.Tensor]) -> LossOf:
    """The loss of each step, in bfloat16 where that is quick."""

    def loss_of(vae: torch.nn.Module, step: int) -> torch.Tensor:
        noise = torch.Generator().manual_seed(seed * 2**32 + step)
        with torch.autocast("cpu", torch.bfloat16):
            return autoencoder_loss(vae, next(batches), noise)

    return loss_of


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of shards, faces and bodies.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the network.")
@click.option("--steps", default=6000, show_default=True)
@click.option("--rate", default=6e-4, show_default=True, help="The highest learning rate.")
@click.option("--seed", default=0, show_default=True)
def main(data: Path, out: Path, steps: int, rate: float, seed: int) -> None:
    """Train the demo's VAE; run again to go on after an interruption."""
    torch.manual_seed(seed)
    run = SmallRun(small_vae(), Pace(steps, rate))
    crops = Crops(open_examples(data, CLIPS.frames, seed), int(PICTURES_SHARE * steps), seed)
    finish(run, out.with_suffix(".state.pt"), lambda start: autoencoder_step(seed, ahead(crops, range(start, steps))))
    vae = run.average.eval()
    vae.register_to_config(scaling_factor=unit_scale(vae, (crops[steps + k] for k in range(16))))
    turn_down_details(vae)
    save_network(vae, out)


if __name__ == "__main__":
    keep_freed_memory()
    main()
