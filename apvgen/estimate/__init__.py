"""How long a render will take and how much memory, before it: an estimate, from its configuration and this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apvgen.backbones.options import RenderOptions
from apvgen.estimate.pace import PROCESSOR, recall, remember
from apvgen.types import HW

if TYPE_CHECKING:
    import torch


MEGAPIXELS_A_SECOND = {"draft": 8.0, "stick": 16.0}
"""Of output, encoding included. Measured on two busy cores at 768 x 512 and at 1536 x 1024: 5.6 to 9.6, 11 to 23."""

DRAWING_BYTES = {"draft": (180e6, 260), "stick": (140e6, 105)}
"""Of the whole process, and for each pixel of the output more. Measured at both sizes: 276 and 583 MB, 181 and 303."""

SHARE_OF_PEAK = {"cuda": 0.3, "mps": 0.3, "cpu": 0.75}
"""What sampling reaches of the device's matrix products. CPU: measured on one core with a model of 38 M parameters,
0.71 to 0.85. The others are not measured: TensorRT is published at 0.47 of an A100 for this network, of which running
operations one by one takes about a third away."""

WORKSPACE = 1.2
"""What an allocator and the kernels' own buffers add to the tensors alive. Measured on a CPU, of a UNet and a decoder:
1.00 to 1.04 without the weights. Graphics processors round more: a usual allowance, not measured."""

_PROBE = {"cuda": 8192, "mps": 4096, "cpu": 1024}
"""Side of the matrices whose product probes the device: milliseconds."""


@dataclass(frozen=True)
class Estimate:
    """seconds: of the whole render. measured: whether an earlier render on this machine says so.

    device: in words. bytes_needed: at the peak. bytes_there: of the device's memory, free now.
    """

    seconds: float
    measured: bool
    device: str
    bytes_needed: float
    bytes_there: float


def estimate(how: RenderOptions, frames: int, hw: HW) -> Estimate:
    """What a render of `frames` of size `hw` will take.

    Raises CheckpointError where the diffusion's checkpoint cannot be used, RenderError for a device that this machine
    lacks or settings that do not fit the clip.
    """
    return _diffusion(how, frames, hw) if how.renderer == "diffusion" else _drawing(how.renderer, frames, hw)


def drawn(renderer: str, frames: int, hw: HW, seconds: float) -> None:
    """Note how long a renderer that draws frame by frame took, for estimates to come."""
    remember(renderer, frames * hw[0] * hw[1] / 1e6, seconds)


def _drawing(renderer: str, frames: int, hw: HW) -> Estimate:
    pixels = hw[0] * hw[1]
    pace = recall(renderer)
    start, per_pixel = DRAWING_BYTES[renderer]
    seconds = frames * pixels / 1e6 / (pace or MEGAPIXELS_A_SECOND[renderer])
    return Estimate(seconds, pace is not None, PROCESSOR, start + per_pixel * pixels, _host_memory())


def _diffusion(how: RenderOptions, frames: int, hw: HW) -> Estimate:
    from apvgen.backbones.controlnext_svd import find_checkpoint, fitted
    from apvgen.backbones.options import advised
    from apvgen.estimate.diffusion import device_name, kind, render_cost
    from apvgen.sampler.devices import resources

    found = resources(how.memory)
    checkpoint = find_checkpoint(how.checkpoint)
    sampling = fitted(advised(how.sampling, checkpoint), checkpoint.window, frames + 1)
    cost = render_cost(checkpoint, sampling, found.decoding, frames, hw)
    pace = recall(kind(found, cost.weights["unet"]))
    flops_a_second = pace or peak_operations(found.device, found.dtype) * SHARE_OF_PEAK[found.device.type]
    needed = cost.resident(found.offload) * found.dtype.itemsize * WORKSPACE
    return Estimate(
        cost.flops / flops_a_second, pace is not None, device_name(found.device), needed, free_memory(found.device)
    )


def peak_operations(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a matrix product: the best of a few, since other work only slows it down."""
    import torch

    side = _PROBE[device.type]
    matrix = torch.ones(side, side, device=device, dtype=dtype)
    taken = []
    for _ in range(4):
        started = time.perf_counter()
        (matrix @ matrix)[0, 0].item()  # reading a number waits for the device
        taken.append(time.perf_counter() - started)
    return 2 * side**3 / min(taken)


def free_memory(device: torch.device) -> float:
    """Bytes of a device's memory that a program could have now."""
    import torch

    if device.type == "cuda":
        # What torch has put aside for itself serves the next render.
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    return _host_memory()


def _host_memory() -> float:
    import psutil

    return float(psutil.virtual_memory().available)
