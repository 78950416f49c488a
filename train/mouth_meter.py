"""How far a drawn mouth is open, read from pixels: `python -m train.mouth_meter --out FILE`; again, to go on.

Counting the pixels that look like teeth or the dark between them fails as soon as a picture is soft. This small network
is trained on mouths of the drawn world, made worse in the ways that a generated video may be worse, and is used for
measuring only. Where a mouth is, is told by eyes and nose: a place that followed the lips would give away the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from apvgen.process import keep_freed_memory
from apvgen.types import HW, Motion
from train.keypoint_meter import worsened
from train.small_networks import DEMO_HW
from train.small_run import LossOf, Pace, SmallRun, finish, load_weights, save_weights
from train.synthetic.shots import shot

MOUTH_HW: HW = (12, 20)
"""Of the pictures of mouths: half of what a dancer's has at 384 x 256 px."""

_EYES, _NOSE = (33, 263), 2
_PLACE = ((-0.45, 0.45), (1.15, 2.15))
"""Where mouths are: across, in distances of the eyes' outer corners; down from between them, in lengths of the nose."""
_SCALE = 20.0
"""What the network says, to openings in face heights."""
_SEED = 7
_FRAMES, _FPS = 8, Fraction(3)
"""Of each clip that is learned from, far apart."""
_MOST_BLUR, _MOST_SHIFT = 2.0, 1.0
"""Pixels of a mouth's picture; the first is a deviation."""


class MouthMeter(nn.Module):
    """Pictures of mouths to how far they are open."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.seen = nn.Sequential(
            nn.Conv2d(3, width, 3, 1, 1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            nn.SiLU(),
            nn.Conv2d(2 * width, 2 * width, 3, 2, 1),
            nn.SiLU(),
            nn.Flatten(),
        )
        cells = (MOUTH_HW[0] // 4) * (MOUTH_HW[1] // 4)
        self.said = nn.Sequential(nn.Linear(2 * width * cells, 2 * width), nn.SiLU(), nn.Linear(2 * width, 1))

    def forward(self, mouths: torch.Tensor) -> torch.Tensor:
        """float `[B, 3, *MOUTH_HW]` in [0, 255] to `[B]`, in face heights."""
        return self.said(self.seen(mouths / 127.5 - 1))[:, 0] / _SCALE


def mouth_pictures(pictures: np.ndarray, motion: Motion) -> np.ndarray:
    """float32 `[T, *MOUTH_HW, 3]`: the mouth and what is around it, turned and scaled alike; NaN without a face.

    pictures: RGB uint8 `[T, H, W, 3]`, of the motion's size and frames.
    """
    cut = np.full((len(pictures), *MOUTH_HW, 3), np.nan, np.float32)
    (left, right), (top, bottom) = _PLACE
    corners = np.array([[left, top], [right, top], [left, bottom]])
    places = np.array([[0, 0], [MOUTH_HW[1], 0], [0, MOUTH_HW[0]]], np.float32) - 0.5
    for t, picture in enumerate(pictures):
        first, second, nose = motion.face.xy[t, [*_EYES, _NOSE]].astype(float)
        middle = (first + second) / 2
        found = middle + corners @ np.stack([second - first, nose - middle])
        if np.isfinite(found).all():
            to_picture = cv2.getAffineTransform(places, found.astype(np.float32))
            soft = cv2.GaussianBlur(picture.astype(np.float32), None, 0.7)  # two pixels become one
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            cut[t] = cv2.warpAffine(soft, to_picture, MOUTH_HW[::-1], flags=flags)
    return cut


@torch.inference_mode()
def opening(meter: MouthMeter, pictures: np.ndarray, motion: Motion) -> np.ndarray:
    """float64 `[T]`: distance between the inner lips in face heights; NaN without a face. See `mouth_pictures`."""
    mouths = torch.from_numpy(mouth_pictures(pictures, motion)).permute(0, 3, 1, 2)
    return meter(mouths).double().numpy()


@dataclass(frozen=True)
class Mouths:
    """Of N frames. pictures: float32 `[N, *MOUTH_HW, 3]`. openings: `[N]`, in face heights."""

    pictures: np.ndarray
    openings: np.ndarray

    @classmethod
    def drawn(cls, clips: int) -> Mouths:
        """Of people who speak while they dance, as many clips as asked for; nobody of the held-out ones."""
        pictures, openings = [], []
        for index in tqdm(range(clips), unit="clip", mininterval=5):
            made = shot("speaking_dancer", _SEED, index, DEMO_HW, _FRAMES, _FPS, split="train")
            pictures.append(mouth_pictures(made.frames()[0], made.motion))
            openings.append(made.opening)
        seen = np.isfinite(np.concatenate(pictures)).all((1, 2, 3))
        return cls(np.concatenate(pictures)[seen], np.concatenate(openings)[seen])

    def worsened(self, batch: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Some of them, `[batch, 3, *MOUTH_HW]` and `[batch]`."""
        chosen = rng.integers(len(self.pictures), size=batch)
        pictures = np.stack([_worsened(self.pictures[k], rng) for k in chosen])
        return torch.from_numpy(pictures).permute(0, 3, 1, 2), torch.from_numpy(self.openings[chosen]).float()


def _worsened(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    mirrored = picture[:, ::-1] if rng.random() < 0.5 else picture
    shift = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    shift[:, 2] = rng.uniform(-_MOST_SHIFT, _MOST_SHIFT, 2)
    moved = cv2.warpAffine(np.ascontiguousarray(mirrored), shift, MOUTH_HW[::-1], borderMode=cv2.BORDER_REPLICATE)
    return 255 * worsened(moved, rng, _MOST_BLUR)


def load_mouth_meter(path: Path) -> MouthMeter:
    """The network that this module's command wrote; raises CheckpointError."""
    return load_weights(MouthMeter(), path, "train.mouth_meter")


def _losses(mouths: Mouths, batch: int, seed: int) -> LossOf:
    def loss_of(meter: nn.Module, step: int) -> torch.Tensor:
        pictures, openings = mouths.worsened(batch, np.random.default_rng((seed, step)))
        return nn.functional.smooth_l1_loss(_SCALE * meter(pictures), _SCALE * openings)

    return loss_of


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write, .safetensors.")
@click.option("--clips", default=400, show_default=True, help="That are drawn to learn from.")
@click.option("--steps", default=3000, show_default=True)
@click.option("--batch", default=32, show_default=True)
@click.option("--rate", default=2e-3, show_default=True, help="The highest learning rate.")
@click.option("--seed", default=0, show_default=True)
def main(out: Path, clips: int, steps: int, batch: int, rate: float, seed: int) -> None:
    """Train the network that reads drawn mouths; run again to go on after an interruption."""
    torch.manual_seed(seed)
    run, mouths = SmallRun(MouthMeter(), Pace(steps, rate)), Mouths.drawn(clips)
    finish(run, out.with_suffix(".state.pt"), lambda _start: _losses(mouths, batch, seed))
    save_weights(run.average, out)


if __name__ == "__main__":
    keep_freed_memory()
    main()
