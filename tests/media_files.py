"""Small media files made for tests: pictures that carry their own number, and sounds with a known shape."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame

SIDE = 32
_CELLS = 4
_CELL = SIDE // _CELLS


def numbered_picture(number: int) -> np.ndarray:
    """uint8 `[32, 32]`: 4 x 4 squares, black or white, that spell a 16-bit number."""
    bits = (number >> np.arange(_CELLS**2) & 1).astype(np.uint8).reshape(_CELLS, _CELLS)
    return np.repeat(np.repeat(bits * 255, _CELL, 0), _CELL, 1)


def number_of(frame: np.ndarray) -> int:
    """The number that a picture spells, whatever compression did to it."""
    squares = frame[..., 0].astype(float).reshape(_CELLS, _CELL, _CELLS, _CELL).mean((1, 3))
    return int(((squares.ravel() > 127).astype(int) << np.arange(_CELLS**2)).sum())


def write_numbered(
    path: Path,
    stamps: Iterable[int],
    time_base: Fraction,
    codec: str = "libx264",
    format: str | None = None,
    options: dict | None = None,
    sound: tuple[np.ndarray, int, int] | None = None,
    sound_codec: str = "pcm_s16le",
    pixel_aspect: Fraction | None = None,
    muxing: dict | None = None,
) -> Path:
    """A video of numbered pictures at the given stamps, a key frame every 40.

    sound: float32 `[1, N]` samples, their rate, and the sample number at which they begin on the video's clock.
    """
    with av.open(str(path), "w", format=format, options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=1 / time_base, options=options or {"preset": "ultrafast", "bf": "2"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = time_base
        stream.codec_context.gop_size = 40
        stream.codec_context.thread_count = 1
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if sound:
            voice = container.add_stream(sound_codec, rate=sound[1], layout="mono")
        planes = np.full((SIDE * 3 // 2, SIDE), 128, np.uint8)
        for number, stamp in enumerate(stamps):
            planes[:SIDE] = numbered_picture(number)
            frame = VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = stamp, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            _encode_sound(container, voice, *sound)
    return path


def write_growing(path: Path, sides: list[int]) -> Path:
    """Square grey pictures of changing size, 25 a second, as a live stream may hold them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = sides[0], sides[0], "yuvj420p"
        for number, side in enumerate(sides):
            coder = av.CodecContext.create("mjpeg", "w")
            coder.width, coder.height, coder.pix_fmt, coder.time_base = side, side, "yuvj420p", Fraction(1, 25)
            for packet in coder.encode(VideoFrame(side, side, "yuvj420p")):
                packet.pts = packet.dts = number
                packet.time_base, packet.stream = Fraction(1, 25), stream
                container.mux(packet)
    return path


def write_sound(path: Path, samples: np.ndarray, rate: int, codec: str = "pcm_f32le", layout: str = "mono") -> Path:
    """A sound file of float32 `[C, N]` samples."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        _encode_sound(container, stream, samples, rate, 0)
    return path


def _encode_sound(
    container: OutputContainer, stream: av.AudioStream, samples: np.ndarray, rate: int, start: int
) -> None:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", stream.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    for part in av.AudioResampler(stream.format, stream.layout, rate).resample(frame):
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))


def turn_on_screen(path: Path, degrees: int) -> Path:
    """Patch an MP4's track header to ask for a clockwise turn (ISO/IEC 14496-12, 8.3.2 and 6.2.2)."""
    one = 1 << 16
    a, b, c, d = {0: (one, 0, 0, one), 90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path
