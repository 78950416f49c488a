"""The public ControlNeXt-SVD-v2 pipeline as a baseline: its arithmetic and its waste, written anew from a description.

What it wastes on purpose, because the public code does (dvlab-research/ControlNeXt, ControlNeXt-SVD-v2): the control
branch runs for the unconditional half too and again for every overlapping frame; guidance of 1 still computes both
halves; the decoder gets two frames at a time; control pictures (twice), latents and decoded frames are all held.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
from torch.nn.functional import adaptive_avg_pool2d

from apvgen.model.models import Models
from apvgen.sampler.sigmas import SVD_SCHEDULER
from benchmarks._jobs import Job

MICRO_CONDITIONS = (6, 128, 0.02)


class ReferencePipeline:
    """Samples a `Job` with the weights of `models` in diffusers' own UNet, on their device and in their dtype."""

    def __init__(self, models: Models) -> None:
        with torch.device("meta"):
            unet = UNetSpatioTemporalConditionModel.from_config(dict(models.unet.config))
        unet.load_state_dict(models.unet.state_dict(), assign=True)
        self.models, self.unet = models, unet.eval()
        self.place = {"device": models.unet.device, "dtype": models.unet.dtype}
        self._control: tuple[torch.Tensor, torch.Tensor] | None = None
        self.unet.down_blocks[0].register_forward_hook(self._enter_control)

    @torch.no_grad()
    def sample(self, job: Job) -> torch.Tensor:
        """Final latents `[F, 4, h, w]`."""
        scheduler = EulerDiscreteScheduler(**SVD_SCHEDULER)
        scheduler.set_timesteps(job.settings.steps, self.place["device"])
        pose = torch.from_numpy(job.pose).permute(0, 3, 1, 2).float().div(255)
        pose = torch.stack([pose, pose]).to(**self.place)
        latents = job.noise[None].to(**self.place) * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            latents = self._step(job, scheduler, timestep, latents, pose)
        return latents[0]

    @torch.no_grad()
    def decode(self, job: Job, latents: torch.Tensor) -> np.ndarray:
        """Frames, float32 `[F, H, W, 3]` in [0, 1], all of them in memory more than once."""
        chunks = (latents / self.models.vae.config.scaling_factor).split(job.decode_chunk)
        frames = torch.cat([self.models.vae.decode(chunk, num_frames=len(chunk)).sample for chunk in chunks])
        return (frames.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()

    def _step(
        self,
        job: Job,
        scheduler: EulerDiscreteScheduler,
        timestep: torch.Tensor,
        latents: torch.Tensor,
        pose: torch.Tensor,
    ) -> torch.Tensor:
        total, count = torch.zeros_like(latents), torch.zeros(latents.shape[1], 1, 1, 1, **self.place)
        window = job.settings.window
        for start in window_starts(latents.shape[1], window, job.settings.overlap):
            frames = slice(start, start + window)
            picked = pose[:, frames].clone()
            picked[:, 0] = pose[:, 0]
            scheduler._step_index = None
            predicted = self._predict(job, scheduler, timestep, latents[:, frames], picked)
            moved = scheduler.step(predicted, timestep, latents[:, frames]).prev_sample
            kept = slice(start if start == 0 else start + 1, start + window)
            total[:, kept] += moved[:, -(kept.stop - kept.start) :]
            count[kept] += 1
        return total / count

    def _predict(
        self,
        job: Job,
        scheduler: EulerDiscreteScheduler,
        timestep: torch.Tensor,
        latents: torch.Tensor,
        pose: torch.Tensor,
    ) -> torch.Tensor:
        frames = latents.shape[1]
        image = job.image_latents[:, None].to(**self.place).expand(-1, frames, -1, -1, -1)
        embeds = job.image_embeds.to(**self.place)
        noisy = scheduler.scale_model_input(torch.cat([latents, latents]), timestep)
        features = self.models.control(pose.flatten(0, 1), timestep.float())
        self._control = features, torch.tensor([0, 1], **self.place).repeat_interleave(frames).view(-1, 1, 1, 1)
        predicted = self.unet(
            torch.cat([noisy, torch.cat([torch.zeros_like(image), image])], dim=2),
            timestep.float(),
            torch.stack([torch.zeros_like(embeds), embeds]),
            torch.tensor([MICRO_CONDITIONS, MICRO_CONDITIONS], **self.place),
            return_dict=False,
        )[0]
        without, with_image = predicted.chunk(2)
        low, high = job.settings.guidance
        guidance = torch.linspace(low, high, frames, **self.place).view(1, -1, 1, 1, 1)
        return without + guidance * (with_image - without)

    def _enter_control(self, block: torch.nn.Module, given: tuple, output: tuple) -> tuple:  # noqa: ARG002
        hidden, skips = output
        control, scale = self._control
        own_deviation, own_mean = torch.std_mean(control, dim=(1, 2, 3), keepdim=True)
        deviation, mean = torch.std_mean(hidden, dim=(1, 2, 3), keepdim=True)
        control = (control - own_mean) * (deviation / (own_deviation + 1e-5)) + mean
        return hidden + adaptive_avg_pool2d(control, hidden.shape[-2:]) * scale * 0.2, skips


def window_starts(frames: int, window: int, overlap: int) -> list[int]:
    """First frame of each window; the last window is moved back to fit."""
    return [min(start, frames - window) for start in range(0, frames - overlap, window - overlap)]
