"""The video UNet of Stable Video Diffusion, with a place where control features enter."""

from __future__ import annotations

from functools import wraps

import torch
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionOutput
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d

from apvgen.model.groups import with_norm_groups
from apvgen.model.options import with_option

CONTROL_STRENGTH = 0.2
"""Of the published weights: dvlab-research/ControlNeXt, models/unet_spatio_temporal_condition_controlnext.py."""

_DEVIATION_FLOOR = 1e-5


class ControlledUNet(UNetSpatioTemporalConditionModel):
    """diffusers' UNet (its configuration, its state dict) that adds control features after the first down block.

    `forward` runs the parent's modules itself instead of calling the parent's: that one takes neither control nor
    `image_only_indicator`, and handing them over beside it (hooks, attributes) would leave state between calls, which
    breaks re-entrant calls and compiled graphs. Gradient checkpointing and offload hooks live in the modules.
    It takes two options more, for small networks: `norm_groups`, and `control_strength`, what every control scale is
    multiplied by: a network that learns from nothing does not hear a control of the published strength.
    """

    @with_option("control_strength", CONTROL_STRENGTH)
    @with_norm_groups
    @wraps(UNetSpatioTemporalConditionModel.__init__)  # diffusers reads the configuration's keys off the signature
    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        for name, module in self.named_modules():
            if isinstance(module, Attention) and name.endswith(".attn2"):
                module.set_processor(OneTokenAttention())

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor | float,
        encoder_hidden_states: torch.Tensor,
        added_time_ids: torch.Tensor,
        control: torch.Tensor | None = None,
        control_scale: torch.Tensor | float = 1.0,
        image_only_indicator: torch.Tensor | None = None,
        return_dict: bool = True,
    ) -> UNetSpatioTemporalConditionOutput | tuple[torch.Tensor]:
        """The network's v-prediction for a batch of clips.

        sample: float `[B, F, in_channels, h, w]`, scaled noisy latents beside the latents of the reference image.
        timestep: float `[]` or `[B]`, 0.25 ln sigma. A tensor: a Python number costs a copy to the device, and a
            compilation for each value.
        encoder_hidden_states: float `[B, 1, D]`, embedding of the reference image, zeros when unconditional.
        added_time_ids: float `[B, 3]`: fps - 1, motion bucket, noise augmentation.
        control: float `[B * F, C, h', w']`, features of `ControlNeXt` before cross normalisation, any h', w'; C must be
            the first of `block_out_channels`.
        control_scale: a number, or float `[B * F, 1, 1, 1]`; 0 is the same as no control.
        image_only_indicator: float `[B, F]`, 1 where a frame is a picture by itself, or None (all of them video).
        Returns float `[B, F, out_channels, h, w]` as `.sample`, or in a tuple.
        """
        batch, frames = sample.shape[:2]
        if image_only_indicator is None:
            image_only_indicator = sample.new_zeros(batch, frames)
        shared = {
            "temb": _per_frame(self._embed(timestep, added_time_ids, sample), frames),
            "encoder_hidden_states": _per_frame(encoder_hidden_states, frames),
            "image_only_indicator": image_only_indicator,
        }
        hidden = self.conv_in(sample.flatten(0, 1))
        hidden, skips = self._go_down(hidden, shared, control, control_scale)
        hidden = self.mid_block(hidden_states=hidden, **shared)
        hidden = self._go_up(hidden, skips, shared)
        hidden = self.conv_out(self.conv_act(self.conv_norm_out(hidden)))
        predicted = hidden.unflatten(0, (batch, frames))
        return UNetSpatioTemporalConditionOutput(sample=predicted) if return_dict else (predicted,)

    def _embed(self, timestep: torch.Tensor | float, added_time_ids: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        timestep = torch.as_tensor(timestep, dtype=torch.float32, device=like.device).expand(len(like))
        noise_level = self.time_embedding(self.time_proj(timestep).to(like.dtype))
        codes = self.add_time_proj(added_time_ids.flatten()).unflatten(0, added_time_ids.shape).flatten(1)
        return noise_level + self.add_embedding(codes.to(like.dtype))

    def _go_down(
        self,
        hidden: torch.Tensor,
        shared: dict[str, torch.Tensor],
        control: torch.Tensor | None,
        control_scale: torch.Tensor | float,
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        skips = [hidden]
        for index, block in enumerate(self.down_blocks):
            hidden, more = block(hidden_states=hidden, **_accepted(block, shared))
            skips.extend(more)
            if index == 0 and control is not None:
                hidden = add_control(hidden, control, control_scale * self.config.control_strength)
        return hidden, skips

    def _go_up(self, hidden: torch.Tensor, skips: list[torch.Tensor], shared: dict[str, torch.Tensor]) -> torch.Tensor:
        for block in self.up_blocks:
            count = len(block.resnets)
            skips, own = skips[:-count], skips[-count:]
            # Doubling misses the size of the skips below where a size on the way down was odd.
            size = skips[-1].shape[-2:] if skips else None
            hidden = block(
                hidden_states=hidden,
                res_hidden_states_tuple=tuple(own),
                upsample_size=size,
                **_accepted(block, shared),
            )
        return hidden


class OneTokenAttention(AttnProcessor2_0):
    """Cross attention that asks nothing where there is a single answer.

    The image embedding is one token: its share is 1 whatever is asked, so the result is its value, and queries, keys
    and the attention itself (4 % of the network's FLOPs, more of its memory traffic) are left out. Queries and keys
    therefore get no gradient, where they would get zeros. More tokens are attended to as usual.
    """

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """`[N, S, C]` hidden states and `[N, 1, D]` context to `[N, S, C]`."""
        if encoder_hidden_states is None or encoder_hidden_states.shape[1] != 1:
            return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask)
        project, drop_out = attn.to_out
        return drop_out(project(attn.to_v(encoder_hidden_states))).expand_as(hidden_states)


def add_control(hidden: torch.Tensor, control: torch.Tensor, scale: torch.Tensor | float) -> torch.Tensor:
    """`hidden` plus `control` after cross normalisation, pooled to the same size.

    Each frame's control is shifted and scaled to the mean and deviation of that frame's hidden state, over channels,
    height and width together (ControlNeXt; dvlab-research/ControlNeXt, the file of `CONTROL_STRENGTH`). Computed in
    float32, whatever the network's dtype: in float16 the ratio of the deviations overflows for an even picture.

    hidden: float `[N, C, h, w]`; control: float `[N, C, h', w']`; scale: a number or float `[N, 1, 1, 1]`.
    Raises ValueError where the two differ in frames or channels.
    """
    if control.shape[:2] != hidden.shape[:2]:
        raise ValueError(
            f"control has {control.shape[0]} frames of {control.shape[1]} channels, "
            f"the UNet after its first block {hidden.shape[0]} of {hidden.shape[1]}"
        )
    own_deviation, own_mean = torch.std_mean(control.float(), dim=(1, 2, 3), keepdim=True)
    deviation, mean = torch.std_mean(hidden.float(), dim=(1, 2, 3), keepdim=True)
    # Pooling is linear and keeps constants, so the cheaper order gives the same as normalising first.
    pooled = _pool(control, hidden.shape[-2:]).float()
    normalised = (pooled - own_mean) * (deviation / (own_deviation + _DEVIATION_FLOOR)) + mean
    return hidden + (normalised * scale).to(hidden.dtype)


def _pool(features: torch.Tensor, hw: tuple[int, int]) -> torch.Tensor:
    if features.device.type == "mps":
        # Metal's kernel refuses sizes that are not a whole ratio (pytorch issue 96056).
        return adaptive_avg_pool2d(features.cpu(), hw).to(features.device)
    return adaptive_avg_pool2d(features, hw)


def _per_frame(tensor: torch.Tensor, frames: int) -> torch.Tensor:
    return tensor.repeat_interleave(frames, dim=0, output_size=len(tensor) * frames)


def _accepted(block: nn.Module, shared: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if getattr(block, "has_cross_attention", False):
        return shared
    return {name: value for name, value in shared.items() if name != "encoder_hidden_states"}
