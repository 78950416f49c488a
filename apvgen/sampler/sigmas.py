"""Noise levels, through diffusers' own Euler scheduler."""

from __future__ import annotations

import numpy as np
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
