"""One MP4 file being encoded: pictures as they come, and with each the sound that belongs to its time."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from pathlib import Path

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream

from apvgen.types import HW, Audio

_X264 = {"preset": "veryfast", "crf": "18"}
"""crf 18 is held to be visually lossless (FFmpeg wiki, Encode/H.264); veryfast halves the time of `medium`."""

_KEY_FRAME_SECONDS = 2
"""So that a browser can scrub and worker processes can begin anywhere."""

_AAC_BITS_A_SECOND = 96_000
"""Per channel; speech and music without audible loss."""

_BROWSER_RATES = (32_000, 44_100, 48_000)
_DEFAULT_RATE = 48_000


class Mp4Encoder:
    """Encodes to `place` (overwritten), H.264 yuv420p BT.709 and AAC, index at the front.

    hw: size of the frames that `add` takes; odd sides grow by one pixel, since yuv420p halves them.
    audio: one or two channels, cut or filled with silence to the length of the picture; None for a silent film.
    Errors of FFmpeg and the system pass through as they are.
    """

    def __init__(self, place: Path, hw: HW, fps: Fraction, audio: Audio | None, comment: str) -> None:
        self._hw = hw
        self._fps = fps
        self._audio = None if audio is None else _for_browsers(audio)
        self._container = av.open(f"file:{place.absolute()}", "w", format="mp4", options={"movflags": "faststart"})
        self._container.metadata["comment"] = comment
        self._picture = _picture_stream(self._container, hw, fps)
        self._sound = None if self._audio is None else _sound_stream(self._container, self._audio)
        self._reformatter = VideoReformatter()
        self._frames = 0
        self._samples = 0

    def add(self, frame: np.ndarray) -> None:
        """Append one RGB uint8 `[*hw, 3]` picture. Raises ValueError for another form."""
        if frame.shape != (*self._hw, 3) or frame.dtype != np.uint8:
            raise ValueError(
                f"frame {self._frames} must be uint8 {[*self._hw, 3]} like the first, "
                f"not {frame.dtype} {list(frame.shape)}"
            )
        self._container.mux(self._picture.encode(self._yuv(frame)))
        self._frames += 1
        if self._audio is not None:
            self._container.mux(self._sound.encode(self._next_sound()))

    def finish(self) -> None:
        """Write what the codecs still hold, then the index."""
        self._container.mux(self._picture.encode(None))
        if self._sound is not None:
            self._container.mux(self._sound.encode(None))
        self._container.close()

    def close(self) -> None:
        """Let go of the file; after `finish`, or to give up."""
        self._container.close()

    def _yuv(self, frame: np.ndarray) -> VideoFrame:
        bottom, right = (side % 2 for side in self._hw)
        even = np.pad(frame, ((0, bottom), (0, right), (0, 0)), "edge") if bottom or right else frame
        shown = self._reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(even), "rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        shown.pts, shown.time_base = self._frames, 1 / self._fps
        return shown

    def _next_sound(self) -> AudioFrame:
        """The sound from where it stands to the end of the last picture."""
        audio = self._audio
        end = floor(self._frames * audio.rate / self._fps)
        heard = audio.samples[:, self._samples : end]
        block = np.zeros((len(audio.samples), end - self._samples), np.float32)
        block[:, : heard.shape[1]] = heard
        frame = AudioFrame.from_ndarray(block, "fltp", self._sound.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = audio.rate, self._samples, Fraction(1, audio.rate)
        self._samples = end
        return frame


def _picture_stream(container: OutputContainer, hw: HW, fps: Fraction) -> VideoStream:
    height, width = (side + side % 2 for side in hw)
    stream = container.add_stream("libx264", rate=fps, options=_X264)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    codec = stream.codec_context
    codec.time_base = 1 / fps
    codec.gop_size = max(1, round(_KEY_FRAME_SECONDS * fps))
    codec.color_range, codec.colorspace = ColorRange.MPEG, Colorspace.ITU709
    codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return stream


def _sound_stream(container: OutputContainer, audio: Audio) -> AudioStream:
    channels = len(audio.samples)
    layout = "mono" if channels == 1 else "stereo"
    return container.add_stream("aac", rate=audio.rate, layout=layout, bit_rate=channels * _AAC_BITS_A_SECOND)


def _for_browsers(audio: Audio) -> Audio:
    """Finite sound in one or two channels at a rate that every browser plays."""
    if len(audio.samples) not in (1, 2):
        raise ValueError(f"sound to write must have 1 or 2 channels, not {len(audio.samples)}")
    if not np.isfinite(audio.samples).all():
        raise ValueError("sound to write holds values that are no numbers")
    if audio.rate in _BROWSER_RATES:
        return audio
    samples = soxr.resample(audio.samples.T, audio.rate, _DEFAULT_RATE).T
    return Audio(np.ascontiguousarray(samples), _DEFAULT_RATE)
