"""The networks of the demo checkpoint: SVD's own classes, small enough to be trained and run on two CPU cores."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import TemporalDecoder
from diffusers.models.resnet import TemporalResnetBlock
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from apvgen.model.checkpoint import CheckpointInfo, save_checkpoint
from apvgen.model.controlnext import ControlNeXt
from apvgen.model.groups import GroupedAutoencoder
from apvgen.model.models import Models
from apvgen.model.parts import load_part, save_part
from apvgen.model.unet import ControlledUNet

DEMO_HW = (384, 256)
"""Pixels."""

EMBEDDING = 128
"""Numbers that the image encoder says of a picture."""

ADVISED_NOISE = 0.0
"""Of what a render begins from; what so small a network is sure of is softer than noise made into wrong detail."""

LATENT_CHANNELS = 8
"""Twice SVD's: faces are 8 latents high here, and lips have to open in 2."""

_FIRST_LOG_VARIANCE = -6.0

_TIME_IDS = 3
"""fps, motion bucket and noise augmentation, each coded in as many numbers as `addition_time_embed_dim`."""


_UNET_GROUPS, _VAE_GROUPS = 8, 1
"""In every normalisation: the usual 32 would leave one or two channels each."""


def small_unet() -> ControlledUNet:
    """20 M parameters; attention only at a half and a quarter of the latents' size."""
    return ControlledUNet(
        sample_size=48,
        in_channels=2 * LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("DownBlockSpatioTemporal",) + ("CrossAttnDownBlockSpatioTemporal",) * 2,
        up_block_types=("CrossAttnUpBlockSpatioTemporal",) * 2 + ("UpBlockSpatioTemporal",),
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        addition_time_embed_dim=64,
        projection_class_embeddings_input_dim=64 * _TIME_IDS,
        cross_attention_dim=EMBEDDING,
        num_attention_heads=(2, 4, 6),
        norm_groups=_UNET_GROUPS,
        control_strength=1.0,
    )


def small_control() -> ControlNeXt:
    """0.3 M parameters; a quarter of the published widths, since at those it would cost more than the UNet."""
    return ControlNeXt(
        stem_channels=(16, 24, 32),
        block_channels=(48, 64),
        block_groups=(4, 8),
        time_channels=(64, 128),
        out_channels=64,
    )


def small_vae() -> GroupedAutoencoder:
    """3 M parameters, 8 pixels a latent on each side."""
    vae = GroupedAutoencoder(
        down_block_types=("DownEncoderBlock2D",) * 4,
        block_out_channels=(32, 32, 64, 128),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        sample_size=384,
        scaling_factor=1.0,
        norm_groups=_VAE_GROUPS,
    )
    # Latents begin nearly without noise of their own: at a deviation of 1 it hides every colour for hundreds of steps.
    torch.nn.init.constant_(vae.quant_conv.bias[LATENT_CHANNELS:], _FIRST_LOG_VARIANCE)
    _begin_with_pictures(vae.decoder)
    return vae


@torch.no_grad()
def _begin_with_pictures(decoder: TemporalDecoder) -> None:
    """Let frames pass the layers along time unchanged, so that single pictures teach what videos need."""
    torch.nn.init.dirac_(decoder.time_conv_out.weight)
    torch.nn.init.zeros_(decoder.time_conv_out.bias)
    for block in decoder.modules():
        if isinstance(block, TemporalResnetBlock):
            torch.nn.init.zeros_(block.conv2.weight)
            torch.nn.init.zeros_(block.conv2.bias)


def small_image_encoder() -> CLIPVisionModelWithProjection:
    """2 M parameters; sees a picture as 8 x 8 patches of 12 pixels."""
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=5,
            num_attention_heads=6,
            image_size=96,
            patch_size=12,
            projection_dim=EMBEDDING,
        )
    )


def save_network(network: torch.nn.Module, folder: Path) -> None:
    """Write a part of a checkpoint, whole or not at all; one that is there goes."""
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        save_part(network, Path(temporary) / "new")
        if folder.exists():
            folder.rename(Path(temporary) / "old")
        (Path(temporary) / "new").rename(folder)


@click.command()
@click.option("--vae", type=click.Path(path_type=Path), required=True, help="What train.autoencoder wrote.")
@click.option("--image-encoder", type=click.Path(path_type=Path), required=True, help="Of train.image_encoder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The checkpoint folder to make.")
@click.option("--seed", default=0, show_default=True, help="Draws the weights of UNet and control branch.")
def main(vae: Path, image_encoder: Path, out: Path, seed: int) -> None:
    """Join a trained VAE and image encoder with a UNet and a control branch that know nothing yet."""
    torch.manual_seed(seed)
    models = Models(
        small_unet().eval(),
        small_control().eval(),
        load_part(vae, "vae", "cpu", None),
        load_part(image_encoder, "image_encoder", "cpu", None),
    )
    # Networks of this size are sure of little: guidance and noise would bring out what they are not sure of.
    advice = {"guidance": 1.0, "initial_noise": ADVISED_NOISE}
    info = CheckpointInfo(out, out.name, "mesh", DEMO_HW, window=14, licence="CC0-1.0", **advice)
    save_checkpoint(out, models, info)


if __name__ == "__main__":
    main()
