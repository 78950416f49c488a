"""What was found in videos, kept on disk, so that no video is analysed twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from apvgen.errors import LimitError, MediaError, OutputError
from apvgen.keypoints.people import Detection
from apvgen.tracks import Arrays, load_arrays, motion_file_arrays, motion_of_file, save_arrays

FOLDER_VARIABLE = "APVGEN_CACHE"

_MOST_BYTES = 1 << 30
"""An hour of detections at 25 fps takes about 750 MB."""

_LARGEST_BYTES = 2 << 30
"""A stored file that unpacks to more is damaged."""

Value = TypeVar("Value")


def cached_detection(key: str, compute: Callable[[], Detection]) -> Detection:
    """The detection stored under `key`, or else computed and stored.

    key: everything that it depends on, such as the video's content hash, the detector and its version, rate, size and
    person. A damaged file is computed anew; a folder that cannot be written is done without.
    """
    return cached(key, compute, _detection_arrays, _detection_from)


def _detection_arrays(found: Detection) -> Arrays:
    return {**motion_file_arrays(found.motion), "people": found.people}


def _detection_from(path: Path, arrays: Arrays) -> Detection:
    return Detection(motion_of_file(path, arrays), arrays["people"])


def cached(
    key: str,
    compute: Callable[[], Value],
    to_arrays: Callable[[Value], Arrays],
    from_arrays: Callable[[Path, Arrays], Value],
) -> Value:
    """As `cached_detection`, for anything that arrays can hold.

    from_arrays: raises KeyError or MediaError for arrays that are not what `to_arrays` gave.
    """
    path = cache_folder() / f"{hashlib.sha256(key.encode()).hexdigest()}.npz"
    with suppress(MediaError, LimitError, KeyError):
        stored = from_arrays(path, load_arrays(path, _LARGEST_BYTES))
        with suppress(OSError):
            path.touch()
        return stored
    value = compute()
    with suppress(OutputError):
        save_arrays(path, to_arrays(value))
        _prune(path.parent)
    return value


def cache_folder() -> Path:
    """`APVGEN_CACHE`, or the user's cache folder of this system."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("apvgen") / "motion"


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
