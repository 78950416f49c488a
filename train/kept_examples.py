"""Examples kept in a folder, so that clips are decoded and poses drawn once for each draw."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from apvgen import __version__
from apvgen.errors import InputError
from apvgen.files import complete_or_absent
from train.examples import Example


class KeptExamples:
    """Examples by name, in a folder that may be shared by runs: a name says all that an example depends on.

    Uncompressed: 1 MB a frame of 384 x 256 px.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, name: str, make: Callable[[], Example]) -> Example:
        """The example of that name, made if it is not there. Raises InputError for a damaged file, OutputError."""
        path = self._folder / f"{hashlib.sha256(f'{__version__} {name}'.encode()).hexdigest()}.safetensors"
        if path.exists():
            return _read(path)
        example = make()
        _write(path, example)
        return example


def _write(path: Path, example: Example) -> None:
    arrays = {"frames": example.frames, "poses": example.poses, "mask": example.mask}
    names = {"key": example.key, "kind": example.kind, "identity": example.identity}
    with complete_or_absent(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary, names)


def _read(path: Path) -> Example:
    try:
        with safe_open(path, "numpy") as file:
            return Example(**file.metadata(), **{name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it, and it is made again.") from error
