"""A clip's pictures as bytes: near-lossless H.264, of which any stretch is decoded by itself.

Full colour resolution (yuv444p) and full range, since a mouth is a few pixels wide once FDA has shrunk its face.
"""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

_X264 = {"preset": "veryfast", "crf": "10", "bf": "0"}
"""crf 10 keeps 45 to 50 dB of the sources tried; without B-frames pictures are stored in the order shown."""

_KEY_FRAME_EVERY = 10
"""Frames: a window begins anywhere, and what lies between it and the key frame before is decoded in vain."""


def encode(frames: np.ndarray, fps: Fraction) -> bytes:
    """RGB uint8 `[T, H, W, 3]` -> an MP4 file."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options=_X264)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, codec = "yuv444p", stream.codec_context
        codec.time_base, codec.gop_size = 1 / fps, _KEY_FRAME_EVERY
        codec.color_range, codec.colorspace = ColorRange.JPEG, Colorspace.ITU709
        reformatter = VideoReformatter()
        for number, frame in enumerate(frames):
            container.mux(stream.encode(_yuv(frame, number, fps, reformatter)))
        container.mux(stream.encode(None))
    return file.getvalue()


def _yuv(frame: np.ndarray, number: int, fps: Fraction, reformatter: VideoReformatter) -> VideoFrame:
    shown = reformatter.reformat(
        VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24"),
        format="yuv444p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    shown.pts, shown.time_base = number, 1 / fps
    return shown


def decode(place: str, wanted: range, fps: Fraction) -> list[np.ndarray]:
    """The `wanted` frames (ascending) of an `encode`d file: RGB uint8 `[H, W, 3]` each; fewer where the file ends.

    place: a path or an address that FFmpeg opens. Raises av.FFmpegError for a damaged file.
    """
    if not wanted:
        return []
    pictures, reformatter = [], VideoReformatter()
    with av.open(place) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1  # loading runs in as many processes as there are cores
        container.seek(round(wanted[0] / fps / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            number = round(frame.pts * stream.time_base * fps)
            if number in wanted:
                pictures.append(reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray())
            if number >= wanted[-1]:
                break
    return pictures
