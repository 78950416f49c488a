"""Where clips come from: plain videos, folders of numbered pictures (TikTok), lists of cut-outs of videos (VFHQ)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from zlib import crc32

import numpy as np

from apvgen.config import Limits
from apvgen.errors import InputError, MediaError
from apvgen.media import VideoReader, read_image
from apvgen.types import HW

LIMITS = Limits(file_bytes=1 << 40, video_seconds=24 * 3600, audio_seconds=24 * 3600)
"""Whole interviews and films are cut here; what is too long for the studio is not for training."""

_VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})
_PICTURES = frozenset({".png", ".jpg", ".jpeg"})

_NO_PICTURES = frozenset({"masks", "densepose"})
"""Folders of the TikTok data set beside `images`."""

TIKTOK_FPS = Fraction(30)
"""At which the TikTok data set's pictures were taken from the videos (its README)."""

_VFHQ_NAME = re.compile(r"Clip\+(?P<video>.+)\+P\d+\+C\d+\+F(?P<start>\d+)-(?P<end>\d+)")
"""The VFHQ clip list has one text file for each clip, with lines such as `H 1080`, `W 1920`, `FPS 25.0`, and
`CROP x0 y0 x1 y1`; their last words are what counts. Frames `start` and `end` themselves are not used (VFHQ's own
`extract_clip_cropped_face`)."""


@dataclass(frozen=True)
class Source:
    """What is prepared as one: a video, a stretch and part of one, or a folder of pictures.

    name: unique, letters, digits, - and _. first, stop: frames at rate `fps` (None: the video's own); stop None is the
    end. crop: left, top, right, bottom as shares of width and height.
    """

    name: str
    path: Path
    fps: Fraction | None = None
    first: int = 0
    stop: int | None = None
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cropped."""
        return self.crop == (0.0, 0.0, 1.0, 1.0)


def find_sources(place: Path, videos: Path | None = None) -> list[Source]:
    """Everything to prepare in a folder, in the order of names; a single video is one source.

    videos: where the videos of VFHQ lists lie, by default beside them. Raises InputError where nothing is found, or a
    list cannot be read.
    """
    lists = sorted(place.rglob("Clip+*.txt"))
    if lists:
        known = {path.stem: path for path in (videos or place).rglob("*") if path.suffix.lower() in _VIDEOS}
        return [_vfhq(path, place, known, videos or place) for path in lists]
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    found = [path for path in files if path.suffix.lower() in _VIDEOS]
    folders = {path.parent for path in files if path.suffix.lower() in _PICTURES}
    found += [folder for folder in sorted(folders) if folder.name not in _NO_PICTURES]
    if not found:
        raise InputError(
            f"{place} holds no videos, no folders of pictures and no clip lists (Clip+*.txt); give the folder of them."
        )
    root = place.parent if place.is_file() else place
    return [Source(_name(path, root), path, TIKTOK_FPS if path.is_dir() else None) for path in found]


def _name(path: Path, root: Path) -> str:
    """A readable part, and a number for what it leaves out."""
    inner = path.relative_to(root).with_suffix("").as_posix() if path != root else path.name
    return f"{re.sub(r'[^A-Za-z0-9_]+', '-', inner)[-60:].strip('-')}-{crc32(inner.encode()):08x}"


def _vfhq(path: Path, root: Path, known: dict[str, Path], videos: Path) -> Source:
    named = _VFHQ_NAME.fullmatch(path.stem)
    values = {line.split()[0].rstrip(":"): line.split() for line in path.read_text().splitlines() if line.split()}
    try:
        height, width = (int(values[side][-1]) for side in "HW")
        x0, y0, x1, y1 = (int(number) for number in values["CROP"][-4:])
        fps = Fraction(values["FPS"][-1]).limit_denominator(1001)
        first, stop = int(named["start"]) + 1, int(named["end"])
        crop = (x0 / width, y0 / height, x1 / width, y1 / height)
    except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
        raise InputError(f"{path} is not a VFHQ clip list (H, W, FPS, CROP): {error!r}; copy it again.") from error
    video = known.get(named["video"], videos / f"{named['video']}.mp4")
    return Source(_name(path, root), video, fps, first, stop, crop)


class PictureFolder:
    """Numbered pictures of one size as a video; reads as `VideoReader` does. Raises MediaError for unreadable ones."""

    def __init__(self, folder: Path, fps: Fraction) -> None:
        self.path, self.fps = folder, fps
        pictures = (path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
        self._pictures = sorted(pictures, key=lambda path: (len(path.stem), path.stem))
        self.hw: HW = self._read(0).shape[:2]
        self.frame_count = len(self._pictures)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        return (self._read(k) for k in range(*slice(start, stop).indices(len(self._pictures))))

    def _read(self, number: int) -> np.ndarray:
        picture = read_image(self._pictures[number], LIMITS)
        if number and picture.shape[:2] != self.hw:
            raise MediaError(
                f"{self._pictures[number]} has {picture.shape[:2]} px, the first picture of its folder {self.hw}; "
                "give pictures of one size"
            )
        return picture


class Footage:
    """Some frames, and a part of their pictures, of a reader: itself one that detectors take."""

    def __init__(self, reader: VideoReader | PictureFolder | Footage, frames: range, box: Sequence[int]) -> None:
        """box: left, top, right, bottom in pixels."""
        self._reader, self._frames = reader, frames
        left, top, right, bottom = box
        self._part = np.s_[top:bottom, left:right]
        self.hw, self.fps, self.frame_count = (bottom - top, right - left), reader.fps, len(frames)
        self.path = reader.path

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        wanted = self._frames[start:stop]
        pictures = self._reader.frames(wanted.start, wanted.stop) if wanted else ()
        return (np.ascontiguousarray(picture[self._part]) for picture in pictures)

    def take(self, frames: range) -> Footage:
        """The frames in a range of step 1."""
        return Footage(self, frames, (0, 0, *self.hw[::-1]))


def open_footage(source: Source) -> Footage:
    """The frames of a source. Raises MediaError or LimitError where they cannot be read, InputError where its stretch
    lies outside the video.
    """
    if source.path.is_dir():
        reader = PictureFolder(source.path, source.fps or TIKTOK_FPS)
    else:
        reader = VideoReader(source.path, source.fps, LIMITS)
    stop = reader.frame_count if source.stop is None else source.stop
    if not source.first < stop <= reader.frame_count:
        raise InputError(f"{source.path} has {reader.frame_count} frames, not frames {source.first} to {stop}")
    height, width = reader.hw
    left, top, right, bottom = source.crop
    box = (
        max(floor(left * width), 0),
        max(floor(top * height), 0),
        min(ceil(right * width), width),
        min(ceil(bottom * height), height),
    )
    if box[2] - box[0] < 2 or box[3] - box[1] < 2:
        raise InputError(f"{source.path} is cropped to nothing by {source.name}")
    return Footage(reader, range(source.first, stop), box)
