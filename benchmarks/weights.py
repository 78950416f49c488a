"""How fast the full-size UNet loads (1.5 G parameters, float16), against reading its bytes and against diffusers."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from accelerate import init_empty_weights
from diffusers import UNetSpatioTemporalConditionModel

from apvgen.model.parts import load_part, save_part, weights_file
from apvgen.model.unet import ControlledUNet

REPEATS = 3
PAGE = 4096


def run() -> dict[str, float]:
    """Medians; "cold": the file is not in the system's cache. Loading includes touching every page of the weights."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "unet"
        save_part(full_unet(), folder)
        file = weights_file(folder)

        def ours() -> None:
            touch(load_part(folder, "unet", "cpu", None))

        def theirs() -> None:
            touch(UNetSpatioTemporalConditionModel.from_pretrained(folder, torch_dtype=torch.float16))

        read_cold = seconds(lambda: read(file), file)
        load_cold = seconds(ours, file)
        return {
            "file_gb": file.stat().st_size / 1e9,
            "read_cold_s": read_cold,
            "load_cold_s": load_cold,
            "load_cold_over_read_ratio": load_cold / read_cold,
            "diffusers_load_cold_s": seconds(theirs, file),
            "load_warm_s": seconds(ours),
            "diffusers_load_warm_s": seconds(theirs),
        }


def full_unet() -> ControlledUNet:
    """SVD-XT's UNet of zeros."""
    with init_empty_weights(include_buffers=False):
        unet = ControlledUNet()
    state = {key: torch.zeros(tensor.shape, dtype=torch.float16) for key, tensor in unet.state_dict().items()}
    unet.load_state_dict(state, assign=True)
    return unet


def touch(unet: torch.nn.Module) -> None:
    """Read one number of every page, so that weights which are views of the file are really fetched."""
    for parameter in unet.parameters():
        parameter.detach().flatten()[:: PAGE // parameter.element_size()].sum()


def read(file: Path) -> None:
    buffer = bytearray(1 << 24)
    with file.open("rb", buffering=0) as source:
        while source.readinto(buffer):
            pass


def seconds(work: Callable[[], None], cold: Path | None = None) -> float:
    taken = []
    for _ in range(REPEATS):
        if cold:
            evict(cold)
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def evict(file: Path) -> None:
    """Drop the file from the system's cache."""
    with file.open("rb") as source:
        os.fdatasync(source.fileno())
        os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
