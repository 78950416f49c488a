"""The networks that are trained, as one module, and which of their weights are."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator

import torch
from diffusers.models.resnet import SpatioTemporalResBlock
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import apply_activation_checkpointing

from apvgen.model.controlnext import ControlNeXt
from apvgen.model.unet import ControlledUNet, OneTokenAttention
from apvgen.model.weights import StateDict
from train.config import OptimiserSettings, Trained

ADDED_TIME_IDS = (6.0, 127.0, 0.02)
"""Frames a second, motion bucket, noise augmentation: train_svd.py of dvlab-research/ControlNeXt. Videos are made with
a motion bucket of 128 (`apvgen.sampler.velocity`), as its own pipeline does."""

_ATTENTION_VALUES = re.compile(r"unet\..*\.attn\d\.(to_v|to_out)\..*")
_LORA_TARGETS = r"unet\..*(\.attn1\.(to_q|to_k|to_v|to_out\.0)|\.attn2\.(to_v|to_out\.0))"


class Denoiser(nn.Module):
    """UNet and control branch together: engines that shard weights want a single module with a single forward pass."""

    def __init__(self, unet: ControlledUNet, control: ControlNeXt) -> None:
        super().__init__()
        self.unet, self.control = unet, control

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        embedding: torch.Tensor,
        poses: torch.Tensor,
        keep_pose: torch.Tensor,
    ) -> torch.Tensor:
        """The v-prediction, float `[B, S, 4, h, w]`.

        sample: `[B, S, 8, h, w]`, scaled noisy latents beside those of the reference picture. timestep: `[B]`.
        embedding: `[B, 1, D]`. poses: float `[B, S, 3, H, W]` in [0, 1]. keep_pose: `[B]`, 0 for no pose, else 1.
        """
        frames = sample.shape[1]
        per_frame = timestep.repeat_interleave(frames)
        return self.unet(
            sample,
            timestep,
            embedding,
            sample.new_tensor([ADDED_TIME_IDS]).expand(len(sample), -1),
            control=self.control(poses.flatten(0, 1), per_frame),
            control_scale=keep_pose.repeat_interleave(frames).view(-1, 1, 1, 1),
            return_dict=False,
        )[0]


def make_trainable(denoiser: Denoiser, settings: OptimiserSettings) -> nn.Module:
    """Freeze all but what `settings.train` names; with LoRA, the module that has the adapters in it is returned."""
    if settings.train == "lora":
        options = LoraConfig(r=settings.lora_rank, lora_alpha=settings.lora_rank, target_modules=_LORA_TARGETS)
        adapted = get_peft_model(denoiser, options)
        denoiser.control.requires_grad_(True)
        return adapted
    for name, parameter in denoiser.named_parameters():
        parameter.requires_grad_(_is_trained(name, settings.train))
    for parameter in idle_parameters(denoiser.unet):
        parameter.requires_grad_(False)
    return denoiser


def _is_trained(name: str, trained: Trained) -> bool:
    if trained == "all" or name.startswith("control."):
        return True
    return trained == "to_out_v" and bool(_ATTENTION_VALUES.fullmatch(name))


def idle_parameters(unet: ControlledUNet) -> Iterator[nn.Parameter]:
    """Weights that change nothing: what asks for the answer of `OneTokenAttention`, which is always the same.

    They get no gradient, which processes that share gradients would wait for.
    """
    for block in unet.modules():
        attention = getattr(block, "attn2", None)
        if attention is not None and isinstance(attention.processor, OneTokenAttention):
            for asking in (attention.to_q, attention.to_k, block.norm2):
                yield from asking.parameters()


def checkpoint_gradients(module: nn.Module) -> None:
    """Have every layer compute its activations again in the backward pass; names in state dicts stay.

    Computed for SVD-XT, 21 frames of 768 x 512 in bf16: 75 GB of activations become 7 GB. diffusers' own way leaves out
    the temporal half of each transformer, and keeps 40 GB.
    """
    layers = (ControlNeXt, SpatioTemporalResBlock, TransformerSpatioTemporalModel)
    apply_activation_checkpointing(module, check_fn=lambda layer: isinstance(layer, layers))


def trained_parameters(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that are trained, in the order of the module."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def without_adapters(module: nn.Module) -> nn.Module:
    """A module with its LoRA adapters added to the weights beneath, as a copy; one without adapters is given back."""
    if not isinstance(module, PeftModel):
        return module
    return copy.deepcopy(module).merge_and_unload()


def parts_of(state: StateDict) -> tuple[StateDict, StateDict]:
    """The state dicts of UNet and control branch in that of a `Denoiser`."""
    prefixes = ("unet.", "control.")
    return tuple(
        {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        for prefix in prefixes
    )
