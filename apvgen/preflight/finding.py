"""What a check says: how bad, about what, in which frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from apvgen.align import Alignment, Analysis
from apvgen.backbones.options import RendererName
from apvgen.config import Options
from apvgen.types import Track

Level = Literal["green", "amber", "red"]
Topic = Literal[
    "face",
    "body",
    "hands",
    "hand confidence",
    "people",
    "jitter",
    "face size",
    "proportions",
    "framing",
    "lips",
    "frame rate",
    "length",
    "voice",
    "renderer",
    "time",
    "memory",
    "disk",
]


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    level: green is fine, amber is worth a look, red spoils the result or stops the render.
    sentence: for the user: what, how much, and unless green what to do.
    frames: of the output, the ones concerned, in order; empty where it is not about single frames.
    value: what was compared with the thresholds, in the unit that the check documents; None where nothing is measured.
    """

    level: Level
    topic: Topic
    sentence: str
    frames: tuple[range, ...] = ()
    value: float | None = None


@dataclass(frozen=True)
class Case:
    """An analysed project, as the checks of what was found take it.

    detector: name of the one that made the driving motion; empty where unknown, as with a motion file.
    renderer: what the render is planned with; diffusion is the one that invents what it is not told.
    """

    analysis: Analysis
    alignment: Alignment
    options: Options
    detector: str = ""
    renderer: RendererName = "diffusion"

    @property
    def face_height(self) -> float:
        """Median height in pixels of the drawn face mesh, NaN where none is drawn."""
        return median_height(self.alignment.target.face)


def median_height(face: Track) -> float:
    """Median height in pixels of a face mesh, or of as much of it as is known; NaN where it is never seen."""
    y = face.xy[..., 1]
    heights = np.fmax.reduce(y, axis=1) - np.fmin.reduce(y, axis=1)
    known = heights[np.isfinite(heights)]
    return float(np.median(known)) if len(known) else float("nan")


def level_above(value: float, amber: float, red: float) -> Level:
    """How bad a value is of which more is worse: amber and red from these values on."""
    return "red" if value >= red else "amber" if value >= amber else "green"


def level_below(value: float, amber: float, red: float) -> Level:
    """How bad a value is of which less is worse: amber and red below these values."""
    return "red" if value < red else "amber" if value < amber else "green"


def runs(concerned: np.ndarray) -> tuple[range, ...]:
    """The frames where a bool `[T]` is true, as ranges in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], concerned, [False]]).astype(np.int8)))
    return tuple(range(int(start), int(stop)) for start, stop in edges.reshape(-1, 2))


def where(concerned: np.ndarray, fps: Fraction) -> str:
    """A bool `[T]` with any frame true, in words: how many frames, and when first."""
    count, frames = int(concerned.sum()), len(concerned)
    if count == frames:
        return "in every frame"
    share = max(1, round(100 * count / frames))
    return f"in {count} of {frames} frames ({share} %, first at {float(np.argmax(concerned) / fps):.1f} s)"


def about_frames(
    topic: Topic, wrong: np.ndarray, fps: Fraction, fine: str, told: str, bounds: tuple[float, float]
) -> Finding:
    """A finding about the share of frames in which something is wrong; value: that share.

    wrong: bool `[T]`. fine: the sentence without any. told: what follows the frames in words. bounds: shares from which
    it is amber, and red.
    """
    share = float(wrong.mean())
    if not wrong.any():
        return Finding("green", topic, fine, value=share)
    return Finding(level_above(share, *bounds), topic, f"{capital(where(wrong, fps))} {told}", runs(wrong), share)


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
