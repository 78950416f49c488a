"""From noise to latents: all windows of a step, then the next step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from apvgen.errors import RenderError
from apvgen.model.models import Models
from apvgen.sampler.conditioning import Conditioning
from apvgen.sampler.control import ControlFeatures, PoseFrames
from apvgen.sampler.devices import execution_device, memory_limit_explained, released, sampling_advice
from apvgen.sampler.guidance import is_guided
from apvgen.sampler.noise import frame_noise
from apvgen.sampler.plan import Plan, make_plan
from apvgen.sampler.progress import OnStep, Progress, unwatched
from apvgen.sampler.rerender import Held
from apvgen.sampler.settings import Settings
from apvgen.sampler.sigmas import denoised_, euler_step, scheduler_for
from apvgen.sampler.velocity import PlacedWindow, Velocity, place


def denoise(
    models: Models,
    conditioning: Conditioning,
    pose_frames: PoseFrames,
    frames: int,
    settings: Settings,
    on_step: OnStep = unwatched,
    held: Held | None = None,
) -> torch.Tensor:
    """Sample the latents of a sequence: float32 `[F, 4, h, w]`, scaled, on the device.

    pose_frames: see `control.PoseFrames`; asked for every frame once a step, a few at a time.
    frames: of the sequence, F, the reference included.
    on_step: called after every call of the UNet; what it raises (`Cancelled`) ends the render there.
    held: frames to keep from an earlier render. Only windows with frames to redo are run, and the latents of all other
        frames come back equal to the byte.
    Raises RenderError for settings that do not fit the clip and for latents that become NaN, MemoryLimitError.
    """
    plan = make_plan(frames, settings, conditioning, held)
    noise = settings.begins_from * frame_noise(settings.seed, frames, tuple(conditioning.reference.shape))
    with released(models.unet, models.control), memory_limit_explained("sampling", sampling_advice(models.unet)):
        return sample(models, conditioning, pose_frames, plan, noise, on_step)


@torch.no_grad()
def sample(
    models: Models,
    conditioning: Conditioning,
    pose_frames: PoseFrames,
    plan: Plan,
    noise: torch.Tensor,
    on_step: OnStep = unwatched,
) -> torch.Tensor:
    """As `denoise`, of a plan and from given noise: float32 `[F, 4, h, w]`, of deviation `settings.begins_from`."""
    device, settings = execution_device(models.unet), plan.settings
    scheduler = scheduler_for(settings.schedule)
    sigmas = scheduler.sigmas.tolist()
    guided = [is_guided(sigma, settings) for sigma in sigmas[:-1]]
    progress = Progress(on_step, len(plan.windows), tuple(1 + both for both in guided))
    windows = [place(window, plan.frames, settings, device) for window in plan.windows]
    velocity = Velocity(models.unet, conditioning, settings.control_scale)
    latents = noise.to(device) * scheduler.init_noise_sigma
    denoised = conditioning.reference.to(device).expand_as(latents)
    for step, timestep in enumerate(scheduler.timesteps.to(device)):
        sigma, lower = sigmas[step : step + 2]
        plan.restore_(latents, sigma, noise)
        features = ControlFeatures(models.control, pose_frames, conditioning.hw, timestep)
        report = partial(progress.report, step, denoised)
        predicted = _predict(velocity, windows, features, (latents, sigma, guided[step]), report)
        denoised = denoised_(predicted, latents, sigma)
        latents = euler_step(latents, denoised, sigma, lower)
        _check_finite(latents, step, len(guided))
    plan.restore_(latents, 0, noise)
    return latents


def _predict(
    velocity: Velocity,
    windows: Sequence[PlacedWindow],
    features: ControlFeatures,
    level: tuple[torch.Tensor, float, bool],
    report: Callable[[int, int], None],
) -> torch.Tensor:
    """The v-prediction of all frames, each the sum of its windows' shares: float32 `[F, 4, h, w]`.

    Blending predictions equals blending the latents after the step, which is linear in the prediction.
    level: latents, their noise level, and whether it is guided. report: told the window and the half after every call
    of the UNet.
    """
    latents, sigma, guided = level
    predicted = torch.zeros_like(latents)
    for index, window in enumerate(windows):
        features.keep_only(window.poses)
        noisy = latents[window.frames] / (sigma**2 + 1) ** 0.5
        own = velocity.conditional(noisy, features.timestep, features.of(window.poses))
        report(index, 0)
        if guided:
            own = velocity.guided(own, noisy, features.timestep, window.guidance)
            report(index, 1)
        predicted.index_add_(0, window.frames, window.shares * own)
    return predicted


def _check_finite(latents: torch.Tensor, step: int, steps: int) -> None:
    # One bad number spoils a sum, which unlike a mask takes no memory.
    if not torch.isfinite(latents.sum()):
        raise RenderError(
            f"The latents are no longer numbers after step {step + 1} of {steps}; "
            "use --dtype float32 (or bfloat16) or another checkpoint."
        )
