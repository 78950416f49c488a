"""A keypoint detector for drawn people: `python -m train.keypoint_meter --data SHARDS --out FILE`; again, to go on.

Detectors for photographs miss most of a drawing. This one is trained on the drawn world alone, on pictures made worse
in the ways that a generated video may be worse, and is used for measuring only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, default_collate

from apvgen.layouts import BODY18
from apvgen.process import keep_freed_memory
from apvgen.types import HW
from train.shards import ClipEntry, open_shards, read_frames, read_motion
from train.small_run import LossOf, Pace, SmallRun, ahead, finish, load_weights, save_weights

SEEN_HW: HW = (192, 128)
CELL = 4
"""Pixels of the picture that the detector sees, a cell of its heat maps."""

_MOST_BLUR, _MOST_NOISE = 1.5, 12.0
"""Deviations in pixels and in levels of 255."""


class KeypointMeter(nn.Module):
    """A picture to one heat map for each joint of BODY18."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 3 * width, 4 * width)
        self.down = nn.ModuleList(_block(a, b, stride=2) for a, b in pairwise(widths))
        self.across = nn.ModuleList(nn.Conv2d(each, 2 * width, 1) for each in widths[2:])
        self.mix = nn.ModuleList(_block(2 * width, 2 * width) for _ in widths[2:])
        self.heat = nn.Conv2d(2 * width, BODY18.points, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """float `[B, 3, H, W]` in [0, 1], sides divisible by 16, to logits `[B, 18, H / CELL, W / CELL]`."""
        levels = []
        hidden = pictures * 2 - 1
        for block in self.down:
            hidden = block(hidden)
            levels.append(hidden)
        merged: torch.Tensor | float = 0.0
        for level, across, mix in zip(reversed(levels[1:]), reversed(self.across), self.mix, strict=True):
            if isinstance(merged, torch.Tensor):
                merged = nn.functional.interpolate(merged, scale_factor=2.0, mode="nearest")
            merged = mix(across(level) + merged)
        return self.heat(merged)


def places(logits: torch.Tensor) -> torch.Tensor:
    """The mean place of each heat map around its peak: `[B, J, h, w]` to x, y in cells, `[B, J, 2]`."""
    height, width = logits.shape[-2:]
    chances = logits.flatten(2).softmax(-1)
    near = chances * (chances > chances.amax(-1, keepdim=True) / 20)
    near = (near / near.sum(-1, keepdim=True)).unflatten(-1, (height, width))
    x = (near.sum(-2) * torch.arange(width)).sum(-1)
    y = (near.sum(-1) * torch.arange(height)).sum(-1)
    return torch.stack([x, y], -1)


@torch.inference_mode()
def measure(meter: KeypointMeter, frames: np.ndarray) -> np.ndarray:
    """Where the joints are: RGB uint8 `[T, H, W, 3]` to float32 `[T, 18, 2]`, x and y normalised to the frame."""
    seen = np.stack([cv2.resize(frame, SEEN_HW[::-1], interpolation=cv2.INTER_AREA) for frame in frames])
    cells = places(meter(torch.from_numpy(seen).permute(0, 3, 1, 2).float() / 255)).numpy()
    return (cells + 0.5) * CELL / np.array(SEEN_HW[::-1], np.float32)


def heat_loss(logits: torch.Tensor, xy: torch.Tensor) -> torch.Tensor:
    """Cross entropy of heat maps with a joint's place, spread over the four cells around it.

    xy: float `[B, J, 2]`, normalised; NaN where unknown.
    """
    height, width = logits.shape[-2:]
    cells = xy * torch.tensor([width, height]) - 0.5
    known = (
        torch.isfinite(cells).all(-1) & (cells > -0.5).all(-1) & (cells < torch.tensor([width, height]) - 0.5).all(-1)
    )
    x, y = (cells[..., axis, None] - torch.arange(length) for axis, length in ((0, width), (1, height)))
    wanted = (1 - y.abs()).clamp(min=0)[..., :, None] * (1 - x.abs()).clamp(min=0)[..., None, :]
    wanted = wanted[known].flatten(1)
    return cross_entropy(logits[known].flatten(1), wanted / wanted.sum(-1, keepdim=True).clamp(min=1e-6))


@dataclass(frozen=True)
class Stills(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Item k is what step k sees: pictures float32 `[B, 3, *SEEN_HW]` in [0, 1] and joints `[B, 18, 2]`, normalised."""

    entries: Sequence[ClipEntry]
    batch: int
    seed: int = 0

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng((self.seed, step))
        return tuple(default_collate([self._still(rng) for _ in range(self.batch)]))

    def _still(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        entry = self.entries[int(rng.integers(len(self.entries)))]
        t = int(rng.integers(entry.frames))
        body = read_motion(entry).body
        small = cv2.resize(read_frames(entry, range(t, t + 1))[0], SEEN_HW[::-1], interpolation=cv2.INTER_AREA)
        picture = worsened(small.astype(np.float32), rng)
        xy = np.where(body.seen[t, :, None], body.xy[t], np.nan) / np.array(entry.hw[::-1], np.float32)
        return torch.from_numpy(picture).permute(2, 0, 1), torch.from_numpy(xy.astype(np.float32))


def worsened(picture: np.ndarray, rng: np.random.Generator, most_blur: float = _MOST_BLUR) -> np.ndarray:
    """float32 `[H, W, 3]` in [0, 255], noisy, of another contrast and mostly blurred, to float32 in [0, 1].

    most_blur: deviation in pixels.
    """
    blurred = cv2.GaussianBlur(picture, None, max(rng.uniform(-most_blur / 3, most_blur), 1e-3))
    noisy = blurred + rng.uniform(0, _MOST_NOISE) * rng.standard_normal(picture.shape, np.float32)
    return (noisy * rng.uniform(0.8, 1.2) + rng.uniform(-25, 25)).clip(0, 255).astype(np.float32) / 255


def load_meter(path: Path) -> KeypointMeter:
    """The detector that this module's command wrote; raises CheckpointError."""
    return load_weights(KeypointMeter(), path, "train.keypoint_meter")


def _block(before: int, after: int, stride: int = 1) -> nn.Module:
    shrink = nn.Conv2d(before, after, 3, stride, 1)
    return nn.Sequential(shrink, nn.GroupNorm(8, after), nn.SiLU(), nn.Conv2d(after, after, 3, 1, 1), nn.SiLU())


def _meter_step(batches: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> LossOf:
    def loss_of(meter: torch.nn.Module, _step: int) -> torch.Tensor:
        pictures, xy = next(batches)
        return heat_loss(meter(pictures), xy)

    return loss_of


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of shards of drawn people.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write, .safetensors.")
@click.option("--steps", default=1500, show_default=True)
@click.option("--batch", default=12, show_default=True)
@click.option("--rate", default=1e-3, show_default=True, help="The highest learning rate.")
@click.option("--seed", default=0, show_default=True)
def main(data: Path, out: Path, steps: int, batch: int, rate: float, seed: int) -> None:
    """Train the keypoint detector for drawn people; run again to go on after an interruption."""
    torch.manual_seed(seed)
    run = SmallRun(KeypointMeter(), Pace(steps, rate))
    stills = Stills(open_shards(data).of_kind("body"), batch, seed)
    finish(run, out.with_suffix(".state.pt"), lambda start: _meter_step(ahead(stills, range(start, steps))))
    save_weights(run.average, out)


if __name__ == "__main__":
    keep_freed_memory()
    main()
