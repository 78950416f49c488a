"""What a diffusion render computes and holds, from its configuration alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import torch

from apvgen.estimate.cost import Cost, cost_of
from apvgen.estimate.pace import LEAST_SECONDS, PROCESSOR, remember
from apvgen.model.checkpoint import PARTS, CheckpointInfo
from apvgen.model.parts import empty_part
from apvgen.sampler.devices import Resources
from apvgen.sampler.guidance import is_guided
from apvgen.sampler.settings import Decoding, Settings
from apvgen.sampler.sigmas import scheduler_for
from apvgen.sampler.taper import cut_ranges
from apvgen.sampler.windows import Window, plan_windows
from apvgen.types import HW


@dataclass(frozen=True)
class Networks:
    """unet: one call on a window. control: one pose. decode: one chunk. weights: numbers in each part's network."""

    unet: Cost
    control: Cost
    decode: Cost
    weights: dict[str, int]


@dataclass(frozen=True)
class RenderCost:
    """flops: of the whole render. sampling, decoding: numbers held beside the weights. weights: numbers a network."""

    flops: float
    sampling: int
    decoding: int
    weights: dict[str, int]

    def resident(self, offload: bool) -> int:
        """Numbers on the device at the peak: all weights, or with `offload` those of the networks at work."""
        if not offload:
            return sum(self.weights.values()) + max(self.sampling, self.decoding)
        sampling = self.weights["unet"] + self.weights["controlnext"] + self.sampling
        return max(sampling, self.weights["vae"] + self.decoding)


def render_cost(checkpoint: CheckpointInfo, settings: Settings, decoding: Decoding, frames: int, hw: HW) -> RenderCost:
    """The cost of rendering `frames` of size `hw`.

    settings: fitted to the checkpoint and the clip, as the backbone does.
    Raises RenderError for settings that do not fit the clip, CheckpointError for a checkpoint that is not whole.
    """
    sequence = frames + 1
    windows = plan_windows(sequence, settings)
    chunks = cut_ranges(sequence, decoding.chunk, decoding.overlap)
    folders = tuple(checkpoint.part(part) for part in PARTS)
    networks = networks_cost(folders, hw, len(windows[0].frames), len(chunks[0]))
    sigmas = scheduler_for(settings.schedule).sigmas.tolist()[:-1]
    calls = len(windows) * sum(1 + is_guided(sigma, settings) for sigma in sigmas)
    sampling = calls * networks.unet.flops + len(sigmas) * _poses_drawn(windows) * networks.control.flops
    decoding_flops = networks.decode.flops * sum(map(len, chunks)) / len(chunks[0])
    return RenderCost(sampling + decoding_flops, networks.unet.values, networks.decode.values, networks.weights)


def _poses_drawn(windows: Sequence[Window]) -> int:
    """How many control features a step computes: those of the window before are still there."""
    poses = [set(), *(set(window.poses) for window in windows)]
    return sum(len(now - before) for before, now in pairwise(poses))


def remember_render(
    checkpoint: CheckpointInfo, found: Resources, settings: Settings, frames: int, hw: HW, seconds: float
) -> None:
    """Note how long a whole render took once its networks were loaded; work that was too short to tell is left out."""
    if seconds >= LEAST_SECONDS:
        cost = render_cost(checkpoint, settings, found.decoding, frames, hw)
        remember(kind(found, cost.weights["unet"]), cost.flops, seconds)


def kind(found: Resources, weights: int) -> str:
    """What decides the pace of sampling, in operations a second; the key of its entry in `pace`.

    weights: of the UNet, for a small one spends its time elsewhere.
    """
    place = f"{device_name(found.device)} in {str(found.dtype).removeprefix('torch.')}"
    return f"diffusion with {weights / 1e6:.0f} M weights on {place}"


def device_name(device: torch.device) -> str:
    """A device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple's graphics processor" if device.type == "mps" else PROCESSOR


@lru_cache(maxsize=32)
def networks_cost(folders: tuple[Path, ...], hw: HW, window: int, chunk: int) -> Networks:
    """Count a checkpoint's networks. folders: of `PARTS`. window: frames of a UNet call. chunk: of a decoder call."""
    modules = [empty_part(folder, part).to("meta").eval() for folder, part in zip(folders, PARTS, strict=True)]
    unet, control, vae, _ = modules
    latent_hw = [side // 2 ** (len(vae.config.block_out_channels) - 1) for side in hw]

    def call_unet() -> None:
        features = torch.empty(window, control.config.out_channels, latent_hw[0] // 2, latent_hw[1] // 2)
        told = torch.empty(1, 1, unet.config.cross_attention_dim)
        noisy = torch.empty(1, window, unet.config.in_channels, *latent_hw)
        unet(noisy, torch.tensor(1.0), told, torch.empty(1, 3), control=features)

    return Networks(
        cost_of(modules, call_unet),
        cost_of(modules, lambda: control(torch.empty(1, 3, *hw), torch.tensor(1.0))),
        cost_of(
            modules, lambda: vae.decode(torch.empty(chunk, vae.config.latent_channels, *latent_hw), num_frames=chunk)
        ),
        {part: _numbers(module) for part, module in zip(PARTS, modules, strict=True)},
    )


def _numbers(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
