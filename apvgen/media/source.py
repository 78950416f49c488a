"""Opening local media files: one ordinary file and nothing it points to, every failure one clear sentence."""

import functools
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from apvgen.config import Limits
from apvgen.errors import LimitError, MediaError

PathLike = str | os.PathLike[str]

_POINTS_ELSEWHERE = frozenset(
    {"concat", "dash", "hls", "image2", "image2pipe", "imf", "ivr", "rtp", "rtsp", "sap", "sdp", "webm_dash_manifest"}
)
"""FFmpeg's names of the formats that open other files, or the network."""

_CAPTURE = frozenset({"alsa", "fbdev", "kmsgrab", "lavfi", "oss", "video4linux2,v4l2", "x11grab"})
"""Devices and generators, which no file is."""

_GUESSED_BY_NAME = frozenset({"adf", "bin", "bitpacked", "idf", "rawvideo", "tty", "v210", "v210x", "xbin"})
"""Formats known by nothing but the file's ending: text and raw bytes would pass for pictures."""

_STILL_FORMATS = frozenset({"alias_pix", "brender_pix", "fits", "ico"})
_STILL_BRANDS = frozenset({"avif", "heic", "heix", "mif1", "miaf"})
"""ISO/IEC 23008-12: the `ftyp` brands of files that hold single pictures."""

_ADDRESS = re.compile(r"^([a-z][a-z0-9+.\-]+):(//|[^\\/])", re.IGNORECASE)


def local_file(path: PathLike, limits: Limits) -> Path:
    """The path of an ordinary, readable, non-empty file no larger than `limits.file_bytes`.

    Raises MediaError for anything else (an address, nothing there, a folder, a device, no permission, empty), and
    LimitError for a larger file.
    """
    place = Path(path)
    try:
        info = place.stat()
        if stat.S_ISREG(info.st_mode):
            place.open("rb").close()
    except FileNotFoundError:
        raise MediaError(_nothing_there(os.fspath(path))) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"{place} cannot be read ({reason}): give a file that you may open") from error
    if not stat.S_ISREG(info.st_mode):
        raise MediaError(f"{place} is not a file: give one picture, video or sound file")
    if info.st_size == 0:
        raise MediaError(f"{place} is empty: it was perhaps not copied or downloaded to the end")
    if info.st_size > limits.file_bytes:
        raise LimitError(
            f"{place} has {info.st_size / 2**20:.0f} MiB, more than the {limits.file_bytes / 2**20:.0f} MiB allowed: "
            "cut or re-encode it, or raise the limit (--max-mib, file_bytes)"
        )
    return place


def _nothing_there(path: str) -> str:
    if _ADDRESS.match(path):
        return f"{path} is an address, not a file on this machine: download it and give the path of that file"
    return f"{path} does not exist: check the path"


@functools.cache
def _self_contained_formats() -> str:
    refused = _POINTS_ELSEWHERE | _CAPTURE | _GUESSED_BY_NAME
    return ",".join(sorted(av.formats_available - refused))


@contextmanager
def reading(path: PathLike) -> Iterator[None]:
    """FFmpeg's errors inside the block become a MediaError about `path`."""
    try:
        yield
    except av.FFmpegError as error:
        raise MediaError(
            f"{path} cannot be read as media ({error.strerror}): it is damaged, cut short, a playlist, or something "
            "else; give a picture, video or sound file that plays by itself"
        ) from error


@contextmanager
def open_media(path: PathLike, limits: Limits) -> Iterator[InputContainer]:
    """An opened container, closed on leaving; FFmpeg's errors inside the block are told as by `reading`.

    Raises what `local_file` raises, and MediaError for a file that is no media, is damaged, or points to other files.
    """
    place = local_file(path, limits)
    safe = {"protocol_whitelist": "file", "format_whitelist": _self_contained_formats()}
    name = f"file:{place.resolve()}"
    with reading(path), av.open(name, "r", container_options=safe, metadata_errors="replace") as container:
        yield container


def demux(container: InputContainer, *streams: Stream) -> Iterator[Packet]:
    """The packets of the given streams (of all, without any given) in the file's order, then one empty one for each."""
    # At the end of the file PyAV 18 looks up streams that a broadcast added midway, and does not find them.
    with suppress(IndexError):
        yield from container.demux(*streams)


def video_stream(container: InputContainer, path: PathLike) -> VideoStream:
    """The stream of moving pictures: the largest, cover art left out. Raises MediaError where there is none."""
    if _is_still(container):
        raise MediaError(f"{path} is a picture, not a video: give a video file")
    streams = moving_pictures(container)
    if not streams:
        held = "only sound" if container.streams.audio else "no pictures"
        raise MediaError(f"{path} has {held}: give a video file")
    return max(streams, key=lambda stream: stream.width * stream.height)


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """The streams of a sound or video file that hold moving pictures which can be decoded."""
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    return [s for s in container.streams.video if not s.disposition & covers and s.codec_context is not None]


def _is_still(container: InputContainer) -> bool:
    name = container.format.name
    by_brand = container.metadata.get("major_brand") in _STILL_BRANDS
    return name.endswith("_pipe") or name in _STILL_FORMATS or by_brand


def content_hash(path: PathLike) -> str:
    """SHA-256 of the file's bytes, as 64 hexadecimal digits. Raises MediaError where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(f"{path} cannot be read ({error.strerror}): check the path and your rights to it") from error
