"""Motion on disk: the arrays of `tracks.npz`, and motion files that drive a render in place of a video.

A motion file is an `.npz` (never pickled) with float32 pixels of a picture of size `hw`:

    driving_body [T, 18, 2]     driving_body_score [T, 18]         OpenPose-18
    driving_hands [T, 2, 21, 2] driving_hands_score [T, 2, 21]     the person's left hand first
    driving_face [T, 478, 2]    driving_face_score [T, 478]        MediaPipe face mesh
    driving_face_depth [T, 478]                                    unit of x, smaller is nearer
    hw [2] int                  fps [2] int, numerator and denominator
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from apvgen.errors import LimitError, MediaError
from apvgen.files import complete_or_absent
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.types import HW, Layout, Motion, Track

Arrays = Mapping[str, np.ndarray]

_BROKEN = (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""What a damaged, locked or lying `.npz` makes zipfile and numpy raise."""


def track_arrays(name: str, track: Track) -> dict[str, np.ndarray]:
    """`name`, `name_score` and, where there is one, `name_depth`."""
    arrays = {name: track.xy, f"{name}_score": track.score}
    return arrays if track.depth is None else {**arrays, f"{name}_depth": track.depth}


def track_from(arrays: Arrays, name: str, layout: Layout, hw: HW, fps: Fraction) -> Track:
    """The inverse of `track_arrays`. Raises KeyError or ValueError, which name the array at fault."""
    depth = arrays.get(f"{name}_depth")
    return Track(layout, arrays[name], arrays[f"{name}_score"], hw, fps, depth)


def motion_arrays(prefix: str, motion: Motion) -> dict[str, np.ndarray]:
    """`prefix_body`, `prefix_hands`, `prefix_face` and their scores and depth."""
    parts = {"body": motion.body, "hands": motion.hands, "face": motion.face}
    return {key: value for name, part in parts.items() for key, value in track_arrays(f"{prefix}_{name}", part).items()}


def motion_from(arrays: Arrays, prefix: str, hw: HW, fps: Fraction, face: Layout = FACE478) -> Motion:
    """The inverse of `motion_arrays`."""
    layouts = {"body": BODY18, "hands": HANDS, "face": face}
    return Motion(**{name: track_from(arrays, f"{prefix}_{name}", lay, hw, fps) for name, lay in layouts.items()})


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write an uncompressed `.npz`, whole or not at all; equal arrays give equal bytes. Raises OutputError."""
    with complete_or_absent(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, **arrays)


def load_arrays(path: Path, limit_bytes: int) -> dict[str, np.ndarray]:
    """Read an `.npz` without pickles. Raises MediaError when damaged, LimitError when it unpacks to too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > limit_bytes:
            raise LimitError(f"{path.name} unpacks to {unpacked >> 20} MiB; at most {limit_bytes >> 20} MiB are read.")
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except _BROKEN as error:
        raise MediaError(f"{path.name} cannot be read as tracks ({error}); export it again.") from error


def motion_file_arrays(motion: Motion) -> dict[str, np.ndarray]:
    """The arrays of a motion file."""
    clock = {"hw": np.array(motion.hw), "fps": np.array(motion.fps.as_integer_ratio())}
    return {**motion_arrays("driving", motion), **clock}


def save_motion(path: Path, motion: Motion) -> None:
    """Write a motion file. Raises OutputError."""
    save_arrays(path, motion_file_arrays(motion))


def load_motion(path: Path, limit_bytes: int = 2 * 1024**3) -> Motion:
    """Read a motion file. Raises MediaError, which names what is missing or has the wrong shape."""
    return motion_of_file(path, load_arrays(path, limit_bytes))


def motion_of_file(path: Path, arrays: Arrays) -> Motion:
    """The motion in the arrays of the file `path`. Raises MediaError, which names what is missing or has the wrong
    shape.
    """
    try:
        hw = tuple(int(side) for side in arrays["hw"])
        fps = Fraction(*(int(part) for part in arrays["fps"]))
        motion = motion_from(arrays, "driving", hw, fps)
    except KeyError as error:
        raise MediaError(f"{path.name} is not a motion file: the array {error} is missing.") from error
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise MediaError(f"{path.name} is not a motion file: {error}.") from error
    if not len(motion) or fps <= 0 or min(hw) <= 0:
        raise MediaError(f"{path.name} holds {len(motion)} frames of {hw} px at {fps} fps; export it again.")
    return motion
