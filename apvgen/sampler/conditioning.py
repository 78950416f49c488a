"""What the UNet is told about the reference picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch.nn.functional import conv2d, interpolate, pad

from apvgen.errors import RenderError
from apvgen.model.models import Models
from apvgen.sampler.devices import execution_device, memory_limit_explained, released
from apvgen.sampler.noise import picture_noise
from apvgen.sampler.settings import Settings
from apvgen.types import HW

LATENT_PIXELS = 8
"""Pixels a latent, on each side: the VAE halves three times."""

SIDE_MULTIPLE = 8 * LATENT_PIXELS
"""Pixels: the UNet halves latents three times more."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""RGB in [0, 1]: openai/CLIP, clip/clip.py."""


@dataclass(frozen=True)
class Conditioning:
    """The reference picture as the networks see it; all float32.

    embedding: `[1, 1, D]`, of the image encoder.
    image_latents: `[4, h, w]`, not scaled, of the picture with augmentation noise: goes beside every frame's latents.
    reference: `[4, h, w]`, scaled, of the picture itself: the finished latents of frame 0.
    """

    embedding: torch.Tensor
    image_latents: torch.Tensor
    reference: torch.Tensor

    @property
    def hw(self) -> HW:
        """Size of the pictures, in pixels."""
        height, width = self.reference.shape[-2:]
        return height * LATENT_PIXELS, width * LATENT_PIXELS


@torch.no_grad()
def encode_reference(models: Models, image: np.ndarray, settings: Settings) -> Conditioning:
    """Encode the reference picture: RGB uint8 `[H, W, 3]`, sides divisible by 64.

    Raises RenderError for another size, MemoryLimitError.
    """
    check_size(image.shape[:2])
    with memory_limit_explained("encoding the reference picture", "use --offload or a smaller output size"):
        with released(models.image_encoder):
            embedding = _embed(models.image_encoder, image)
        with released(models.vae):
            picture = torch.from_numpy(image.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)
            clean = _encode(models.vae, picture)
            strength = settings.noise_augmentation
            noisy = picture + strength * picture_noise(settings.seed, tuple(picture.shape))
            condition = _encode(models.vae, noisy) if strength else clean
    return Conditioning(embedding, condition, clean * models.vae.config.scaling_factor)


def check_size(hw: HW) -> None:
    """Raise RenderError unless both sides, in pixels, are divisible by 64."""
    if any(side % SIDE_MULTIPLE for side in hw):
        nearest = " x ".join(str(max(round(side / SIDE_MULTIPLE), 1) * SIDE_MULTIPLE) for side in hw)
        raise RenderError(
            f"A size of {hw[0]} x {hw[1]} (height x width) cannot be rendered: both sides must be divisible by "
            f"{SIDE_MULTIPLE}; use {nearest}."
        )


def _embed(image_encoder: torch.nn.Module, image: np.ndarray) -> torch.Tensor:
    pixels = clip_pixels(image, image_encoder.config.image_size)
    pixels = pixels.to(execution_device(image_encoder), next(image_encoder.parameters()).dtype)
    return image_encoder(pixels).image_embeds[:, None].float()


def clip_pixels(image: np.ndarray, side: int) -> torch.Tensor:
    """What CLIP sees of a picture: RGB uint8 `[H, W, 3]` to float32 `[1, 3, side, side]`.

    The whole picture, stretched to a square, blurred first where it shrinks; bicubic, with corners aligned
    (diffusers, pipelines/stable_video_diffusion, `_resize_with_antialiasing`).
    """
    picture = torch.from_numpy(image.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    for axis, length in ((2, image.shape[0]), (3, image.shape[1])):
        picture = _blur(picture, axis, length / side)
    picture = interpolate(picture, size=(side, side), mode="bicubic", align_corners=True)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (CLIP_MEAN, CLIP_DEVIATION))
    return (picture / 2 + 0.5 - mean) / deviation


def _blur(picture: torch.Tensor, axis: int, shrink: float) -> torch.Tensor:
    """A Gaussian along one axis of `[1, 3, H, W]`, as wide as shrinking by `shrink` asks for, edges mirrored."""
    sigma = max((shrink - 1) / 2, 0.001)
    taps = int(max(4 * sigma, 3)) // 2 * 2 + 1
    offsets = torch.arange(taps, dtype=torch.float32) - taps // 2
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).view([taps if dim == axis else 1 for dim in range(4)]).repeat(3, 1, 1, 1)
    margin = (0, 0, taps // 2, taps // 2) if axis == 2 else (taps // 2, taps // 2, 0, 0)
    return conv2d(pad(picture, margin, mode="reflect"), kernel, groups=3)


def _encode(vae: AutoencoderKLTemporalDecoder, picture: torch.Tensor) -> torch.Tensor:
    """The mode of the VAE's latents, not scaled: float32 `[3, H, W]` in [-1, 1] to float32 `[4, h, w]`.

    In float32 whatever the VAE's own dtype: float16 overflows in the encoder at large sizes (`force_upcast`).
    """
    dtype = vae.dtype
    encoder = (vae.encoder, vae.quant_conv)
    try:
        for part in encoder:
            part.to(torch.float32)
        return vae.encode(picture[None].to(execution_device(vae))).latent_dist.mode()[0]
    finally:
        for part in encoder:
            part.to(dtype)
