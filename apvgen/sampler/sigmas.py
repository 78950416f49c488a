"""Noise levels, from diffusers' own scheduler, and the step between two of them."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_utils import AysSchedules

from apvgen.sampler.settings import ALIGN_YOUR_STEPS, parse_schedule

SVD_SCHEDULER = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "use_karras_sigmas": True,
    "sigma_min": 0.002,
    "sigma_max": 700.0,
    "timestep_spacing": "leading",
    "timestep_type": "continuous",
    "steps_offset": 1,
}
"""scheduler/scheduler_config.json of stabilityai/stable-video-diffusion-img2vid-xt-1-1."""


def scheduler_for(schedule: str) -> EulerDiscreteScheduler:
    """A scheduler at its first step: `sigmas` float32 `[steps + 1]`, the last one 0, `timesteps` = 0.25 ln sigma.

    Raises ValueError for an unknown schedule.
    """
    family, steps = parse_schedule(schedule)
    scheduler = EulerDiscreteScheduler(**SVD_SCHEDULER)
    if family == ALIGN_YOUR_STEPS:
        scheduler.set_timesteps(sigmas=align_your_steps(steps))
    else:
        scheduler.set_timesteps(steps)
    return scheduler


def align_your_steps(steps: int) -> list[float]:
    """The noise levels of Align Your Steps for SVD and a final 0 (Sabour et al. 2024; diffusers' `AysSchedules`).

    The published table has 10 steps; other counts are interpolated linearly in the logarithm, as its authors do
    (https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html).
    """
    published = np.log(AysSchedules["StableDiffusionVideoSigmas"][:-1])
    wanted, given = np.linspace(0, 1, steps), np.linspace(0, 1, len(published))
    return [*np.exp(np.interp(wanted, given, published)).tolist(), 0.0]


def denoised_(velocity: torch.Tensor, noisy: torch.Tensor, sigma: float) -> torch.Tensor:
    """The estimate of finished latents that a v-prediction stands for, in its place (Karras et al. 2022, Eq. 7).

    With c_skip = 1 / (sigma^2 + 1), c_out = -sigma / sqrt(sigma^2 + 1), as in diffusers' `EulerDiscreteScheduler`.
    """
    return velocity.mul_(-sigma / (sigma**2 + 1) ** 0.5).add_(noisy, alpha=1 / (sigma**2 + 1))


def euler_step(noisy: torch.Tensor, denoised: torch.Tensor, sigma: float, lower: float) -> torch.Tensor:
    """From one noise level to a lower one along the straight line to `denoised`: at 0 it is reached.

    Euler's step x + (x - D) / sigma * (lower - sigma), written so that float32 loses nothing at a sigma of 700.
    """
    return torch.lerp(denoised, noisy, lower / sigma)
