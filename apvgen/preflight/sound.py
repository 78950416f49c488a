"""Is there music or noise under the voice?"""

from __future__ import annotations

from math import ceil

import numpy as np

from apvgen.audio2face.features import HOP, SAMPLE_RATE, band_centres, mel_power_db, to_model_rate
from apvgen.config import Options
from apvgen.preflight.finding import Finding, capital, level_below, runs, where
from apvgen.types import Audio

CLEAN_DB, SPOILED_DB = 25, 12
"""Decibels between a voice and what is heard in its pauses. Measured by adding white noise, pink noise and chords with
drums to four voices (`benchmarks/preflight.py` does part of it): at 25 dB the lips' movement correlates with the clean
voice's by 0.93 to 0.98, at 12 dB by 0.78 to 0.95, and some music opens the mouth in pauses. The clean recordings have
52 to 104 dB."""

_LOUD, _QUIET = 90, 5
"""Percentiles of a window's level that are its voice and its pauses."""

_SPEECH_HZ = (150, 3400)
_WINDOW, _STEP = 200, 25
"""Hundredths of a second: two seconds hold a pause even in fast speech."""

_AUDIBLE_DB = 25
"""A window whose loud part lies this far below the recording's holds no voice."""


def check_voice_sound(voice: Audio, options: Options, frames: int) -> Finding:
    """value: decibels, typical over the recording. frames: of the output."""
    if options.isolate_vocals:
        return Finding("green", "voice", "The voice is taken out of music and noise before it is listened to.")
    over, starts = voice_over_background(voice)
    if not len(over):
        return Finding("green", "voice", "The recording is too short to tell its background.")
    typical = float(np.median(over))
    noisy = _concerned(over < CLEAN_DB, starts, frames, options)
    worst = level_below(float(np.quantile(over, 0.1)), CLEAN_DB, SPOILED_DB)
    level = level_below(typical, CLEAN_DB, SPOILED_DB) if worst == "red" else worst
    clear = f"it stands {typical:.0f} dB above what is heard in its pauses"
    if not noisy.any():
        return Finding("green", "voice", f"The voice is clear: {clear}.", value=typical)
    sentence = (
        f"{capital(where(noisy, options.fps))} music or noise lies under the voice ({clear}), and the mouth may "
        "move to it; take the voice out of it first (--isolate-vocals), or give a cleaner recording."
    )
    return Finding(level, "voice", sentence, runs(noisy), typical)


def voice_over_background(voice: Audio) -> tuple[np.ndarray, np.ndarray]:
    """Decibels by which the voice stands out in each window with a voice, and the windows' beginnings in 1/100 s."""
    power = mel_power_db(to_model_rate(voice))
    inside = (band_centres() >= _SPEECH_HZ[0]) & (band_centres() <= _SPEECH_HZ[1])
    level = 10 * np.log10(np.mean(10 ** (power[:, inside] / 10), axis=1) + 1e-12)
    window = min(_WINDOW, len(level))
    starts = np.arange(0, len(level) - window + 1, _STEP)
    parts = np.lib.stride_tricks.sliding_window_view(level, window)[starts]
    loud, quiet = np.percentile(parts, (_LOUD, _QUIET), axis=1)
    spoken = loud > np.percentile(level, _LOUD) - _AUDIBLE_DB
    return (loud - quiet)[spoken], starts[spoken]


def _concerned(noisy: np.ndarray, starts: np.ndarray, frames: int, options: Options) -> np.ndarray:
    """bool `[frames]`: output frames that lie in a noisy window."""
    marked = np.zeros(frames, bool)
    per_frame = float(options.fps) * HOP / SAMPLE_RATE
    for start in starts[noisy]:
        marked[int(start * per_frame) : ceil((start + _WINDOW) * per_frame)] = True
    return marked
