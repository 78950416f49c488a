"""Detections kept between runs: the same video, looked at by the same detector in the same way, is looked at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from apvgen import tracks
from apvgen.errors import MediaError, OutputError
from apvgen.types import Motion

LIMIT_BYTES = 2 * 1024**3


def cache_folder() -> Path:
    """`APVGEN_CACHE` if set, else the user's cache folder."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get("APVGEN_CACHE") or user_cache_dir("apvgen"))


def cached_motion(key: str, compute: Callable[[], Motion]) -> Motion:
    """The motion stored under `key`, or `compute()`, stored for the next time.

    key: everything that the result depends on: content hash, detector and its version, clock, size, person.
    A damaged entry is computed again. A cache that cannot be written costs only the time saved next time.
    """
    folder = cache_folder() / "motion"
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    if path.exists():
        try:
            motion = tracks.load_motion(path)
            path.touch()
            return motion
        except (MediaError, OSError):
            path.unlink(missing_ok=True)
    motion = compute()
    with suppress(OutputError, OSError):
        tracks.save_motion(path, motion)
        _drop_oldest(folder)
    return motion


def _drop_oldest(folder: Path) -> None:
    """Keep the newest entries that fit into LIMIT_BYTES."""
    entries = sorted(folder.glob("*.npz"), key=lambda entry: entry.stat().st_mtime, reverse=True)
    kept = 0
    for entry in entries:
        kept += entry.stat().st_size
        if kept > LIMIT_BYTES:
            entry.unlink(missing_ok=True)
