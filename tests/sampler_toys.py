"""Networks whose every answer is known, so that the sampler around them can be checked exactly."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from apvgen.model.models import Models
from apvgen.sampler.conditioning import Conditioning

HW = (64, 64)
LATENT = (4, 8, 8)


class ToyControl(nn.Module):
    """Features: the mean of the picture, in [0, 1]. Remembers how many pictures came in each call."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.calls: list[int] = []

    def forward(self, frames: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        self.calls.append(len(frames))
        return frames.mean((1, 2, 3), keepdim=True)


class ToyUNet(nn.Module):
    """Knows the finished latents from the start: `finished(control, call) -> float [n]`, one value a frame."""

    def __init__(self, finished) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.finished = finished
        self.calls: list[torch.Tensor | None] = []

    def forward(self, sample, timestep, *_told, control, control_scale, return_dict) -> tuple[torch.Tensor]:
        self.calls.append(control)
        sigma = torch.exp(4 * timestep)
        noisy = sample[:, :, :4] * (sigma**2 + 1) ** 0.5
        finished = self.finished(control, len(self.calls)).view(1, -1, 1, 1, 1)
        return ((noisy / (sigma**2 + 1) - finished) * (sigma**2 + 1) ** 0.5 / sigma,)


def toy_models(finished) -> Models:
    return Models(ToyUNet(finished), ToyControl(), SimpleNamespace(), SimpleNamespace())


def toy_conditioning() -> Conditioning:
    return Conditioning(torch.zeros(1, 1, 2), torch.zeros(LATENT), torch.full(LATENT, -7.0))


def plain_poses(indices: Sequence[int]) -> np.ndarray:
    """Pose i is an even picture of brightness 2 i."""
    return np.stack([np.full((*HW, 3), 2 * index, np.uint8) for index in indices])
