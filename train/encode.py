"""What the frozen networks make of pictures: latents, and what the UNet is told of the reference picture."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder
from transformers import CLIPVisionModelWithProjection

from apvgen.sampler.conditioning import clip_pixels
from train.draws import picture_noise

NOISE_AUGMENTATION = 0.02
"""Deviation of the noise on the reference picture, in [-1, 1]: train_svd.py of dvlab-research/ControlNeXt."""

_PIXELS_AT_ONCE = 4 * 768 * 512
"""The encoder's features take 0.8 GB for each full-size picture in float32."""


@dataclass(frozen=True)
class Encoded:
    """Of B examples, float32.

    latents: `[B, S, 4, h, w]`, scaled, of all frames. image: `[B, 4, h, w]`, not scaled, of the reference picture with
    augmentation noise. embedding: `[B, 1, D]`, of the reference picture.
    """

    latents: torch.Tensor
    image: torch.Tensor
    embedding: torch.Tensor

    def to(self, device: torch.device) -> Encoded:
        """The same on a device."""
        return Encoded(*(getattr(self, field.name).to(device) for field in fields(self)))


class Encoder:
    """VAE and image encoder, frozen, in float32: half precision overflows in the VAE's encoder at large sizes."""

    def __init__(self, vae: AutoencoderKLTemporalDecoder, image_encoder: CLIPVisionModelWithProjection) -> None:
        # Not diffusers' own `to`, which would say that some parts of float32 networks stay in float32.
        self.vae, self.image_encoder = (
            torch.nn.Module.to(network, dtype=torch.float32).requires_grad_(False).eval()
            for network in (vae, image_encoder)
        )

    @torch.no_grad()
    def encode(self, frames: torch.Tensor, identity: str) -> Encoded:
        """One example: frames uint8 `[S, 3, H, W]`. The result depends on pictures and identity alone."""
        device = self.vae.device
        pictures = frames.to(device).float() / 127.5 - 1
        noise = torch.from_numpy(picture_noise(identity, tuple(frames.shape[1:]))).to(device)
        image = self._encode(pictures[:1] + NOISE_AUGMENTATION * noise)
        latents = self._encode(pictures) * self.vae.config.scaling_factor
        return Encoded(latents[None], image, self._embed(frames[0].permute(1, 2, 0).numpy())[None])

    def _encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """The mode of the VAE's latents, as in rendering: `[n, 3, H, W]` in [-1, 1] to `[n, 4, h, w]`."""
        at_once = max(1, _PIXELS_AT_ONCE // (pictures.shape[-2] * pictures.shape[-1]))
        return torch.cat([self.vae.encode(part).latent_dist.mode() for part in pictures.split(at_once)])

    def _embed(self, picture: np.ndarray) -> torch.Tensor:
        pixels = clip_pixels(picture, self.image_encoder.config.image_size)
        return self.image_encoder(pixels.to(self.image_encoder.device)).image_embeds


def join(encoded: list[Encoded]) -> Encoded:
    """Examples as one batch."""
    return Encoded(*(torch.cat([getattr(one, field.name) for one in encoded]) for field in fields(Encoded)))
