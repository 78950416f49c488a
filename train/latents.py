"""Latents kept in a folder, so that the frozen networks see each picture once."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from apvgen.errors import InputError
from apvgen.files import complete_or_absent
from apvgen.model.checkpoint import CheckpointInfo, file_sha256
from apvgen.model.parts import weights_file
from train.batches import Batch
from train.encode import Encoded, Encoder, join

_KEPT_AS = torch.float16
"""Latents are of the order of 1: an error of 0.05 %, at half the space."""


class Latents:
    """What an encoder makes of batches, kept where there is a folder.

    folder: a subfolder of one checkpoint's VAE and image encoder, see `folder_of`; None keeps nothing.
    """

    def __init__(self, encoder: Encoder, folder: Path | None = None) -> None:
        self.encoder, self._folder = encoder, folder

    def of(self, batch: Batch) -> Encoded:
        """The encodings of a batch. Raises InputError for a damaged file, OutputError for a full disk."""
        return join([self._one(*one) for one in zip(batch.frames, batch.identities, strict=True)])

    def _one(self, frames: torch.Tensor, identity: str) -> Encoded:
        device = self.encoder.vae.device
        if self._folder is None:
            return self.encoder.encode(frames, identity)
        path = self._folder / f"{hashlib.sha256(identity.encode()).hexdigest()}.safetensors"
        if not path.exists():
            _write(path, self.encoder.encode(frames, identity))
        # Read also when just written: what is trained on must not depend on whether it was there before.
        return _read(path).to(device)


def folder_of(root: Path, info: CheckpointInfo) -> Path:
    """The subfolder for the latents of a checkpoint: named by its encoders' weights. Raises CheckpointError."""
    hashes = [file_sha256(weights_file(info.part(part))) for part in ("vae", "image_encoder")]
    return root / hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]


def _write(path: Path, encoded: Encoded) -> None:
    tensors = {name: tensor.to(_KEPT_AS).cpu().contiguous() for name, tensor in vars(encoded).items()}
    with complete_or_absent(path) as temporary:
        save_file(tensors, temporary)


def _read(path: Path) -> Encoded:
    try:
        kept = load_file(path)
        return Encoded(*(kept[field.name].float() for field in fields(Encoded)))
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it, and it is made again.") from error
