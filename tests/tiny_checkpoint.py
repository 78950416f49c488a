"""A whole checkpoint, tiny and random, so that every path through the diffusion model runs in seconds."""

from pathlib import Path

import torch
from diffusers import AutoencoderKLTemporalDecoder
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from apvgen.config import FaceStyle
from apvgen.model.checkpoint import CheckpointInfo, save_checkpoint
from apvgen.model.controlnext import ControlNeXt
from apvgen.model.models import Models
from apvgen.model.unet import ControlledUNet

WIDTH, EMBEDDING = 32, 16
"""Channels everywhere (the fewest that 32 groups allow), and the size of the reference picture's embedding."""


def make_tiny_checkpoint(folder: Path, seed: int = 0, face_style: FaceStyle = "mesh") -> Path:
    """Write a checkpoint of SVD's shape (four levels, so sides are multiples of 64 px); under 10 MB, under 5 s."""
    info = CheckpointInfo(
        folder, "tiny", face_style, hw=(128, 64), window=6, licence="CC0-1.0", training={"seed": seed}
    )
    save_checkpoint(folder, tiny_models(seed), info)
    return folder


def tiny_models(seed: int = 0) -> Models:
    """The four networks of a tiny checkpoint, on the CPU, float32, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Models(_unet().eval(), _control().eval(), _vae().eval(), _image_encoder().eval())


def _unet() -> ControlledUNet:
    return ControlledUNet(
        sample_size=16,
        block_out_channels=(WIDTH,) * 4,
        layers_per_block=1,
        cross_attention_dim=EMBEDDING,
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24,
        num_attention_heads=(2, 2, 2, 2),
    )


def _control() -> ControlNeXt:
    return ControlNeXt(
        stem_channels=(8, 8, 16),
        block_channels=(16, 32),
        block_groups=(4, 8),
        time_channels=(16, 32),
        out_channels=WIDTH,
    )


def _vae() -> AutoencoderKLTemporalDecoder:
    return AutoencoderKLTemporalDecoder(
        down_block_types=("DownEncoderBlock2D",) * 4,
        block_out_channels=(WIDTH,) * 4,
        layers_per_block=1,
        sample_size=64,
    )


def _image_encoder() -> CLIPVisionModelWithProjection:
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(**sizes, image_size=224, patch_size=56, projection_dim=EMBEDDING)
    )
