"""Which whole-body weights for rtmlib are on this machine, without loading any library."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_VARIABLE = "APVGEN_RTMLIB_WEIGHTS"

_PEOPLE = "yolox*.onnx"
_WHOLE_BODY = ("dw*.onnx", "rtmw*.onnx", "*wholebody*.onnx")


def rtmlib_weights(folder: Path | None = None) -> tuple[Path, ...]:
    """The ONNX files for people and for whole bodies, in this order; empty unless both are there.

    folder: where to look; None looks in `APVGEN_RTMLIB_WEIGHTS`, then in rtmlib's own cache. Of several, the smallest
    person model (people in driving videos are large) and the largest whole-body model are taken.
    """
    chosen = folder or os.environ.get(FOLDER_VARIABLE)
    for place in [Path(chosen)] if chosen else [rtmlib_cache()]:
        people = sorted(place.glob(_PEOPLE), key=_size)
        bodies = sorted({path for pattern in _WHOLE_BODY for path in place.glob(pattern)}, key=_size)
        if people and bodies:
            return people[0], bodies[-1]
    return ()


def rtmlib_cache() -> Path:
    """Where rtmlib keeps downloads (Tau-J/rtmlib, `rtmlib/tools/file.py`)."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", str(Path(cache) / "rtmlib"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def _size(path: Path) -> tuple[int, str]:
    return path.stat().st_size, path.name
