"""Make synthetic speech sound like recordings: rooms, microphones, telephones, noise, music, other vocal tracts.

All functions take and return float32 `[N]` at SAMPLE_RATE and draw every choice from the generator they are given.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import fftconvolve

from apvgen.audio2face.features import SAMPLE_RATE

Effect = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def record(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One random recording of `speech`: room, background, microphone or telephone, clipping, level."""
    effects: list[tuple[float, Effect]] = [
        (0.6, room),
        (0.85, equalise),
        (0.7, add_background),
        (0.15, add_crowd),
        (0.25, telephone),
        (0.5, equalise),
        (0.15, saturate),
        (0.9, hiss),
    ]
    for probability, effect in effects:
        if rng.random() < probability:
            speech = effect(speech, rng)
    peak = np.abs(speech).max() + 1e-9
    return (speech / peak * 10 ** (rng.uniform(-26, 0) / 20)).astype(np.float32)


def room(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A direct path and an exponentially decaying diffuse tail: reverberation time 0.1-0.8 s."""
    decay = rng.uniform(0.1, 0.8)
    time = np.arange(int(decay * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / decay)
    tail *= 10 ** (rng.uniform(-22, -2) / 20) / np.linalg.norm(tail)
    tail[0] = 1
    return fftconvolve(speech, tail)[: len(speech)].astype(np.float32)


def equalise(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A spectral tilt of up to 5 dB an octave and a smooth random curve of some dB, as microphones differ."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(speech), 1 / SAMPLE_RATE), 50) / 1000)
    knots = np.linspace(-4.4, 3.1, 9)
    curve = np.interp(octaves, knots, rng.normal(0, 4, len(knots))) + rng.uniform(-5, 5) * octaves
    return _filtered(speech, 10 ** (curve / 20))


def telephone(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Band limits: low cut anywhere below 400 Hz, high cut between 3 and 7 kHz."""
    frequency = np.fft.rfftfreq(len(speech), 1 / SAMPLE_RATE)
    low, high = rng.uniform(20, 400), rng.choice([3400, 3900, rng.uniform(3000, 7000)])
    gain = 1 / (1 + (low / np.maximum(frequency, 1)) ** 6) / (1 + (frequency / high) ** 24)
    return _filtered(speech, gain)


def add_background(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise or music, 3-30 dB below the speech."""
    back = background(len(speech), rng)
    ratio = np.linalg.norm(speech) / (np.linalg.norm(back) + 1e-9)
    return (speech + back * ratio * 10 ** (-rng.uniform(3, 30) / 20)).astype(np.float32)


def add_crowd(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Other voices 12-30 dB below: the same speech backwards, at several shifts."""
    crowd = sum(np.roll(speech[::-1], rng.integers(len(speech))) for _ in range(rng.integers(1, 5)))
    ratio = np.linalg.norm(speech) / (np.linalg.norm(crowd) + 1e-9)
    return (speech + crowd * ratio * 10 ** (-rng.uniform(12, 30) / 20)).astype(np.float32)


def hiss(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The floor of a recorder: coloured noise 30-70 dB below the speech."""
    floor = noise(len(speech), rng)
    level = np.sqrt(np.mean(np.square(speech))) * 10 ** (-rng.uniform(30, 70) / 20)
    return (speech + floor * level / (floor.std() + 1e-9)).astype(np.float32)


def saturate(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Soft clipping of an overdriven input."""
    peak = np.abs(speech).max() + 1e-9
    drive = rng.uniform(1, 4)
    return (np.tanh(speech / peak * drive) * peak / drive).astype(np.float32)


def background(length: int, rng: np.random.Generator) -> np.ndarray:
    """Noise, hum, music or a mixture, of unit deviation."""
    sources = rng.choice([noise, music, hum, bursts], size=rng.integers(1, 3), p=[0.4, 0.35, 0.1, 0.15])
    mixed = sum(source(length, rng) * rng.uniform(0.3, 1) for source in sources)
    return (mixed / (mixed.std() + 1e-9)).astype(np.float32)


def noise(length: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of a random colour between violet and brown, its level wandering slowly, as wind, traffic and fans do."""
    frequency = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE), 30)
    sound = _filtered(rng.standard_normal(length).astype(np.float32), (frequency / 1000) ** -rng.uniform(-0.5, 1.5))
    swing = np.interp(np.linspace(0, 1, length), np.linspace(0, 1, 16), rng.normal(0, rng.uniform(0, 5), 16))
    return _unit(sound) * 10 ** (swing / 20)


def hum(length: int, rng: np.random.Generator) -> np.ndarray:
    """Mains or machine hum with harmonics."""
    return _unit(_tone(length, rng.uniform(45, 180), rng, harmonics=12))


def bursts(length: int, rng: np.random.Generator) -> np.ndarray:
    """Clicks, steps, drums: decaying noise and thuds at random or regular times."""
    sound = np.zeros(length)
    period = int(rng.uniform(0.15, 0.8) * SAMPLE_RATE)
    for start in range(0, length, period):
        onset = start + int(rng.integers(0, period // 2))
        time = np.arange(max(0, min(length - onset, SAMPLE_RATE // 4))) / SAMPLE_RATE
        thud = np.sin(2 * np.pi * rng.uniform(50, 200) * time) if rng.random() < 0.5 else rng.standard_normal(len(time))
        sound[onset : onset + len(time)] += thud * np.exp(-time * rng.uniform(15, 80)) * rng.uniform(0.3, 1)
    return _unit(sound)


def music(length: int, rng: np.random.Generator) -> np.ndarray:
    """Chords, a bass and a melody of decaying or held harmonic notes on an equal-tempered scale."""
    sound = np.zeros(length)
    beat = int(rng.uniform(0.2, 0.8) * SAMPLE_RATE)
    scale = (
        55 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 24, 28, 31, 36, 40]) / 12) * rng.uniform(1, 2)
    )
    held = rng.uniform(0.5, 6)
    for start in range(0, length, beat):
        count = min(length - start, beat * 2)
        envelope = np.minimum(1, np.arange(count) / 400) * np.exp(-np.arange(count) / SAMPLE_RATE * held)
        for pitch in rng.choice(scale, size=rng.integers(1, 5)):
            sound[start : start + count] += _tone(count, pitch, rng, harmonics=8) * envelope * rng.uniform(0.2, 1)
    return _unit(sound)


def _tone(length: int, pitch: float, rng: np.random.Generator, harmonics: int) -> np.ndarray:
    time = np.arange(length) / SAMPLE_RATE
    order = np.arange(1, harmonics + 1)
    order = order[order * pitch < SAMPLE_RATE / 2]
    strength = rng.uniform(0.2, 1, len(order)) * order ** -rng.uniform(0.5, 2)
    return sum(s * np.sin(2 * np.pi * k * pitch * time + k) for s, k in zip(strength, order, strict=True))


def _filtered(sound: np.ndarray, gain: np.ndarray) -> np.ndarray:
    return np.fft.irfft(np.fft.rfft(sound) * gain, len(sound)).astype(np.float32)


def _unit(sound: np.ndarray) -> np.ndarray:
    return sound / (np.std(sound) + 1e-9)
