"""Reading video: what it is, and its frames as a stream on one rational clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from apvgen.config import Limits
from apvgen.errors import InputError, LimitError, MediaError
from apvgen.media.display import Display
from apvgen.media.packets import PacketIndex, read_packets
from apvgen.media.source import PathLike, demux, open_media, reading, video_stream
from apvgen.timeline import frames_for, shown_at
from apvgen.types import HW

_LONGEST_HOLD = 1
"""Seconds for which the nearest good picture may stand in where the data is damaged."""


@dataclass(frozen=True)
class VideoInfo:
    """A video as a player would show it.

    hw: rotation and pixel shape applied. fps: the average rate of the source. duration: seconds from the first
    picture's stamp to the end of the last. codec: FFmpeg's name, such as "h264".
    """

    hw: HW
    fps: Fraction
    duration: Fraction
    has_audio: bool
    codec: str


def probe_video(path: PathLike, limits: Limits) -> VideoInfo:
    """What a video is, by reading all of its packets but decoding only its first picture.

    Raises MediaError for anything that is not a whole, readable video, and LimitError for one that is too long, wide
    or heavy, whatever its header says.
    """
    return _examine(path, limits, None)[0]


def begun_too_late(path: Path, seconds: Fraction, start: Fraction) -> InputError:
    """What to raise for an input of `seconds` that is to be used from `start` on, at or after its end."""
    return InputError(
        f"{path.name} lasts {float(seconds):.2f} s, so it cannot be used from {float(start):.2f} s on; begin earlier."
    )


class VideoReader:
    """A video's frames, resampled onto one clock: frame k is what is on display at k/fps (see `timeline.shown_at`).

    Time counts from the first picture's stamp. Nothing is kept but the time stamps, so a reader can be pickled and sent
    to worker processes, and several iterations may run at once.

    path, limits: as for `probe_video`, which says what is raised.
    fps: frames a second of the result; None takes the source's average.
    max_side: larger pictures are shrunk to even sides of at most this many pixels; None keeps the size.
    max_frames: the reader ends after this many; None reads to the end.
    threads: for decoding; 0 lets the decoder choose, 1 suits worker processes.
    first_frame: the reader begins there, on the clock of the result; it counts from 0 all the same.
    """

    def __init__(
        self,
        path: PathLike,
        fps: Fraction | None,
        limits: Limits,
        max_side: int | None = None,
        max_frames: int | None = None,
        threads: int = 0,
        first_frame: int = 0,
    ) -> None:
        if max_side is not None and max_side < 2:
            raise ValueError(f"max_side must be at least 2 px, not {max_side}")
        self.path = Path(path)
        self.info, self._index, self._display = _examine(path, limits, max_side)
        self.hw = self._display.hw
        self.fps = self.info.fps if fps is None else Fraction(fps)
        whole = frames_for(self.info.duration, self.fps)
        left = whole - first_frame
        if left < 1:
            raise begun_too_late(self.path, self.info.duration, first_frame / self.fps)
        self.frame_count = left if max_frames is None else min(left, max_frames)
        shown = shown_at(self._index.stamps, self._index.time_base, self.fps, first_frame + self.frame_count)
        self._first_frame, self._sources = first_frame, shown[first_frame:]
        self._limits = limits
        self._threads = threads

    @property
    def sources(self) -> np.ndarray:
        """int64 `[frame_count]`: which picture of the file each frame shows, counted from its first."""
        return self._sources

    def lags(self) -> np.ndarray:
        """float64 `[frame_count]`: seconds from the stamp of the picture that a frame shows to the frame's own time."""
        stamps = self._index.stamps[self._sources] - self._index.stamps[0]
        times = (self._first_frame + np.arange(self.frame_count)) / float(self.fps)
        return times - stamps * float(self._index.time_base)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        """RGB uint8 `[*hw, 3]` arrays, the caller's own; the same as `list(self.frames())[start:stop]`.

        Decoding begins at the key frame before `start`. Raises MediaError where more than a second is damaged.
        """
        first, last, _ = slice(start, stop).indices(self.frame_count)
        reformatter = VideoReformatter()
        for frame, times in self._shown(self._sources[first:last]):
            with reading(self.path):
                picture = self._display.picture(frame, reformatter)
            yield picture
            for _ in range(times - 1):
                yield picture.copy()

    def _shown(self, wanted: np.ndarray) -> Iterator[tuple[VideoFrame, int]]:
        """Each decoded frame that is shown, with how many of the `wanted` source frames in a row it stands for."""
        if not len(wanted):
            return
        done = 0
        the_end = (len(self._index.stamps), None)
        for (index, frame), (following, _) in pairwise(chain(self._decoded(int(wanted[0])), [the_end])):
            due = int(np.searchsorted(wanted, following))
            if due > done:
                self._check_near(index, wanted[[done, due - 1]])
                yield frame, due - done
                done = due
            if done == len(wanted):
                return
        raise MediaError(f"{self.path} is damaged: no picture can be decoded; re-encode it or give another video")

    def _decoded(self, source: int) -> Iterator[tuple[int, VideoFrame]]:
        """(source index, frame) in the order shown, from a key frame at or before `source`."""
        with open_media(self.path, self._limits) as container:
            stream = _decodable(video_stream(container, self.path), self._limits, self._threads)
            packets = self._index.packets_from(source, container, stream)
            if packets is not None:
                yield from self._numbered(packets)
                return
        with open_media(self.path, self._limits) as container:
            stream = _decodable(video_stream(container, self.path), self._limits, self._threads)
            yield from self._numbered(demux(container, stream))

    def _numbered(self, packets: Iterator[Packet]) -> Iterator[tuple[int, VideoFrame]]:
        index = -1
        for frame in _pictures(packets):
            index = self._index.frame_at(frame.pts, index)
            if index >= 0:
                yield index, frame

    def _check_near(self, index: int, wanted: np.ndarray) -> None:
        away = abs(self._index.stamps[wanted] - self._index.stamps[index]).max() * self._index.time_base
        if away > _LONGEST_HOLD:
            seconds = float(self._index.seconds(int(wanted[0])))
            raise MediaError(f"{self.path} is damaged at {seconds:.1f} s: re-encode it or cut that part out")


def _examine(path: PathLike, limits: Limits, max_side: int | None) -> tuple[VideoInfo, PacketIndex, Display]:
    with open_media(path, limits) as container:
        stream = video_stream(container, path)
        _check_size(stream.width, stream.height, path, limits)
        index = read_packets(container, stream, path, limits)
        fps, has_audio = index.rate(stream.average_rate or stream.guessed_rate), bool(container.streams.audio)
    with open_media(path, limits) as container:
        stream = _decodable(video_stream(container, path), limits, threads=1)
        first = next(_pictures(demux(container, stream)), None)
        if first is None:
            raise MediaError(f"{path} is damaged: no picture can be decoded; re-encode it or give another video")
        aspect, codec = stream.sample_aspect_ratio, stream.codec.canonical_name
    full = Display.of(first, aspect, None)
    _check_size(*full.hw[::-1], path, limits)
    info = VideoInfo(full.hw, fps, index.duration, has_audio, codec)
    return info, index, Display.of(first, aspect, max_side)


def _decodable(stream: VideoStream, limits: Limits, threads: int) -> VideoStream:
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = threads
    # Bounds pictures that grow after the first. Twice, because decoders count the padding of each row too.
    stream.codec_context.options = {"max_pixels": str(2 * limits.video_pixels)}
    return stream


def _pictures(packets: Iterator[Packet]) -> Iterator[VideoFrame]:
    """The pictures of a stream's packets; a damaged packet gives none, and the reader bounds how long that may last."""
    for packet in packets:
        with suppress(av.error.InvalidDataError):
            yield from packet.decode()


def _check_size(width: int, height: int, path: PathLike, limits: Limits) -> None:
    if width * height > limits.video_pixels:
        raise LimitError(
            f"{path} has {width} x {height} pixels, more than the {limits.video_pixels} allowed: give a smaller video, "
            "or raise the limit (video_pixels)"
        )
