"""State dicts: read safely, loaded exactly."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from apvgen.errors import CheckpointError

StateDict = dict[str, torch.Tensor]

_PICKLED = (".bin", ".pt", ".pth")
_NAMED = 3
"""Keys that a message spells out; the rest are counted."""


def read_state_dict(path: Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> StateDict:
    """The tensors of a `.safetensors` file, or of a `.bin`, `.pt` or `.pth` file that holds tensors and nothing else.

    dtype: what floating-point tensors become, one at a time, so that the file's own precision is never held whole;
    None keeps it. On a CPU and without a dtype the tensors are views of the file, read when first used.
    Raises CheckpointError for a file that is absent, damaged, of another kind, or that would run code when read.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing; run: python -m apvgen checkpoints list.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path, device, dtype)
    if path.suffix in _PICKLED:
        return {name: _cast(tensor.to(device), dtype) for name, tensor in _read_pickled(path).items()}
    raise CheckpointError(f"{path} is no weights file; .safetensors, {', '.join(_PICKLED)} are read.")


def read_shapes(path: Path) -> dict[str, torch.Size]:
    """Names and shapes in a `.safetensors` file, from its header alone; raises CheckpointError for a damaged file."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: torch.Size(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_damaged(path, error)) from error


def load_exactly(module: torch.nn.Module, state: Mapping[str, torch.Tensor], name: str) -> None:
    """Give `module` the tensors of `state` themselves, not copies, so that a module on the meta device costs nothing.

    name: what messages call the weights, such as their file. Raises CheckpointError, which names the first keys that
    are missing, unexpected or of another shape.
    """
    check_shapes(module, {key: tensor.shape for key, tensor in state.items()}, name)
    module.load_state_dict(state, strict=True, assign=True)


def check_shapes(module: torch.nn.Module, shapes: Mapping[str, torch.Size], name: str) -> None:
    """Raise CheckpointError unless `shapes` are the names and shapes of `module`'s state dict."""
    wanted = {key: tensor.shape for key, tensor in module.state_dict().items()}
    mismatched = [
        f"{key} ({list(shape)} instead of {list(wanted[key])})"
        for key, shape in shapes.items()
        if key in wanted and shape != wanted[key]
    ]
    faults = [
        _listed("missing", [key for key in wanted if key not in shapes]),
        _listed("unexpected", [key for key in shapes if key not in wanted]),
        _listed("of another shape", mismatched),
    ]
    if any(faults):
        found = "; ".join(fault for fault in faults if fault)
        raise CheckpointError(f"{name} does not fit {type(module).__name__}: {found}; use the weights made for it.")


def _read_safetensors(path: Path, device: torch.device | str, dtype: torch.dtype | None) -> StateDict:
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            return {name: _cast(file.get_tensor(name), dtype) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_damaged(path, error)) from error


def _read_pickled(path: Path) -> StateDict:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds Python objects besides tensors, or is damaged, and is refused because reading it could run "
            "code; get the file from its publisher again, or as safetensors."
        ) from error
    except (OSError, RuntimeError, EOFError) as error:
        raise CheckpointError(_damaged(path, error)) from error
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise CheckpointError(f"{path} holds no state dict (names to tensors); use the published weights.")
    return dict(state)


def _cast(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    return tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor


def _listed(what: str, keys: Collection[str]) -> str:
    if not keys:
        return ""
    first = ", ".join(list(keys)[:_NAMED])
    return f"{len(keys)} {what}: {first}{', …' if len(keys) > _NAMED else ''}"


def _damaged(path: Path, error: Exception) -> str:
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    return f"{path} is damaged or incomplete ({reason}); download or copy it again."
