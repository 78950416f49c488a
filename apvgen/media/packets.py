"""When each frame of a video is shown and where decoding can begin, read from its packets without decoding any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import NamedTuple
from zlib import crc32

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from apvgen.config import Limits
from apvgen.errors import LimitError, MediaError
from apvgen.media.source import PathLike, demux

_MOST_FRAMES_A_SECOND = 1000
"""Bounds the list of stamps for a file that claims no time passes between its frames."""

_STATES_ITS_LENGTH = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Formats whose header gives the true length; others estimate it from the bit rate."""

_MISSING_END = Fraction(1, 4)
"""Seconds by which a file may fall short of the length in its header: muxers round, and pad sound to whole packets."""

_WITHOUT_STAMPS = "avi"
"""Stores frames in decoding order without saying when each is shown."""


@dataclass(frozen=True)
class PacketIndex:
    """When the frames of a video stream are shown.

    stamps: int64 `[N]`, ascending, in units of `time_base` seconds; N frames, in the order shown.
    end: when the last of them gives way, same unit.
    keys: int64 `[K, 3]`, the packets at which decoding can begin, ascending: presentation stamp, decoding stamp, CRC-32
        of the data; empty for a stream whose packets carry no presentation stamps: its n-th decoded frame is frame n.
    """

    stamps: np.ndarray
    end: int
    keys: np.ndarray
    time_base: Fraction

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's stamp to the end of the last."""
        return int(self.end - self.stamps[0]) * self.time_base

    def seconds(self, frame: int) -> Fraction:
        """The time at which a frame is first shown, counted from frame 0."""
        return int(self.stamps[frame] - self.stamps[0]) * self.time_base

    def frame_at(self, stamp: int | None, previous: int) -> int:
        """The number of a decoded frame, by its stamp or else by that of the one before; -1 for one never shown."""
        if stamp is None or not len(self.keys):
            return min(previous + 1, len(self.stamps) - 1)
        return int(np.searchsorted(self.stamps, stamp, side="right")) - 1

    def rate(self, claimed: Fraction | None) -> Fraction:
        """Average frames a second: the claimed rate where the stamps agree within 0.5 %, else as measured."""
        measured = len(self.stamps) / self.duration
        if claimed and abs(claimed / measured - 1) < Fraction(1, 200):
            return Fraction(claimed)
        return measured.limit_denominator(1001)

    def packets_from(self, frame: int, container: InputContainer, stream: VideoStream) -> Iterator[Packet] | None:
        """Packets from the last usable key frame at or before `frame`; None where seeking fails and only a freshly
        opened container, read from its beginning, will do.
        """
        wanted = int(self.stamps[frame])
        before = self.keys[self.keys[:, 0] <= wanted]
        if len(before) < 2:
            return demux(container, stream)
        # Matroska and MP4 seek by presentation stamp, transport streams by decoding stamp.
        known = {(pts, crc) for pts, _, crc in before.tolist()}
        for stamp in dict.fromkeys([*before[-1, :2].tolist(), *before[-2, :2].tolist()]):
            with suppress(av.FFmpegError):
                container.seek(stamp, stream=stream)
                packets = demux(container, stream)
                first = next((packet for packet in packets if packet.is_keyframe and packet.size), None)
                # Program streams hand out wrong stamps after a seek, so the packet itself must be one seen before.
                if first is not None and (first.pts, crc32(first)) in known:
                    return chain([first], packets)
        return None


class _Stamp(NamedTuple):
    pts: int | None
    dts: int | None
    duration: int
    is_shown: bool
    key_crc: int | None

    @classmethod
    def of(cls, packet: Packet) -> _Stamp:
        key_crc = crc32(packet) if packet.is_keyframe else None
        return cls(packet.pts, packet.dts, packet.duration or 0, not packet.is_discard, key_crc)


def read_packets(container: InputContainer, stream: VideoStream, path: PathLike, limits: Limits) -> PacketIndex:
    """The index of a video stream, from a freshly opened container.

    Raises MediaError for a stream without frames or a file that ends before its header says, and LimitError for a video
    longer than `limits.video_seconds`, by its header before anything is read and by its packets as they come.
    """
    _check_claimed_length(container, stream, path, limits)
    stamps, end_of_file = _read_stamps(container, stream, path, limits)
    if not stamps:
        raise MediaError(f"{path} has a video track without any frames: give another video")
    check_whole(container, end_of_file, path)
    if container.format.name == _WITHOUT_STAMPS or any(stamp.pts is None for stamp in stamps):
        index = _index_by_count(stamps, stream)
    else:
        index = _index_by_stamp(stamps, stream)
    if index.duration > limits.video_seconds:
        raise _too_long(path, float(index.duration), limits)
    return index


def _read_stamps(
    container: InputContainer, stream: VideoStream, path: PathLike, limits: Limits
) -> tuple[list[_Stamp], Fraction]:
    """The video's stamps in decoding order, and the latest end of any packet of any stream in seconds."""
    stamps: list[_Stamp] = []
    latest = Fraction(0)
    most_ticks = limits.video_seconds / stream.time_base
    most_frames = limits.video_seconds * _MOST_FRAMES_A_SECOND
    for packet in demux(container):
        if not packet.size:
            continue
        if packet.pts is not None:
            latest = max(latest, (packet.pts + (packet.duration or 0)) * packet.time_base)
        if packet.stream_index != stream.index:
            continue
        stamps.append(_Stamp.of(packet))
        passed = packet.pts - stamps[0].pts if packet.pts is not None and stamps[0].pts is not None else 0
        if passed > most_ticks:
            raise _too_long(path, float(passed * stream.time_base), limits)
        if len(stamps) > most_frames:
            raise LimitError(
                f"{path} has more than {most_frames:g} frames: cut it, "
                "or raise the limit (--max-seconds, video_seconds)"
            )
    return stamps, latest


def _index_by_stamp(stamps: list[_Stamp], stream: VideoStream) -> PacketIndex:
    keys = [stamp for stamp in stamps if stamp.key_crc is not None] or stamps[:1]
    # What is stored before the first key frame, or shown before it, refers to pictures that were cut away.
    begun = stamps[stamps.index(keys[0]) :]
    visible = [stamp for stamp in begun if stamp.is_shown and stamp.pts >= keys[0].pts] or begun
    shown = {stamp.pts: stamp.duration for stamp in visible}
    order = np.array(sorted(shown), np.int64)
    starts = sorted((key.pts, key.pts if key.dts is None else key.dts, key.key_crc or 0) for key in keys)
    return PacketIndex(
        stamps=order,
        end=int(order[-1]) + (shown[int(order[-1])] or _usual_step(order, stream)),
        keys=np.array(starts, np.int64),
        time_base=stream.time_base,
    )


def _index_by_count(stamps: list[_Stamp], stream: VideoStream) -> PacketIndex:
    """AVI and bare streams: frames are counted, and follow each other as the decoding stamps or durations say."""
    if any(stamp.dts is None for stamp in stamps):
        steps = [stamp.duration or _usual_step(np.zeros(0, np.int64), stream) for stamp in stamps]
        order = np.cumsum([0, *steps[:-1]])
    else:
        order = np.array(sorted({stamp.dts for stamp in stamps}), np.int64)
    return PacketIndex(
        stamps=order,
        end=int(order[-1]) + (stamps[-1].duration or _usual_step(order, stream)),
        keys=np.zeros((0, 3), np.int64),
        time_base=stream.time_base,
    )


def _usual_step(order: np.ndarray, stream: VideoStream) -> int:
    if len(order) > 1:
        return int(np.median(np.diff(order)))
    return max(1, round(1 / ((stream.guessed_rate or 25) * stream.time_base)))


def _check_claimed_length(container: InputContainer, stream: VideoStream, path: PathLike, limits: Limits) -> None:
    seconds = (container.duration or 0) / av.time_base
    if stream.duration is not None:
        seconds = float(stream.duration * stream.time_base)
    if seconds > limits.video_seconds:
        raise _too_long(path, seconds, limits)


def check_whole(container: InputContainer, end_of_file: Fraction, path: PathLike) -> None:
    """Raises MediaError where the last packet ends, at `end_of_file` seconds, long before the header says."""
    if container.format.name not in _STATES_ITS_LENGTH or container.duration is None:
        return
    claimed = Fraction(container.duration, av.time_base)
    if claimed - end_of_file > _MISSING_END:
        raise MediaError(
            f"{path} is cut short: it ends at {float(end_of_file):.1f} s of the {float(claimed):.1f} s in its header; "
            "copy or download it again"
        )


def _too_long(path: PathLike, seconds: float, limits: Limits) -> LimitError:
    return LimitError(
        f"{path} is longer than the {limits.video_seconds:g} s allowed (at least {seconds:.0f} s): "
        "cut it, or raise the limit (--max-seconds, video_seconds)"
    )
