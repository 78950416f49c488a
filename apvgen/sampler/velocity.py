"""What the UNet predicts for one window, with and without guidance."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from apvgen.model.unet import ControlledUNet
from apvgen.sampler.conditioning import Conditioning
from apvgen.sampler.devices import execution_device
from apvgen.sampler.guidance import window_guidance
from apvgen.sampler.settings import Settings
from apvgen.sampler.windows import Window

ADDED_TIME_IDS = (6.0, 128.0, 0.02)
"""Frames a second less one, motion bucket, noise augmentation: what the public pipeline uses whatever its caller asks
for (dvlab-research/ControlNeXt, pipeline/pipeline_stable_video_diffusion_controlnext.py)."""


@dataclass(frozen=True)
class PlacedWindow:
    """A window on the device. poses: as `Window`. frames: int64 `[n]`; shares, guidance: float32 `[n, 1, 1, 1]`."""

    poses: tuple[int, ...]
    frames: torch.Tensor
    shares: torch.Tensor
    guidance: torch.Tensor


def place(window: Window, frames: int, settings: Settings, device: torch.device) -> PlacedWindow:
    """Put a window of a sequence of `frames` on the device, once for all steps."""
    per_frame = (-1, 1, 1, 1)
    return PlacedWindow(
        window.poses,
        torch.tensor(window.frames, device=device),
        torch.tensor(window.shares, device=device).view(per_frame),
        torch.from_numpy(window_guidance(window, frames, settings)).to(device).view(per_frame),
    )


class Velocity:
    """The UNet, told about one reference picture.

    The halves of guidance are two calls: half the memory of a batch of two, at the same speed for windows of real size.
    """

    def __init__(self, unet: ControlledUNet, conditioning: Conditioning, control_scale: float) -> None:
        device, dtype = execution_device(unet), next(unet.parameters()).dtype
        self._unet, self._dtype, self._control_scale = unet, dtype, control_scale
        self._told = (conditioning.image_latents.to(device, dtype)[None], conditioning.embedding.to(device, dtype))
        self._untold = tuple(map(torch.zeros_like, self._told))
        self._added_time_ids = torch.tensor([ADDED_TIME_IDS], device=device)

    def conditional(self, noisy: torch.Tensor, timestep: torch.Tensor, control: torch.Tensor) -> torch.Tensor:
        """The v-prediction from picture and poses, float32 `[n, 4, h, w]`.

        noisy: float32 `[n, 4, h, w]`, scaled to unit variance. timestep: float32 `[]`, 0.25 ln sigma.
        control: see `ControlFeatures.of`.
        """
        return self._call(noisy, timestep, self._told, control)

    def guided(
        self, conditional: torch.Tensor, noisy: torch.Tensor, timestep: torch.Tensor, guidance: torch.Tensor
    ) -> torch.Tensor:
        """`conditional`, led away from what the UNet predicts without picture and poses."""
        unconditional = self._call(noisy, timestep, self._untold, None)
        return unconditional + guidance * (conditional - unconditional)

    def _call(
        self,
        noisy: torch.Tensor,
        timestep: torch.Tensor,
        told: tuple[torch.Tensor, torch.Tensor],
        control: torch.Tensor | None,
    ) -> torch.Tensor:
        image, embedding = told
        sample = torch.cat([noisy.to(self._dtype), image.expand(len(noisy), -1, -1, -1)], 1)[None]
        predicted = self._unet(
            sample,
            timestep,
            embedding,
            self._added_time_ids,
            control=control,
            control_scale=self._control_scale,
            return_dict=False,
        )
        return predicted[0][0].float()
