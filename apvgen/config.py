"""Options, all frozen and checked when built. Defaults are the product's defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, get_args

from apvgen.types import HW

FdaMode = Literal["paper", "stable", "head_pose"]
HeadRotation = Literal["driving", "voice", "none"]
LengthMode = Literal["ping-pong", "loop", "hold"]
DetectorName = Literal["auto", "mediapipe", "rtmlib"]
VoiceModelName = Literal["builtin", "aniportrait"]
FaceStyle = Literal["mesh", "dots68"]


def check_choice(name: str, value: str, choices: object) -> None:
    """Raise ValueError when `value` is none of the strings of the `Literal` `choices`."""
    if value not in get_args(choices):
        raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}, not {value!r}")


@dataclass(frozen=True)
class Limits:
    """Bounds on what may be read. Exceeding one raises `LimitError`, which names the bound."""

    file_bytes: int = 2 * 1024**3
    video_seconds: float = 30 * 60
    audio_seconds: float = 30 * 60
    image_pixels: int = 50_000_000
    video_pixels: int = 4096 * 2304

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < float("inf"):
                raise ValueError(f"the limit {name} must be a positive number, not {value}")


@dataclass(frozen=True)
class Trim:
    """The part of an input that is used, in seconds from its beginning; stop None is its end."""

    start: Fraction = Fraction(0)
    stop: Fraction | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or (self.stop is not None and self.stop <= self.start):
            stop = "the end" if self.stop is None else f"{float(self.stop):g} s"
            raise ValueError(f"a trim must end after it begins, not run from {float(self.start):g} s to {stop}")


@dataclass(frozen=True)
class AlignOptions:
    """How the voice-driven face is placed on the driving body (METHOD section 2)."""

    mode: FdaMode = "stable"
    head_rotation: HeadRotation = "driving"
    smoothing: float = 1.0
    """Standard deviation in frames of the temporal smoothing of the fitted map; 0 is the paper."""
    max_gap: int = 5
    """Frames without a face that are interpolated between two detections."""
    fit_body: bool = True
    """Move the whole pose onto the reference person's proportions."""

    def __post_init__(self) -> None:
        check_choice("FDA mode", self.mode, FdaMode)
        check_choice("head rotation", self.head_rotation, HeadRotation)
        if not 0 <= self.smoothing <= 1000:
            raise ValueError(f"smoothing must lie between 0 and 1000 frames, not {self.smoothing}")
        if self.max_gap < 0:
            raise ValueError(f"max_gap must not be negative, as {self.max_gap} is")


@dataclass(frozen=True)
class Options:
    """Everything that changes a result, apart from the three inputs and a person's edits."""

    fps: Fraction = Fraction(25)
    hw: HW = (768, 512)
    seed: int = 0
    detector: DetectorName = "auto"
    person: int = 0
    """0 is the largest tracked person of the driving video, 1 the next largest, and so on."""
    driving_trim: Trim = Trim()
    voice_trim: Trim = Trim()
    voice_model: VoiceModelName = "builtin"
    """aniportrait needs its weights (`python -m apvgen checkpoints download aniportrait`)."""
    isolate_vocals: bool = False
    """Take the voice out of music and noise before the voice model hears it; needs Demucs."""
    length: LengthMode = "ping-pong"
    face_style: FaceStyle = "mesh"
    align: AlignOptions = field(default_factory=AlignOptions)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        check_choice("detector", self.detector, DetectorName)
        check_choice("voice model", self.voice_model, VoiceModelName)
        check_choice("length", self.length, LengthMode)
        check_choice("face style", self.face_style, FaceStyle)
        if not 1 <= self.fps <= 120:
            raise ValueError(f"fps must lie between 1 and 120, not {self.fps}")
        if any(side < 64 or side > 4096 or side % 2 for side in self.hw):
            raise ValueError(f"the output size must be even and between 64 and 4096 px a side, not {self.hw}")
        if self.person < 0:
            raise ValueError(f"person counts from 0, so {self.person} is none")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"a seed must lie between 0 and 2^63, not {self.seed}")
