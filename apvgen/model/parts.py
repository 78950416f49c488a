"""The networks of a checkpoint folder, one subfolder each: `config.json` and safetensors, as diffusers writes them."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKLTemporalDecoder
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from apvgen.errors import CheckpointError
from apvgen.model.controlnext import ControlNeXt
from apvgen.model.groups import GroupedAutoencoder
from apvgen.model.unet import ControlledUNet
from apvgen.model.weights import check_shapes, load_exactly, read_shapes, read_state_dict

_CLASSES = {
    "unet": {"ControlledUNet": ControlledUNet, "UNetSpatioTemporalConditionModel": ControlledUNet},
    "controlnext": {"ControlNeXt": ControlNeXt},
    "vae": {"AutoencoderKLTemporalDecoder": AutoencoderKLTemporalDecoder, "GroupedAutoencoder": GroupedAutoencoder},
    "image_encoder": {"CLIPVisionModelWithProjection": CLIPVisionModelWithProjection},
}
"""Of each part: the class for every name that its `config.json` may bear (the base's UNet is diffusers' own)."""


_BUILDING = threading.RLock()


@contextmanager
def _without_weights() -> Iterator[None]:
    """Networks built inside have their parameters on the meta device.

    accelerate replaces a method of all modules meanwhile, in all threads: one that was loading weights, as a render
    does while the studio counts another's cost, would be left with none.
    """
    with _BUILDING, init_empty_weights(include_buffers=False):
        yield


def load_part(folder: Path, part: str, device: torch.device | str, dtype: torch.dtype | None) -> torch.nn.Module:
    """The network in `folder`, for inference; raises CheckpointError unless architecture and weights fit exactly."""
    module = empty_part(folder, part)
    path = weights_file(folder)
    state = read_state_dict(path, device, dtype)
    with _BUILDING:
        load_exactly(module, state, str(path))
    return module.to(device).eval()


def check_part(folder: Path, part: str) -> None:
    """Raise CheckpointError unless the weights' names and shapes fit the configuration; reads headers alone."""
    path = weights_file(folder)
    check_shapes(empty_part(folder, part), read_shapes(path), str(path))


def empty_part(folder: Path, part: str) -> torch.nn.Module:
    """The network that `folder/config.json` describes, its parameters on the meta device, its buffers real."""
    config, network = _config(folder / "config.json", part)
    try:
        # Positions and the like are in no state dict, so they must exist before weights are loaded.
        with _without_weights():
            if part == "image_encoder":
                return CLIPVisionModelWithProjection(CLIPVisionConfig.from_dict(config))
            return network.from_config(config)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder / 'config.json'} describes no network that can be built ({error}); download or convert the "
            "checkpoint again."
        ) from error


def empty_control() -> ControlNeXt:
    """The control branch of the published weights, its parameters on the meta device."""
    with _without_weights():
        return ControlNeXt()


def save_part(network: torch.nn.Module, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write a network as `load_part` reads it, and as its library's own `from_pretrained` does.

    dtype: of the numbers in the file; None keeps those of the network.
    """
    folder.mkdir()
    name = "diffusion_pytorch_model.safetensors"
    if isinstance(network, CLIPVisionModelWithProjection):
        name = "model.safetensors"
        config = network.config.to_dict() | {"architectures": [type(network).__name__]}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    else:
        network.save_config(folder)
    state = {
        key: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for key, tensor in network.state_dict().items()
    }
    save_file(state, folder / name, metadata={"format": "pt"})
    # safetensors makes its files private to the user.
    shutil.copymode(folder / "config.json", folder / name)


def weights_file(folder: Path) -> Path:
    """The safetensors file of a part, in full precision where a half-precision variant lies beside it."""
    files = sorted(folder.glob("*.safetensors"), key=lambda path: len(path.name))
    if not files:
        raise CheckpointError(f"{folder} holds no .safetensors weights; download or convert the checkpoint again.")
    return files[0]


def _config(path: Path, part: str) -> tuple[dict[str, Any], type[torch.nn.Module]]:
    """What `config.json` says, and the class that it is for."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); download or convert the checkpoint again.") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} is no configuration; download or convert the checkpoint again.")
    named = config.get("_class_name") or (config.get("architectures") or [None])[0]
    known = _CLASSES[part]
    if named not in known:
        raise CheckpointError(f"{path} describes a {named}, not a {next(iter(known))}; this is another model.")
    return config, known[named]
