"""Motion in the formats of other tools: read as a driving input, written to render elsewhere.

What arrives with a face of 68 or 70 points gives those points of the face mesh and no depth (`face68`): FDA then fits
over the landmarks that both faces have, and the head's rotation is estimated from the picture (`head`).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from apvgen import tracks
from apvgen.errors import InputError, NoPersonError
from apvgen.exchange import echomimic, files, openpose, wholebody
from apvgen.exchange.people import Reading
from apvgen.inputs import MOTION_SUFFIX
from apvgen.types import Motion

__all__ = ["TRACK_SUFFIXES", "Reading", "as_motion_file", "is_motion_file", "is_track", "read_motion"]

TRACK_SUFFIXES = (MOTION_SUFFIX, files.ZIP)
"""Endings of the files that hold a track and not a video; a folder always is a track."""

_FOLDERS = {".json": openpose.read, ".npy": echomimic.read}


def is_track(path: Path) -> bool:
    """Whether a driving input is a track, and so no video, by its name alone."""
    return path.is_dir() or path.suffix.lower() in TRACK_SUFFIXES


def is_motion_file(path: Path) -> bool:
    """Whether an `.npz` is, or is at most a damaged, motion file of this project (`tracks.py`)."""
    return path.suffix.lower() == MOTION_SUFFIX and not _holds(path, wholebody.KEYPOINTS)


def read_motion(path: Path, reading: Reading) -> Motion:
    """The motion in a track of any format: a motion file, a COCO-WholeBody `.npz`, or a folder or zip with OpenPose's
    JSON or EchoMimicV2's `.npy` files.

    Raises InputError for what is none of these, and its kinds MediaError, LimitError and NoPersonError.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path.")
    if path.is_dir() or path.suffix.lower() == files.ZIP:
        return _read_folder(path, reading)
    if path.suffix.lower() != MOTION_SUFFIX:
        raise InputError(f"{path.name} is no track; give an .npz, or a folder or .zip of .json or .npy files.")
    if _holds(path, wholebody.KEYPOINTS):
        return wholebody.read(path, reading)
    _check_person(path, reading)
    return tracks.load_motion(path)


@contextmanager
def as_motion_file(path: Path, reading: Reading) -> Iterator[Path]:
    """A driving input as a video or motion file: another tool's track becomes a motion file of the same name, which is
    there until the block ends; everything else is given back as it is.

    Raises as `read_motion` does.
    """
    if not is_track(path) or not path.exists():
        yield path
    elif is_motion_file(path):
        _check_person(path, reading)
        yield path
    else:
        motion = read_motion(path, reading)
        with TemporaryDirectory(prefix="apvgen-") as folder:
            converted = Path(folder) / f"{path.stem}{MOTION_SUFFIX}"
            tracks.save_motion(converted, motion)
            yield converted


def _check_person(path: Path, reading: Reading) -> None:
    if reading.person:
        raise NoPersonError(f"{path.name} holds the motion of one person; person {reading.person} is none.")


def _read_folder(path: Path, reading: Reading) -> Motion:
    found = files.kinds(path) & _FOLDERS.keys()
    if len(found) != 1:
        what = "both .json and .npy files" if found else "no .json and no .npy files"
        raise InputError(f"{path.name} holds {what}; give OpenPose's JSON or EchoMimicV2's .npy files, one a frame.")
    return _FOLDERS[found.pop()](path, reading)


def _holds(path: Path, name: str) -> bool:
    """Whether an `.npz` has an array of that name; a damaged one has none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{name}.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
