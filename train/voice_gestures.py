"""Phones with times -> what the mouth does: articulation tracks with coarticulation.

The blend is Cohen and Massaro's (1993, "Modeling coarticulation in synthetic visual speech"): every phone pulls each
channel to its own target with a dominance that decays exponentially with the time to the phone, and the track is the
dominance-weighted mean. Strong phones (a bilabial's lips) win even when short; weak ones (the lips of /k/) take the
shape of their neighbours; a short vowel undershoots. Closure and lip-to-teeth contact are not blended but switched,
since contact is all or nothing.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from apvgen.audio2face.articulation import CHANNELS
from train.voice_speech import STOPS, Phone, Utterance


@dataclass(frozen=True)
class Gesture:
    """Targets in [0, 1] (1 = the widest that speech reaches) and how strongly lips and jaw insist on them."""

    opening: float
    jaw: float
    rounding: float = 0.0
    spread: float = 0.0
    lips_weight: float = 1.0
    jaw_weight: float = 1.0
    press: float = 0.0
    tuck: float = 0.0


_PAUSE = "pause"
_NEUTRAL = Gesture(0.3, 0.28, lips_weight=0.2, jaw_weight=0.2)
_BILABIAL = Gesture(0.0, 0.15, 0.0, 0.0, 4.0, 1.0, press=1.0)
_LABIODENTAL = Gesture(0.07, 0.12, 0.0, 0.15, 3.0, 1.5, tuck=1.0)
_ALVEOLAR = Gesture(0.2, 0.15, 0.0, 0.15, 0.6, 1.0)
_SIBILANT = Gesture(0.17, 0.06, 0.0, 0.35, 0.9, 2.0)
_PALATAL_SIBILANT = Gesture(0.2, 0.08, 0.25, 0.25, 1.0, 2.0)
_POSTALVEOLAR = Gesture(0.17, 0.1, 0.55, 0.0, 1.2, 1.5)
_RHOTIC = Gesture(0.3, 0.24, 0.3, 0.0, 0.6, 0.6)
_VELAR = Gesture(0.34, 0.3, 0.0, 0.0, 0.25, 0.4)
_GLOTTAL = Gesture(0.4, 0.35, 0.0, 0.0, 0.08, 0.08)
_LABIOVELAR = Gesture(0.02, 0.2, 1.0, 0.0, 2.0, 0.8)

_VOWELS = {
    "a": Gesture(1.0, 0.95, 0.0, 0.15),
    "ɑ": Gesture(0.95, 1.0, 0.1),
    "æ": Gesture(0.95, 0.9, 0.0, 0.5),
    "ɐ": Gesture(0.8, 0.8),
    "ʌ": Gesture(0.7, 0.65),
    "ɛ": Gesture(0.66, 0.6, 0.0, 0.5),
    "œ": Gesture(0.42, 0.55, 0.6),
    "ɶ": Gesture(0.5, 0.6, 0.5),
    "ɔ": Gesture(0.5, 0.65, 0.6),
    "ɒ": Gesture(0.62, 0.75, 0.5),
    "e": Gesture(0.46, 0.4, 0.0, 0.65),
    "ø": Gesture(0.17, 0.38, 0.8),
    "o": Gesture(0.22, 0.42, 0.85),
    "ɤ": Gesture(0.42, 0.4, 0.0, 0.2),
    "ə": Gesture(0.42, 0.36),
    "ɘ": Gesture(0.42, 0.36),
    "ɜ": Gesture(0.5, 0.45),
    "ɞ": Gesture(0.5, 0.5, 0.3),
    "ɚ": Gesture(0.42, 0.36, 0.2),
    "ɪ": Gesture(0.34, 0.28, 0.0, 0.6),
    "i": Gesture(0.28, 0.18, 0.0, 1.0),
    "ɨ": Gesture(0.26, 0.2, 0.0, 0.4),
    "ɯ": Gesture(0.24, 0.2, 0.0, 0.4),
    "ᵻ": Gesture(0.32, 0.26, 0.0, 0.4),
    "y": Gesture(0.05, 0.16, 1.0),
    "ʏ": Gesture(0.1, 0.22, 0.85),
    "ʊ": Gesture(0.12, 0.26, 0.8),
    "u": Gesture(0.05, 0.18, 1.0),
    "ʉ": Gesture(0.06, 0.18, 0.9),
    "ɵ": Gesture(0.2, 0.33, 0.7),
}
_CONSONANTS = {
    "pbmʙɓ": _BILABIAL,
    "fvɱⱱ": _LABIODENTAL,
    "ʋ": Gesture(0.12, 0.15, 0.0, 0.1, 2.0, 1.0, tuck=0.5),
    "βɸ": Gesture(0.04, 0.15, 0.1, 0.0, 3.0, 1.0, press=0.4),
    "tdnɗʈɖɳ": _ALVEOLAR,
    "θð": Gesture(0.22, 0.14, 0.0, 0.1, 0.9, 1.5),
    "sz": _SIBILANT,
    "ɕʑç": _PALATAL_SIBILANT,
    "ʃʒʂʐ": _POSTALVEOLAR,
    "lɭɫɬɮʎ": Gesture(0.36, 0.3, 0.0, 0.1, 0.5, 0.8),
    "rɾɹɻɽ": _RHOTIC,
    "kɡgŋxɣqɢχʁʀɴɰ": _VELAR,
    "hɦħʕʔ": _GLOTTAL,
    "wʍ": _LABIOVELAR,
    "ɥ": Gesture(0.03, 0.15, 1.0, 0.0, 1.5, 0.8),
    "jɲcɟʝ": Gesture(0.26, 0.18, 0.0, 0.7, 0.7, 0.8),
}
GESTURES = _VOWELS | {symbol: gesture for symbols, gesture in _CONSONANTS.items() for symbol in symbols}

_VOWEL_REACH, _CONSONANT_REACH, _REST_REACH = 0.060, 0.035, 0.080
"""Seconds in which a phone's dominance falls to 1/e outside its own time."""
_CLOSING_TIME, _OPENING_TIME = 0.25, 0.18
"""Seconds after the last sound before a mouth has come to rest, and before the first in which it gets ready."""
_LONG_PAUSE = 60.0
_PARTED, _PARTED_PAUSE = 0.2, 0.7
"""Between phrases lips stay parted: this far in the shortest of pauses, not at all in one of so many seconds."""
_BLEND_SIGMA, _CONTACT_SIGMA = 0.022, 0.012
"""Seconds: what the mass of jaw and lips smooths away; contact is faster than shape."""
_OPENING_DELAY = 0.010
"""Seconds after a stop's burst at which the lips have visibly parted."""
_LOUDNESS_EXPONENT, _LOUDNESS_RANGE = 0.35, (0.55, 1.25)
_LOUDNESS_SIGMA, _LOUDNESS_RATE = 0.06, 200


@dataclass(frozen=True)
class _Span:
    symbol: str
    gesture: Gesture
    start: float
    end: float
    release: float
    reach: float

    @property
    def plateau(self) -> tuple[float, float]:
        """When the phone's dominance is full: its middle half; of a pause, what closing and opening leave of it."""
        if self.symbol != _PAUSE:
            margin = (self.end - self.start) / 4
            return self.start + margin, self.end - margin
        squeeze = min(1, (self.end - self.start) / (_CLOSING_TIME + _OPENING_TIME))
        return self.start + squeeze * _CLOSING_TIME, self.end - squeeze * _OPENING_TIME


def articulation(utterance: Utterance, times: np.ndarray) -> np.ndarray:
    """float32 `[len(times), len(CHANNELS)]`: the mouth at `times` (seconds, evenly spaced) while `utterance` is spoken.

    Times before 0 and after the end are silence, in which the mouth opens early and closes late.
    """
    step = times[1] - times[0]
    spans = [span for phone in with_silence_around(utterance) for span in _spans(phone)]
    shape = gaussian_filter1d(_blend(spans, times), _BLEND_SIGMA / step, axis=0)
    shape[:, :2] *= loudness_factor(utterance, times)[:, None]
    contact = gaussian_filter1d(_contact(spans, times), _CONTACT_SIGMA / step, axis=0)
    return np.concatenate([shape, contact], axis=1).clip(0, 1).astype(np.float32)


def with_silence_around(utterance: Utterance) -> list[Phone]:
    """The phones with adjacent pauses joined into one, and a long pause at both ends."""
    end = utterance.duration
    lead, tail = Phone("", -_LONG_PAUSE, 0, 0), Phone("", end, end + _LONG_PAUSE, end)
    joined: list[Phone] = []
    for phone in (lead, *utterance.phones, tail):
        if joined and not joined[-1].ipa and not phone.ipa:
            joined[-1] = replace(joined[-1], end=phone.end)
        else:
            joined.append(phone)
    return joined


def loudness_factor(utterance: Utterance, times: np.ndarray) -> np.ndarray:
    """`[T]`: how much wider than its target a mouth opens, as the syllable is louder than most of the utterance."""
    hop = utterance.rate // _LOUDNESS_RATE
    blocks = utterance.samples[: len(utterance.samples) // hop * hop].reshape(-1, hop)
    energy = gaussian_filter1d(np.square(blocks).mean(1), _LOUDNESS_SIGMA * _LOUDNESS_RATE)
    level = np.sqrt(np.interp(times, (np.arange(len(energy)) + 0.5) / _LOUDNESS_RATE, energy))
    loud = np.percentile(level, 80) + 1e-6
    return ((level / loud) ** _LOUDNESS_EXPONENT).clip(*_LOUDNESS_RANGE)


def symbols_of(ipa: str) -> list[str]:
    """The known IPA letters of a phone in order: "ˈaɪ" -> ["a", "ɪ"]; an h after another letter is aspiration only."""
    letters = [c for c in unicodedata.normalize("NFD", ipa) if c in GESTURES]
    return [c for k, c in enumerate(letters) if c != "h" or k == 0]


def _spans(phone: Phone) -> list[_Span]:
    if not phone.ipa.strip("ˈˌ"):
        return [_Span(_PAUSE, _resting(phone.end - phone.start), phone.start, phone.end, phone.end, _REST_REACH)]
    symbols = symbols_of(phone.ipa)
    if not symbols:
        return [_Span("", _NEUTRAL, phone.start, phone.end, phone.end, _CONSONANT_REACH)]
    edges = np.linspace(phone.start, phone.end, len(symbols) + 1)
    return [
        _Span(s, GESTURES[s], a, b, _release(s, b, phone), _VOWEL_REACH if s in _VOWELS else _CONSONANT_REACH)
        for s, (a, b) in zip(symbols, pairwise(edges), strict=True)
    ]


def _resting(pause: float) -> Gesture:
    parted = _PARTED * max(0, 1 - pause / _PARTED_PAUSE)
    return Gesture(parted, parted)


def _release(symbol: str, end: float, phone: Phone) -> float:
    return min(phone.release + _OPENING_DELAY, end) if symbol in STOPS else end


def _blend(spans: list[_Span], times: np.ndarray) -> np.ndarray:
    """`[T, 4]`: opening, jaw, rounding, spread."""
    starts, ends = np.array([s.plateau for s in spans]).T
    outside = np.maximum(starts - times[:, None], times[:, None] - ends).clip(0)
    dominance = np.exp(-outside / np.array([s.reach for s in spans]))
    targets = np.array([[getattr(s.gesture, channel) for channel in CHANNELS[:4]] for s in spans])
    lips, jaw = (np.array([getattr(s.gesture, f"{part}_weight") for s in spans]) for part in ("lips", "jaw"))
    weights = np.stack([lips, jaw, lips, lips], axis=1)
    return (dominance @ (weights * targets)) / (dominance @ weights + 1e-9)


def _contact(spans: list[_Span], times: np.ndarray) -> np.ndarray:
    """`[T, 2]`: press and tuck, 1 while the lips touch each other or the teeth."""
    contact = np.zeros((len(times), 2))
    for span in spans:
        inside = (times >= span.start) & (times < span.release)
        contact[inside] = np.maximum(contact[inside], [getattr(span.gesture, channel) for channel in CHANNELS[4:]])
    return contact
