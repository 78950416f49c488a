"""ControlNeXt's control branch: what it makes of a pose picture, for the video UNet to add to its own features.

Keys and shapes of the state dict are those of the published `controlnet.bin` (`Pbihao/ControlNeXt` on the model hub,
folder `ControlNeXt-SVD/v2`).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.resnet import Downsample2D, ResnetBlock2D
from torch import nn

STEM_GROUPS = 2


class ControlNeXt(ModelMixin, ConfigMixin):
    """A small convolutional network over one pose picture and the noise level.

    Every frame is computed by itself: frames may be given in any order, and in as many calls as memory wants.

    stem_channels: of the three convolutions at the picture's half size.
    block_channels: of each residual block, which halves the size again.
    block_groups: of each block's group normalisation; the last number also serves the convolutions after the blocks.
    time_channels: of the sinusoidal code of the noise level and of its embedding.
    out_channels: must equal the first of the UNet's `block_out_channels`.
    """

    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(
        self,
        stem_channels: tuple[int, int, int] = (64, 64, 128),
        block_channels: tuple[int, ...] = (128, 256),
        block_groups: tuple[int, ...] = (4, 8),
        time_channels: tuple[int, int] = (128, 256),
        out_channels: int = 320,
    ) -> None:
        super().__init__()
        code, embedded = time_channels
        self.time_proj = Timesteps(code, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(code, embedded)
        self.embedding = _stem(stem_channels)
        widths = (stem_channels[-1], *block_channels)
        self.down_res = nn.ModuleList(
            ResnetBlock2D(in_channels=before, out_channels=after, temb_channels=embedded, groups=groups)
            for (before, after), groups in zip(pairwise(widths), block_groups, strict=True)
        )
        self.down_sample = nn.ModuleList(Downsample2D(width, use_conv=True, name="op") for width in block_channels)
        last = block_channels[-1]
        self.mid_convs = nn.ModuleList([_mixer(last, block_groups[-1]), nn.Conv2d(last, out_channels, kernel_size=1)])
        self.gradient_checkpointing = False

    def forward(self, frames: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        """Control features before cross normalisation, which needs the UNet's features and is left to the UNet.

        frames: float `[N, 3, H, W]`, RGB in [0, 1].
        timestep: float `[]` or `[N]`, 0.25 ln sigma.
        Returns float `[N, out_channels, H / 8 - 1, W / 8 - 1]` (for two blocks) in the dtype of `frames`.
        """
        code = self.time_proj(timestep.to(frames.device).expand(len(frames)))
        embedded = self.time_embedding(code.to(frames.dtype))
        hidden = self.embedding(frames)
        for block, halve in zip(self.down_res, self.down_sample, strict=True):
            hidden = halve(self._run(block, hidden, embedded))
        mixer, project = self.mid_convs
        return project(mixer(hidden) + hidden)

    def _run(self, block: nn.Module, hidden: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return self._gradient_checkpointing_func(block, hidden, embedded)
        return block(hidden, embedded)


def _stem(channels: tuple[int, int, int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    geometry = ({"stride": 2, "padding": 1}, {}, {})
    for (before, after), shape in zip(pairwise((3, *channels)), geometry, strict=True):
        layers += [nn.Conv2d(before, after, kernel_size=3, **shape), nn.GroupNorm(STEM_GROUPS, after), nn.ReLU()]
    return nn.Sequential(*layers)


def _mixer(channels: int, groups: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.GroupNorm(groups, channels),
        nn.Conv2d(channels, channels, kernel_size=3, padding=1),
        nn.GroupNorm(groups, channels),
    )
