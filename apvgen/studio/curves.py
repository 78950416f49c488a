"""What the FDA lab shows over time: the fitted map in every mode, and how far the lips open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from apvgen import outliers
from apvgen.align import align
from apvgen.config import FdaMode
from apvgen.fda import lip_gap
from apvgen.media import read_audio
from apvgen.studio.viewer import open_viewer
from apvgen.types import Affine, Audio

LEAST_JUMP = 0.01
"""A face that is 1 % larger, or 1 % of its size away, for one frame is not noticed."""
NOSE_BRIDGE, NOSE_BASE = 168, 2
"""Face mesh points as far apart as the nose is long: lips and jaw leave them in place, and a nodding head shortens
that length as much as the lips' gap."""
VOICE_RATE = 16_000
ENVELOPE_SECONDS = 0.04
"""Length of sound whose root mean square is one value of the envelope: longer than a pitch period, shorter than a
syllable."""


@dataclass(frozen=True)
class Curves:
    """The map of one mode over time.

    affine: what places the face, smoothed and corrected. values: float64 `[T, 4]`, its a_x, a_y (times), b_x, b_y
    (driving-video px); NaN without a face. jumps: bool `[T, 4]`, outliers of `values` (outliers.py), measured by how
    restless the curve is without smoothing, so that smoothing makes no frame stand out. kept: share of
    the voice's lip opening that the mode keeps. tremble: how much the size changes its change from frame to frame, a
    share of itself.
    """

    affine: Affine
    values: np.ndarray
    jumps: np.ndarray
    kept: float
    tremble: float


@dataclass(frozen=True)
class Lips:
    """Opening of the lips in lengths of the nose, `[T]` each: what the voice asks for, and what is drawn.

    loudness: `[N]` in [0, 1], the voice's envelope over the same time.
    """

    asked: np.ndarray
    drawn: np.ndarray
    loudness: np.ndarray


def fda_curves(folder: Path, mode: FdaMode, smoothing: float) -> Curves:
    """The curves of an open project as they would be in another mode. Raises ProjectError, NoPersonError."""
    return _curves(folder, open_viewer(folder).written, mode, smoothing)


@lru_cache(maxsize=24)
def _curves(folder: Path, _written: int, mode: FdaMode, smoothing: float) -> Curves:
    viewer = open_viewer(folder)
    settings, analysis = viewer.made.settings, viewer.analysis
    options = replace(settings.options.align, mode=mode, smoothing=smoothing)
    alignment = align(analysis, options, settings.edits, analysis.reference.hw)
    values = np.concatenate([alignment.fda.a, alignment.fda.b], -1)
    size = _face_size(alignment.voice_face.xy)
    typical = _median(alignment.fda.a)
    least = LEAST_JUMP * np.concatenate([typical, typical * size])
    fitted = fda_curves(folder, mode, 0.0).values if smoothing else values
    jumps = outliers.jumps(values, np.nan_to_num(least), fitted)
    tremble = (outliers.tremble(alignment.fda.a) / typical).max()
    return Curves(alignment.fda, values, jumps, alignment.lip_gap_kept, float(tremble))


def lips(folder: Path) -> Lips:
    """Lips and voice of an open project. Raises ProjectError, MediaError."""
    return _lips(folder, open_viewer(folder).written)


@lru_cache(maxsize=4)
def _lips(folder: Path, _written: int) -> Lips:
    viewer = open_viewer(folder)
    made = viewer.made
    sound = read_audio(made.input_path("voice"), made.settings.options.limits, VOICE_RATE)
    asked, drawn = viewer.analysis.voice.vertices[..., :2], viewer.alignment.target.face.xy
    seconds = float(len(viewer) / viewer.analysis.driving.fps)
    return Lips(opening(asked), opening(drawn), envelope(sound, seconds))


def opening(face: np.ndarray) -> np.ndarray:
    """How far the lips are apart, `[T, N, 2]` -> `[T]`, in lengths of the nose; NaN without a face."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return lip_gap(face) / np.linalg.norm(face[:, NOSE_BRIDGE] - face[:, NOSE_BASE], axis=-1)


def envelope(sound: Audio, seconds: float) -> np.ndarray:
    """Loudness of the first `seconds` of a sound, `[N]` root mean squares in [0, 1], 1 where it is loudest."""
    block = round(ENVELOPE_SECONDS * sound.rate)
    wanted = round(seconds * sound.rate)
    samples = sound.mono[:wanted]
    samples = np.pad(samples, (0, wanted - len(samples) + -wanted % block))
    loudness = np.sqrt(np.square(samples.reshape(-1, block)).mean(1))
    return loudness / max(float(loudness.max()), 1e-9)


def _face_size(face: np.ndarray) -> np.ndarray:
    """Typical width and height `[2]` of `[T, N, 2]` points."""
    return _median(face.max(1) - face.min(1))


def _median(values: np.ndarray) -> np.ndarray:
    known = values[np.isfinite(values).all(-1)]
    return np.median(known, 0) if len(known) else np.full(values.shape[-1], np.nan)
