"""Reading sound onto the same clock as the picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from math import floor

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from apvgen.config import Limits
from apvgen.errors import LimitError, MediaError
from apvgen.media.packets import check_whole, read_packets
from apvgen.media.source import PathLike, demux, moving_pictures, open_media, video_stream
from apvgen.types import Audio

_SLACK = Fraction(1, 50)
"""Seconds by which a packet's stamp may stray before silence is put in or an overlap is cut: half a frame."""

_QUIETEST_DB = -50
"""A voice is silent when the RMS of its loudest tenth of a second stays below this, in decibels of full scale: quiet
speech reaches -35, and a muted 16-bit input stays below -70."""


def read_audio(path: PathLike, limits: Limits, rate: int | None = None) -> Audio:
    """The sound of a sound or video file, in one or two channels; more are mixed down to two.

    In a video, time counts from the first picture, as in `VideoReader`: earlier sound is cut, and silence put before
    sound that begins later. In a sound file it counts from the first sample.
    rate: samples a second of the result; None keeps the file's.
    Raises MediaError where there is no sound track, or it cannot be decoded, or its values are no numbers; LimitError
    where it is longer than `limits.audio_seconds`.
    """
    blocks, source_rate = _read_blocks(path, limits)
    samples = _resampled(blocks, source_rate, rate or source_rate)
    if not np.isfinite(samples).all():
        raise MediaError(f"{path} holds sound values that are no numbers: export the sound again")
    return Audio(np.clip(samples, -1, 1), rate or source_rate)


def check_voice(audio: Audio) -> None:
    """Raises MediaError for a recording in which nobody can be heard: empty, no numbers, or below -50 dB throughout."""
    if not audio.samples.size:
        raise MediaError("the voice has no sound in it: give another recording")
    if not np.isfinite(audio.samples).all():
        raise MediaError("the voice holds values that are no numbers: export the recording again")
    loudest = _loudest(audio)
    if loudest < 10 ** (_QUIETEST_DB / 20):
        raise MediaError(
            f"the voice is silent (its loudest tenth of a second stays below {_QUIETEST_DB} dB): record it again, or "
            "check that the right file was given"
        )


def _loudest(audio: Audio) -> float:
    window = max(1, audio.rate // 10)
    starts = np.arange(0, audio.samples.shape[1], window)
    power = np.add.reduceat(audio.mono.astype(np.float64) ** 2, starts)
    return float(np.sqrt(power.max() / window))


def _read_blocks(path: PathLike, limits: Limits) -> tuple[list[np.ndarray], int]:
    """float32 `[C, n]` blocks without gaps from time zero on, at the rate that is returned with them."""
    zero = _first_picture(path, limits)
    blocks, total = [], 0
    with open_media(path, limits) as container:
        stream = _sound_stream(container, path)
        rate = stream.rate
        for silence, block in _placed(_plain_frames(container, stream), rate, zero):
            total += silence + block.shape[1]
            if total > limits.audio_seconds * rate:
                raise LimitError(
                    f"{path} has more sound than the {limits.audio_seconds:g} s allowed: cut it, "
                    "or raise the limit (--max-seconds, audio_seconds)"
                )
            blocks += [np.zeros((len(block), silence), np.float32), block]
        if zero is None:
            check_whole(container, Fraction(total, rate), path)
    if not blocks:
        raise MediaError(f"{path} has a sound track but no sound that can be decoded: give another recording")
    return blocks, rate


def _first_picture(path: PathLike, limits: Limits) -> Fraction | None:
    """The stamp of a video's first picture, in seconds; None for a file without moving pictures."""
    with open_media(path, limits) as container:
        if not container.streams.audio or not moving_pictures(container):
            return None
        stream = video_stream(container, path)
        index = read_packets(container, stream, path, limits)
        return int(index.stamps[0]) * index.time_base


def _sound_stream(container: InputContainer, path: PathLike) -> AudioStream:
    stream = container.streams.best("audio")
    if stream is None:
        raise MediaError(f"{path} has no sound track: give a recording, or a video with sound")
    if stream.codec_context is None:
        raise MediaError(f"{path} has sound in an unknown code: export it as WAV, MP3 or M4A")
    return stream


def _plain_frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Decoded frames as planar float32 of the stream's rate, in one or two channels; damaged packets are left out."""
    layout = "mono" if stream.channels == 1 else "stereo"
    form, resampler = None, None
    for packet in demux(container, stream):
        with suppress(av.error.InvalidDataError):
            for frame in packet.decode():
                # A broadcast may change its form midway, and a resampler takes only one.
                if form != (frame.format.name, frame.layout.name, frame.sample_rate):
                    form = (frame.format.name, frame.layout.name, frame.sample_rate)
                    resampler = AudioResampler("fltp", layout, stream.rate)
                yield from resampler.resample(frame)


def _placed(frames: Iterable[AudioFrame], rate: int, zero: Fraction | None) -> Iterator[tuple[int, np.ndarray]]:
    """Each frame's float32 `[C, n]` with the samples of silence to put before it, so that it lies where it is stamped.

    zero: the stamp in seconds at which the track begins; None takes the first frame's.
    """
    end, slack = 0, 0
    for frame in frames:
        block = frame.to_ndarray()
        stamp = None if frame.pts is None else frame.pts * frame.time_base
        if zero is None:
            zero = stamp or Fraction(0)
        ahead = 0 if stamp is None else floor((stamp - zero) * rate + Fraction(1, 2)) - end
        silence = ahead if ahead > slack else 0
        block = block[:, -ahead if ahead < -slack else 0 :]
        if not block.shape[1]:
            continue
        yield silence, block
        end += silence + block.shape[1]
        slack = floor(_SLACK * rate)


def _resampled(blocks: list[np.ndarray], source_rate: int, rate: int) -> np.ndarray:
    """Blocks of float32 `[C, n]` -> one `[C, N]` at `rate`."""
    if rate == source_rate:
        return np.concatenate(blocks, axis=1)
    stream = soxr.ResampleStream(source_rate, rate, len(blocks[0]), dtype="float32")
    parts = [stream.resample_chunk(block.T) for block in blocks]
    parts.append(stream.resample_chunk(blocks[-1][:, :0].T, last=True))
    return np.ascontiguousarray(np.concatenate(parts).T)
