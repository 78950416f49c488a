"""The loss: noise levels, what the network should say at each, and which of its errors count (METHOD.md, section 6).

Pure functions. B examples of S frames, frame 0 the reference picture, have latents `[B, S, 4, h, w]`, float32.
"""

from __future__ import annotations

import math

import torch
from torch.nn.functional import adaptive_avg_pool2d

SIGMA_RANGE = (0.002, 700.0)
SIGMA_DATA = 0.5
IMAGE_SIDE, LOW_NOISE_SIDE, HIGH_NOISE_SIDE = 64, 32, 64
"""ControlNeXt-SVD-v2-Training/train_svd.py of dvlab-research/ControlNeXt."""


def sigma_at(share: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
    """The noise level below which `share` of the training draws lie: the interpolated-cosine distribution.

    scale: times these levels, at most the highest; the shift of Hoogeboom et al. for pictures of another size.

    Its log signal-to-noise ratio runs from a cosine schedule shifted for one size of noise to that of another
    (Hoogeboom et al. 2023, "simple diffusion", Eq. 4 and 9; `rand_cosine_interpolated` of crowsonkb/k-diffusion).
    share: in [0, 1], any shape. Computed in float64, returned as float32.
    """
    from_above = 1 - share.double()
    low, high = (_shifted_cosine(from_above, math.log(side / IMAGE_SIDE)) for side in (LOW_NOISE_SIDE, HIGH_NOISE_SIDE))
    return (torch.lerp(low, high, from_above) * -0.5).exp().mul(SIGMA_DATA * scale).clamp(max=SIGMA_RANGE[1]).float()


def _shifted_cosine(from_above: torch.Tensor, shift: float) -> torch.Tensor:
    """Log signal-to-noise ratio, rising from the highest noise level, at 0, to the lowest, at 1.

    shift: half of what is added to the ratio, while its ends stay those of `SIGMA_RANGE`.
    """
    lowest, highest = (math.atan(sigma / SIGMA_DATA * math.exp(shift)) for sigma in SIGMA_RANGE)
    return 2 * (shift - torch.log(torch.tan(highest + from_above * (lowest - highest))))


def timestep_of(sigma: torch.Tensor) -> torch.Tensor:
    """How the networks are told a noise level: 0.25 ln sigma."""
    return sigma.log() / 4


def noised(latents: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """What the network sees: latents plus noise of deviation `sigma` `[B]`, scaled to a variance of about 1."""
    level = _per_example(sigma)
    return (latents + level * noise) / (level**2 + 1).sqrt()


def velocity_target(latents: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """What the network should answer: the v of Salimans and Ho (2022).

    Denoised latents are `c_skip x + c_out v` with `c_skip = 1 / (sigma^2 + 1)`, `c_out = -sigma / sqrt(sigma^2 + 1)`
    of the unscaled noisy latents x; their squared error times the weight `(1 + sigma^2) / sigma^2` equals the squared
    error of v. In this form nothing cancels at either end of the noise levels.
    """
    level = _per_example(sigma)
    return (noise - level * latents) / (level**2 + 1).sqrt()


def latent_mask(mask: torch.Tensor, hw: tuple[int, int]) -> torch.Tensor:
    """A mask of pixels `[B, S, H, W]` as the share of each latent's pixels that count: float32 `[B, S, h, w]`."""
    return adaptive_avg_pool2d(mask.float(), hw)


def masked_mean(squared: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean of squared errors `[B, S, C, h, w]` where a mask `[B, S, h, w]` counts, of each example: `[B]`.

    Normalised by the mask's own area, which must not be zero: a small face weighs as much as a large one.
    """
    weight = mask[:, :, None]
    return (squared * weight).sum((1, 2, 3, 4)) / (squared.shape[2] * weight.sum((1, 2, 3, 4)))


def face_losses(squared: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """L_face, of the frames of face examples, and L_refer, of their reference pictures: `[B]` each."""
    return masked_mean(squared[:, 1:], mask[:, 1:]), masked_mean(squared[:, :1], mask[:, :1])


def _per_example(values: torch.Tensor) -> torch.Tensor:
    return values.view(-1, 1, 1, 1, 1)
