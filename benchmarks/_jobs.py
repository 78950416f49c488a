"""What both pipelines are given to sample, and models of SVD's shape to do it with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder

from apvgen.model.controlnext import ControlNeXt
from apvgen.model.models import Models
from apvgen.model.unet import ControlledUNet
from apvgen.sampler.conditioning import Conditioning
from apvgen.sampler.denoise import sample
from apvgen.sampler.plan import make_plan
from apvgen.sampler.settings import Settings
from apvgen.types import HW

LATENT_PIXELS = 8
REDUCED_EMBEDDING = 32
REDUCED_WIDTH = 224
"""Channels of the reduced UNet's first level. With these the public pipeline spends about 72 % of its time in the UNet,
25 % in the control branch and 3 % in the VAE (one thread)."""


@dataclass(frozen=True)
class Job:
    """One video to sample.

    pose: uint8 `[F, H, W, 3]`. image_latents: float32 `[1, 4, h, w]`. image_embeds: float32 `[1, D]`.
    noise: float32 `[F, 4, h, w]`, unit variance. settings: in `reference` mode, with window and overlap.
    """

    pose: np.ndarray
    image_latents: torch.Tensor
    image_embeds: torch.Tensor
    noise: torch.Tensor
    settings: Settings
    decode_chunk: int = 2


def random_job(frames: int, hw: HW, embedding: int, settings: Settings) -> Job:
    """A job of random poses, picture and noise."""
    random = torch.Generator().manual_seed(1)
    latents = (4, hw[0] // LATENT_PIXELS, hw[1] // LATENT_PIXELS)
    pose = torch.randint(0, 256, (frames, *hw, 3), dtype=torch.uint8, generator=random)
    return Job(
        pose.numpy(),
        torch.randn(1, *latents, generator=random),
        torch.randn(1, embedding, generator=random),
        torch.randn(frames, *latents, generator=random),
        settings,
    )


def reduced_job(steps: int, guidance: float) -> Job:
    """20 frames of 128 x 64 in five windows."""
    settings = Settings("reference", f"karras-{steps}", guidance, guidance, window=6, overlap=2)
    return random_job(20, (128, 64), REDUCED_EMBEDDING, settings)


def sample_ours(models: Models, job: Job, settings: Settings | None = None) -> torch.Tensor:
    """Final latents of our sampler, float32 `[F, 4, h, w]`: with the job's settings, the same maths, or with others."""
    image = job.image_latents[0]
    conditioning = Conditioning(job.image_embeds[:, None], image, image * models.vae.config.scaling_factor)
    plan = make_plan(len(job.pose), settings or job.settings, conditioning)
    return sample(models, conditioning, lambda poses: job.pose[list(poses)], plan, job.noise)


def full_models(device: torch.device, dtype: torch.dtype) -> Models:
    """SVD-XT's UNet and decoder and the published control branch, random; without an image encoder."""
    with device:
        unet, control, vae = ControlledUNet(), ControlNeXt(), _vae((128, 256, 512, 512), layers=2)
    return in_dtype(Models(unet.eval(), control.eval(), vae.eval(), image_encoder=None), dtype)


def reduced_models(device: torch.device, dtype: torch.dtype) -> Models:
    """38 M parameters of the same shape, the control branch as published but for its last layer; random."""
    torch.manual_seed(0)
    with device:
        unet = ControlledUNet(
            block_out_channels=(REDUCED_WIDTH, 64, 64, 64),
            num_attention_heads=(7, 2, 2, 4),
            cross_attention_dim=REDUCED_EMBEDDING,
            addition_time_embed_dim=32,
            projection_class_embeddings_input_dim=96,
        )
        control, vae = ControlNeXt(out_channels=REDUCED_WIDTH), _vae((32, 32, 64, 64), layers=1)
    return in_dtype(Models(unet.eval(), control.eval(), vae.eval(), image_encoder=None), dtype)


def tiny_models(device: torch.device, dtype: torch.dtype) -> Models:
    """1 M parameters, random, so that the memory of a render is that of its data."""
    torch.manual_seed(0)
    with device:
        unet = ControlledUNet(
            block_out_channels=(32, 32, 32, 32),
            num_attention_heads=(2, 2, 2, 2),
            layers_per_block=1,
            cross_attention_dim=REDUCED_EMBEDDING,
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=24,
        )
        control = ControlNeXt((8, 8, 16), (16, 32), time_channels=(16, 32), out_channels=32)
        vae = _vae((32, 32, 32, 32), layers=1)
    return in_dtype(Models(unet.eval(), control.eval(), vae.eval(), image_encoder=None), dtype)


def in_dtype(models: Models, dtype: torch.dtype) -> Models:
    """The same models, converted in place."""
    for network in (models.unet, models.control, models.vae):
        # diffusers' own `to` warns of layers to keep in float32, of which these networks have none.
        torch.nn.Module.to(network, dtype)
    return models


def _vae(channels: tuple[int, ...], layers: int) -> AutoencoderKLTemporalDecoder:
    return AutoencoderKLTemporalDecoder(
        down_block_types=("DownEncoderBlock2D",) * len(channels), block_out_channels=channels, layers_per_block=layers
    )
