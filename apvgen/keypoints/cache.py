"""Detections kept on disk, so that no video is analysed twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from apvgen.errors import LimitError, MediaError, OutputError
from apvgen.tracks import load_motion, save_motion
from apvgen.types import Motion

FOLDER_VARIABLE = "APVGEN_CACHE"

_MOST_BYTES = 1 << 30
"""An hour of detections at 25 fps takes about 750 MB."""


def cached_motion(key: str, compute: Callable[[], Motion]) -> Motion:
    """The motion stored under `key`, or else computed and stored.

    key: everything that the motion depends on, such as the video's content hash, the detector and its version, rate,
    size and person. A damaged file is computed anew; a folder that cannot be written is done without.
    """
    path = cache_folder() / f"{hashlib.sha256(key.encode()).hexdigest()}.npz"
    stored = _stored(path)
    if stored is not None:
        return stored
    motion = compute()
    with suppress(OutputError):
        save_motion(path, motion)
        _prune(path.parent)
    return motion


def cache_folder() -> Path:
    """`APVGEN_CACHE`, or the user's cache folder of this system."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("apvgen") / "motion"


def _stored(path: Path) -> Motion | None:
    try:
        motion = load_motion(path)
    except (MediaError, LimitError):
        return None
    with suppress(OSError):
        path.touch()
    return motion


def _prune(folder: Path) -> None:
    """Remove what was used longest ago, until the rest fits; other processes may be doing the same."""
    used = []
    for path in folder.glob("*.npz"):
        with suppress(FileNotFoundError):
            info = path.stat()
            used.append((info.st_mtime, info.st_size, path))
    total = sum(size for _, size, _ in used)
    for _, size, path in sorted(used)[:-1]:
        if total <= _MOST_BYTES:
            break
        path.unlink(missing_ok=True)
        total -= size
