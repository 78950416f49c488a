"""Tracks of one file a frame: read from a folder or a zip within bounds, written whole or not at all."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import IO

from apvgen.config import Limits
from apvgen.errors import LimitError, MediaError, OutputError
from apvgen.files import complete_or_absent

ZIP = ".zip"
MOST_BYTES = 1 << 30
"""Of all files of a track together, unpacked: half an hour of OpenPose's JSON at 60 frames a second takes 0.6 GiB."""

MOST_BYTES_A_FRAME = 4 << 20
MOST_FPS = 120

_ZIP_END, _ZIP64_END = b"PK\x05\x06", b"PK\x06\x07"
_ZIP_TAIL = 65_557 + 20
"""Bytes at a zip's end in which its end records must lie."""

_MOST_DIRECTORY = 16 << 20
"""Bytes of a zip's list of files: 65535, the most without Zip64, under names of 200 letters."""

_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
_NUMBER = re.compile(r"\d+")

Frame = tuple[str, bytes]
"""A file's name and content."""


def kinds(path: Path) -> set[str]:
    """The endings of the files in a folder or zip, in small letters. Raises MediaError for a damaged zip."""
    with _opened(path) as files:
        return {PurePosixPath(name).suffix.lower() for name in files.names}


def frames(path: Path, suffix: str, limits: Limits) -> Iterator[Frame]:
    """The files of a folder or zip that end in `suffix`, in the order of the number in their names.

    Raises MediaError for a missing frame, two of one number or a damaged zip; LimitError for too many or too much.
    """
    with _opened(path) as files:
        names = [name for name in files.names if name.lower().endswith(suffix)]
        most = int(limits.video_seconds * MOST_FPS)
        if len(names) > most:
            raise LimitError(f"{path.name} holds {len(names)} frames; at most {most} are read.")
        left = min(MOST_BYTES, limits.file_bytes)
        for name in _in_order(names, path.name):
            content = files.read(name)
            left -= len(content)
            if left < 0:
                raise LimitError(f"{path.name} unpacks to more than {min(MOST_BYTES, limits.file_bytes) >> 20} MiB.")
            yield PurePosixPath(name).name, content


def write(out: Path, contents: Iterable[Frame]) -> None:
    """Write files into a new folder, or into a zip if `out` ends in .zip; the same files give the same zip.

    Raises OutputError when the place is taken or cannot be written.
    """
    if out.suffix.lower() == ZIP:
        _write_zip(out, contents)
    else:
        _write_folder(out, contents)


def check_place(out: Path) -> None:
    """Raise OutputError when `out` cannot become a folder or a zip of frames, as far as can be known beforehand."""
    if out.suffix.lower() == ZIP:
        if out.is_dir():
            raise OutputError(f"{out} is a folder: give the zip a name of its own.")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out} exists already: name a new folder, or a file that ends in .zip.")


def _write_zip(out: Path, contents: Iterable[Frame]) -> None:
    with complete_or_absent(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents:
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)


def _write_folder(out: Path, contents: Iterable[Frame]) -> None:
    check_place(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {error.strerror}; choose a folder you may write to.") from error
    try:
        for name, content in contents:
            (temporary / name).write_bytes(content)
        temporary.chmod(0o755)
        temporary.replace(out)
    except OSError as error:
        raise OutputError(f"Cannot write {out}: {error.strerror}; free some space or choose another place.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class _Folder:
    """The files of a folder, without those of folders below it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.names = [file.name for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]

    def read(self, name: str) -> bytes:
        with (self._path / name).open("rb") as handle:
            return _bounded(handle, name)


class _Zip:
    """The files of a zip, wherever in it; nothing is ever unpacked to disk."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive, self._name = archive, name
        self.names = [entry.filename for entry in archive.infolist() if self._counts(entry)]

    def read(self, name: str) -> bytes:
        try:
            with self._archive.open(name) as handle:
                return _bounded(handle, name)
        except (RuntimeError, NotImplementedError) as error:
            raise MediaError(f"{self._name} is locked or packed in a rare way ({error}); zip it again.") from error

    def _counts(self, entry: zipfile.ZipInfo) -> bool:
        place = PurePosixPath(entry.filename.replace("\\", "/"))
        if (
            place.is_absolute()
            or ".." in place.parts
            or ":" in place.parts[0]
            or stat.S_ISLNK(entry.external_attr >> 16)
        ):
            raise MediaError(f"{self._name} holds {entry.filename!r}, which leads out of it; zip the folder again.")
        hidden = any(part.startswith((".", "__MACOSX")) for part in place.parts)
        return not entry.is_dir() and not hidden


@contextmanager
def _opened(path: Path) -> Iterator[_Folder | _Zip]:
    try:
        if path.is_dir():
            yield _Folder(path)
        else:
            _check_directory(path)
            with zipfile.ZipFile(path) as archive:
                yield _Zip(archive, path.name)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise MediaError(f"{path.name} cannot be read ({error}); zip or export it again.") from error


def _check_directory(path: Path) -> None:
    """Raise LimitError for a zip whose list of files alone would fill the memory when it is opened."""
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - _ZIP_TAIL))
        tail = handle.read(_ZIP_TAIL)
    ends = [match.start() for match in re.finditer(_ZIP_END, tail)]
    sizes = [int.from_bytes(tail[end + 12 : end + 16], "little") for end in ends]
    if max(sizes, default=0) > _MOST_DIRECTORY or _ZIP64_END in tail:
        raise LimitError(f"{path.name} lists more files than the frames of a track can be; zip one folder of frames.")


def _bounded(handle: IO[bytes], name: str) -> bytes:
    content = handle.read(MOST_BYTES_A_FRAME + 1)
    if len(content) > MOST_BYTES_A_FRAME:
        most = MOST_BYTES_A_FRAME >> 20
        raise LimitError(f"{PurePosixPath(name).name} unpacks to more than {most} MiB; give one file a frame.")
    return content


def _in_order(names: list[str], where: str) -> list[str]:
    """Names by the last number in each; they must leave no frame out."""
    numbered: dict[int, str] = {}
    for name in names:
        numbers = _NUMBER.findall(PurePosixPath(name).stem)
        number = int(numbers[-1][:18]) if numbers else 0
        if number in numbered:
            raise MediaError(f"{where} holds two frames {number}; give the frames of one video, numbered.")
        numbered[number] = name
    order = sorted(numbered)
    steps = [after - before for before, after in pairwise(order)]
    step = min(steps, default=1)
    if max(steps, default=1) != step:
        gap = next(k for k, size in enumerate(steps) if size != step)
        raise MediaError(f"{where} lacks frame {order[gap] + step}; give every frame, empty where nobody is seen.")
    return [numbered[number] for number in order]
