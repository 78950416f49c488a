"""Published weights, turned once into a checkpoint folder of safetensors."""

from __future__ import annotations

from pathlib import Path

import torch

from apvgen.errors import CheckpointError
from apvgen.model.checkpoint import SHARED_PARTS, CheckpointInfo, file_sha256, new_checkpoint, read_info
from apvgen.model.parts import check_part, empty_control, empty_part, save_part
from apvgen.model.registry import SVD
from apvgen.model.weights import load_exactly, read_state_dict

NAME = "controlnext-svd"
LICENCE = "apache-2.0 (ControlNeXt), on a base under Stability AI's own licence"


def convert_controlnext(
    unet: Path, control: Path, base: Path, folder: Path, dtype: torch.dtype | None = None
) -> CheckpointInfo:
    """Write ControlNeXt-SVD v2 as the checkpoint `folder`, whole or not at all.

    unet, control: the published `unet.bin` and `controlnet.bin`. base: folder of SVD-XT 1.1, laid out as on the hub;
    its UNet's configuration is copied, its `vae` and `image_encoder` stay where they are and are named.
    dtype: None keeps the files' own precision. Raises CheckpointError when anything does not fit, OutputError for a
    full disk.
    """
    if not (base / "unet" / "config.json").is_file():
        raise CheckpointError(
            f"{base} is not SVD-XT 1.1: it has no unet/config.json; name the folder of the base with --base, or run: "
            f"python -m apvgen checkpoints download {SVD.name}."
        )
    for part in SHARED_PARTS:
        check_part(base / part, part)
    info = CheckpointInfo(
        folder,
        NAME,
        # The faces that the public weights have seen are DWPose's 68 dots.
        face_style="dots68",
        licence=LICENCE,
        base=base_name(base, folder),
        training={"converted_from": {path.name: file_sha256(path) for path in (unet, control)}},
    )
    networks = {"unet": (empty_part(base / "unet", "unet"), unet), "controlnext": (empty_control(), control)}
    with new_checkpoint(folder, info) as inside:
        for part, (network, weights) in networks.items():
            load_exactly(network, read_state_dict(weights, dtype=dtype), str(weights))
            save_part(network, inside / part)
    return read_info(folder)


def base_name(base: Path, folder: Path) -> str:
    """A name where the two lie side by side, so that both can be moved together; else the whole path."""
    return base.name if base.resolve().parent == folder.resolve().parent else str(base.resolve())
