"""The corpus: scenes of synthetic speech as recorded somewhere, each with log-mel frames and the mouth that spoke them.

Nothing is downloaded: espeak-ng speaks pseudo-sentences (`voice_texts`), `voice_gestures` says what the mouth does,
`voice_augment` makes a recording. Scene k of a seed is the same on every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from apvgen.audio2face.articulation import CHANNELS, FRAME_RATE
from apvgen.audio2face.features import BANDS, HOP, SAMPLE_RATE, mel_power_db
from train.voice_augment import background, noise, record
from train.voice_gestures import articulation
from train.voice_speech import Synthesizer, Utterance, Voice
from train.voice_texts import languages, random_text

SCENE_SECONDS = 12
_PLAIN = "plain"
VARIANTS = (
    "plain", "plain", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "klatt",
    "klatt2", "klatt3", "klatt4", "Alex", "Alicia", "Andrea", "Andy", "Annie", "Diogo", "Gene", "Henrique",
    "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Nguyen", "adam", "antonio", "aunty", "belinda",
    "benjamin", "boris", "caleb", "david", "ed", "edward", "grandma", "grandpa", "ian", "john", "linda", "max",
    "miguel", "pablo", "paul", "quincy", "rob", "robert", "sandro", "shelby", "steph", "travis", "victor",
    "zac", "whisper"
)  # fmt: skip
"""espeak-ng's voice variants that sound like people."""
HELD_OUT_VARIANTS = ("Hugo", "Denis", "anika", "marcelo")
"""Voices that no training scene uses."""
_VOICE_RANGES = ((100, 270), (10, 99), (20, 99))
"""Words a minute, pitch and pitch range, as `Voice` counts them."""
_STRETCH_SPREAD = 0.12
"""Deviation of the logarithm of the vocal tract's length."""
_SPEECHLESS_SHARE = 0.1
_LEAD = 0.5
"""Seconds around an utterance in which the mouth still moves for it."""
_EFFORT_DB, _EFFORT_PERIODS = 4.0, (0.25, 1.5)
_OPENING_PER_DB = 0.5 / 20
"""Vocal effort wanders by this deviation on two time scales (seconds); mouth opening grows with its square root."""


@dataclass(frozen=True)
class Corpus:
    """Scenes: `power_db` float16 `[S, 2 T, BANDS]` at 100 frames a second, `mouth` float16 `[S, T, channels]` at 50."""

    power_db: np.ndarray
    mouth: np.ndarray

    def save(self, path: Path) -> None:
        """Write an `.npz`, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, power_db=self.power_db, mouth=self.mouth)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Corpus:
        with np.load(path) as stored:
            return cls(stored["power_db"], stored["mouth"])


def build_corpus(scenes: int, seed: int, variants: Sequence[str] = VARIANTS) -> Corpus:
    """Make `scenes` scenes of SCENE_SECONDS, spoken by `variants` of espeak-ng's voices."""
    engine = Synthesizer(seed)
    power = np.empty((scenes, SCENE_SECONDS * SAMPLE_RATE // HOP, BANDS), np.float16)
    mouth = np.empty((scenes, SCENE_SECONDS * FRAME_RATE, len(CHANNELS)), np.float16)
    for k in range(scenes):
        sound, mouth[k] = make_scene(engine, np.random.default_rng((seed, k)), variants)
        power[k] = mel_power_db(sound)[: power.shape[1]]
    return Corpus(power, mouth)


def make_scene(engine: Synthesizer, rng: np.random.Generator, variants: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """A recorded scene: float32 `[N]` at SAMPLE_RATE and the mouth `[T, channels]` at FRAME_RATE."""
    if rng.random() < _SPEECHLESS_SHARE:
        return _speechless(rng), np.zeros((SCENE_SECONDS * FRAME_RATE, len(CHANNELS)), np.float32)
    speech, mouth = clean_scene(engine, rng, variants)
    return record(speech, rng), mouth


def clean_scene(
    engine: Synthesizer, rng: np.random.Generator, variants: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Sentences of one voice with pauses between them, in changing vocal effort, before recording."""
    language = languages()[rng.integers(len(languages()))]
    variant = str(rng.choice(variants))
    name = language.voice if variant == _PLAIN else f"{language.voice}+{variant}"
    voice = Voice(name, *(int(rng.integers(low, high)) for low, high in _VOICE_RANGES))
    stretch = float(np.exp(rng.normal(0, _STRETCH_SPREAD)))
    speech = np.zeros(SCENE_SECONDS * SAMPLE_RATE, np.float32)
    mouth = np.zeros((SCENE_SECONDS * FRAME_RATE, len(CHANNELS)), np.float32)
    start = rng.uniform(0, 0.8)
    while start < SCENE_SECONDS - 0.5:
        utterance = resampled(engine.speak(random_text(language, rng), voice), stretch)
        _place(*spoken_with_effort(utterance, rng), start, speech, mouth)
        start += utterance.duration + rng.choice([rng.uniform(0, 0.4), rng.uniform(0.2, 2.5)], p=[0.7, 0.3])
    return speech, mouth


def resampled(utterance: Utterance, stretch: float = 1.0) -> Utterance:
    """The utterance at SAMPLE_RATE, slowed by `stretch`, which lowers its formants as a longer vocal tract does."""
    import soxr

    samples = soxr.resample(utterance.samples, utterance.rate, SAMPLE_RATE * stretch).astype(np.float32)
    phones = tuple(
        replace(p, start=p.start * stretch, end=p.end * stretch, release=p.release * stretch) for p in utterance.phones
    )
    return Utterance(samples, SAMPLE_RATE, phones)


def spoken_with_effort(utterance: Utterance, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The sound of `utterance` with stress and fading put on it, and the mouth that opens wider or less to make it.

    The mouth's first frame is _LEAD before the sound, its last _LEAD after it.
    """
    effort_db = sum(_wander(utterance.duration, period, rng) for period in _EFFORT_PERIODS)
    seconds = np.linspace(0, utterance.duration, len(effort_db))
    gain = np.interp(np.arange(len(utterance.samples)) / SAMPLE_RATE, seconds, effort_db)
    times = np.arange(int((utterance.duration + 2 * _LEAD) * FRAME_RATE)) / FRAME_RATE - _LEAD
    mouth = articulation(utterance, times)
    mouth[:, :2] *= 10 ** (np.interp(times, seconds, effort_db) * _OPENING_PER_DB)[:, None]
    return utterance.samples * 10 ** (gain / 20).astype(np.float32), mouth.clip(0, 1)


def _wander(duration: float, period: float, rng: np.random.Generator) -> np.ndarray:
    """A random curve in dB at 50 points a second that changes about every `period` seconds."""
    count = int(duration * FRAME_RATE) + 2
    knots = rng.normal(0, _EFFORT_DB / np.sqrt(2), int(duration / period) + 3).clip(-9, 9)
    places = np.linspace(0, len(knots) - 1, count)
    return CubicSpline(np.arange(len(knots)), knots)(places)


def _place(speech: np.ndarray, mouth: np.ndarray, start: float, scene: np.ndarray, scene_mouth: np.ndarray) -> None:
    sample = round(start * FRAME_RATE) * SAMPLE_RATE // FRAME_RATE
    scene[sample : sample + len(speech)] += speech[: len(scene) - sample]
    first = round((start - _LEAD) * FRAME_RATE)
    mouth = mouth[max(0, -first) :]
    place = scene_mouth[max(0, first) :][: len(mouth)]
    np.maximum(place, mouth[: len(place)], out=place)


def _speechless(rng: np.random.Generator) -> np.ndarray:
    """Silence, noise or music alone, from inaudible to loud."""
    length = SCENE_SECONDS * SAMPLE_RATE
    sound = background(length, rng) if rng.random() < 0.7 else noise(length, rng)
    return (sound / np.abs(sound).max() * 10 ** (-rng.uniform(0, 80) / 20)).astype(np.float32)
