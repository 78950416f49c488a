"""How well a network denoises mouth, face and person of somebody whom it never saw, at levels that are always alike.

A network that has learned little renders blur; here it has the truth partly in sight, and each bit it knows counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from apvgen.model.checkpoint import CheckpointInfo, load_models
from apvgen.pose import pose_frames
from apvgen.types import Motion
from train.encode import Encoded, Encoder
from train.face_regions import face_area, mouth_weights
from train.networks import Denoiser
from train.objective import latent_mask, masked_mean, noised, timestep_of, velocity_target
from train.synthetic.shots import Shot
from train.synthetic.world import portrait

SIGMAS = (1.0, 4.0, 20.0)
_EVERY = 4
"""Frames between the first ones of the pairs that are looked at."""


@dataclass(frozen=True)
class RegionLoss:
    """Mean squared error of v over SIGMAS and frames: of mouth, face and the whole person."""

    mouth: float
    face: float
    person: float


class RegionMeter:
    """The networks of a checkpoint, loaded once more: weights in float32, computed in bfloat16 as in training."""

    def __init__(self, info: CheckpointInfo, device: torch.device) -> None:
        models = load_models(info, device, torch.float32)
        self._denoiser = Denoiser(models.unet, models.control).eval()
        self._encoder = Encoder(models.vae, models.image_encoder)
        self._style, self._device = info.face_style, device

    @torch.inference_mode()
    def measure(self, truth: Shot, frames: np.ndarray, mask: np.ndarray) -> RegionLoss:
        """frames: RGB uint8 `[T, H, W, 3]` of the shot, at least two. mask: uint8 `[T, H, W]`, 255 on the person."""
        reference = portrait(truth.figure.person, truth.figure.hw)
        shown = _tensor(np.concatenate([reference.image[None], frames]))
        poses = _tensor(np.stack([*self._poses(reference.motion), *self._poses(truth.motion)]))
        regions = np.pad(regions_of(truth.motion, mask), [(0, 0), (1, 0), (0, 0), (0, 0)])  # nothing of the reference
        half = len(frames) // 2
        pairs = [[0, 1 + t, 1 + t + half] for t in range(0, half, _EVERY)]
        return RegionLoss(*np.mean([self._errors(shown[p], poses[p], regions[:, p]) for p in pairs], 0).tolist())

    def _poses(self, motion: Motion) -> Iterator[np.ndarray]:
        return pose_frames(motion, self._style)

    def _errors(self, shown: torch.Tensor, poses: torch.Tensor, regions: np.ndarray) -> list[float]:
        """Of a reference and two frames: a number for each of the regions `[R, 3, H, W]`."""
        known = self._encoder.encode(shown, "always the same noise")
        squared = torch.stack([self._squared(known, poses[None] / 255, sigma) for sigma in SIGMAS]).mean(0)
        weights = latent_mask(torch.from_numpy(regions), squared.shape[-2:])
        return [masked_mean(squared, weight[None]).item() for weight in weights]

    def _squared(self, known: Encoded, poses: torch.Tensor, sigma: float) -> torch.Tensor:
        noise = torch.randn(known.latents.shape, generator=torch.Generator().manual_seed(0)).to(self._device)
        level = torch.tensor([sigma], device=self._device)
        seen = torch.cat([noised(known.latents, noise, level), known.image[:, None].expand_as(known.latents)], 2)
        with torch.autocast(self._device.type, torch.bfloat16):
            told = self._denoiser(seen, timestep_of(level), known.embedding, poses.to(self._device), level**0)
        return ((told.float() - velocity_target(known.latents, noise, level)) ** 2).cpu()


def regions_of(motion: Motion, mask: np.ndarray) -> np.ndarray:
    """float32 `[3, T, H, W]` in [0, 1]: mouth, face and person, one inside. mask: uint8 `[T, H, W]`, of the person."""
    return np.stack([mouth_weights(motion, 2) - 1, face_area(motion), mask.astype(np.float32) / 255])


def _tensor(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)
