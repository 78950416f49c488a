"""Where the networks run, in what precision, and what to tell a user whose device is too small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

import torch
from accelerate import cpu_offload_with_hook
from accelerate.hooks import CpuOffload
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import nn

from apvgen.errors import MemoryLimitError, RenderError
from apvgen.model.models import Models
from apvgen.sampler.settings import Decoding, Memory

GIB = 2**30

OFFLOAD_BELOW = 16 * GIB
"""Half-precision networks take 4.6 GB, a window at 1024 x 576 and the decoder several more."""

CHUNKS = ((40 * GIB, 14), (16 * GIB, 8), (10 * GIB, 4), (0, 2))
"""Device memory -> frames decoded together. Of the whole memory, not of what is free: that varies, and the chunk
changes pictures. Half precision takes about 1 GB a frame at 768 x 512."""

CPU_CHUNK = 4


@dataclass(frozen=True)
class Resources:
    """The device and precision of a render, and how it decodes."""

    device: torch.device
    dtype: torch.dtype
    offload: bool
    decoding: Decoding


def resources(memory: Memory) -> Resources:
    """What was asked for, the rest chosen for the device found: cuda, else mps, else the CPU.

    Raises RenderError for a device that this machine lacks.
    """
    device = _device(memory.device)
    total = _total_memory(device)
    offload = memory.offload
    if offload is None:
        # Metal shares the machine's memory with the CPU: moving networks aside frees nothing there.
        offload = device.type == "cuda" and total < OFFLOAD_BELOW
    chunk = CPU_CHUNK if device.type == "cpu" else next(frames for least, frames in CHUNKS if total >= least)
    return Resources(device, _dtype(memory.dtype, device), offload and device.type != "cpu", memory.decoding(chunk))


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        # The way there and back is the one check that all backends have; it also fills in the index of a bare "cuda".
        there = torch.ones(1, device=name)
        there.cpu()
    except (RuntimeError, AssertionError, ImportError) as error:
        raise RenderError(f"The device {name!r} cannot be used on this machine; choose another or auto.") from error
    return there.device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name != "auto":
        return getattr(torch, name)
    if device.type == "cuda":
        with torch.cuda.device(device):
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32


def _total_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return torch.mps.recommended_max_memory() if device.type == "mps" else 0


def offload(models: Models, device: torch.device) -> None:
    """Keep each network on the CPU, in place, except while it works: `released` puts it back after its stage."""
    for field in fields(models):
        cpu_offload_with_hook(getattr(models, field.name), device)


def _offload_hook(module: nn.Module) -> CpuOffload | None:
    hook = getattr(module, "_hf_hook", None)
    return hook if isinstance(hook, CpuOffload) else None


def execution_device(module: nn.Module) -> torch.device:
    """Where a network computes, which is not where an offloaded one waits."""
    hook = _offload_hook(module)
    return torch.device(hook.execution_device) if hook else next(module.parameters()).device


@contextmanager
def released(*modules: nn.Module) -> Iterator[None]:
    """Give the device's memory back when a stage ends; does nothing to networks that are not offloaded."""
    try:
        yield
    finally:
        offloaded = [module for module in modules if _offload_hook(module)]
        for module in offloaded:
            module.to("cpu")
        if offloaded:
            clear_device_cache()


@contextmanager
def memory_limit_explained(stage: str, advice: str) -> Iterator[None]:
    """Turn any backend's out-of-memory error into a MemoryLimitError.

    stage: what was being done. advice: which option to change.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        raise MemoryLimitError(f"Memory ran out while {stage}; {advice}.") from error


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # torch's allocator on Windows words it in its own way.
    return should_reduce_batch_size(error) or "not enough memory" in str(error)


def sampling_advice(unet: nn.Module) -> str:
    """The option that saves most of what is not yet saved while sampling."""
    if execution_device(unet).type != "cpu":
        if next(unet.parameters()).dtype == torch.float32:
            return "use --dtype bfloat16 or float16"
        if not _offload_hook(unet):
            return "use --offload"
    return "use a smaller --window or a smaller output size"


def decoding_advice(decoding: Decoding, pixels: int) -> str:
    """The option that saves most of what is not yet saved while decoding pictures of `pixels` on their longer side."""
    if decoding.chunk > 1:
        return f"use a --vae-chunk smaller than {decoding.chunk}"
    tile = decoding.tile or pixels
    return f"use a --vae-tile smaller than {tile}" if tile > 128 else "use a smaller output size"
