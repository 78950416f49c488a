"""What a person says: synthesised speech, and the mouth that says it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from apvgen.audio2face.articulation import FRAME_RATE, at_frames
from apvgen.audio2face.features import SAMPLE_RATE
from apvgen.types import Audio
from train.synthetic.people import Split
from train.synthetic.speaker import say
from train.voice_corpus import HELD_OUT_VARIANTS, VARIANTS, resampled
from train.voice_gestures import articulation
from train.voice_speech import Utterance, Voice
from train.voice_texts import languages, random_text

VOICES = {"train": VARIANTS, "held_out": HELD_OUT_VARIANTS}
_SPEED, _PITCH, _PITCH_RANGE = (110, 200), (20, 90), (30, 90)
"""Words a minute and espeak-ng's scales; slower than the voice corpus, for the mouth is to be seen."""
_LEAST_EXTRA = 0.4
"""Seconds spoken beyond the clip, so that it need not begin with a sentence."""
_PEAK = 0.7
_EMPHASIS = (1.15, 1.5)
"""How much wider than in plain speech a person of this world opens the mouth."""


@dataclass(frozen=True)
class Speech:
    """audio: mono at 16 kHz, as long as the clip. mouth: float32 `[T, len(CHANNELS)]`, the mouth in each frame.
    pauses: their starts in seconds. loudness: `[N]` at FRAME_RATE."""

    audio: Audio
    mouth: np.ndarray
    pauses: np.ndarray
    loudness: np.ndarray


def speak(rng: np.random.Generator, frames: int, fps: Fraction, split: Split) -> Speech:
    """Speech of random words in a random language and voice of the split."""
    seconds = frames / float(fps)
    said = _utterance(rng, seconds + _LEAST_EXTRA, split)
    skipped = rng.uniform(0, said.duration - seconds)
    first = round(skipped * SAMPLE_RATE)
    samples = said.samples[first : first + round(seconds * SAMPLE_RATE)]
    times = skipped + np.arange(int(seconds * FRAME_RATE) + 2) / FRAME_RATE
    mouth = articulation(said, times)
    mouth[:, :2] *= rng.uniform(*_EMPHASIS)
    hop = SAMPLE_RATE // FRAME_RATE
    loudness = np.sqrt(np.square(samples[: len(samples) // hop * hop]).reshape(-1, hop).mean(1))
    pauses = np.array([phone.start for phone in said.phones if not phone.ipa]) - skipped
    audio = Audio((samples * (_PEAK / max(float(np.abs(said.samples).max()), 1e-3)))[None], SAMPLE_RATE)
    return Speech(audio, at_frames(mouth.clip(0, 1), fps, frames), pauses, loudness)


def _utterance(rng: np.random.Generator, seconds: float, split: Split) -> Utterance:
    """At least so many seconds of one voice."""
    language = languages()[int(rng.integers(len(languages())))]
    variant = str(rng.choice(VOICES[split]))
    name = language.voice if variant == "plain" else f"{language.voice}+{variant}"
    voice = Voice(name, *(int(rng.integers(*scale)) for scale in (_SPEED, _PITCH, _PITCH_RANGE)))
    text = random_text(language, rng)
    while (said := say(text, voice)).duration < seconds:
        text += " " + random_text(language, rng)
    return resampled(said)
