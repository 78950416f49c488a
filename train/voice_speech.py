"""Speech with known phoneme times, from the espeak-ng library that the package `espeakng-loader` bundles.

espeak-ng (GPL-3) runs only here, when the model is trained; the product ships numbers fitted to its sound, not its code
or data.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

from apvgen.errors import InputError, MissingModelError

# espeak-ng/src/include/espeak-ng/speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_PHONEME_EVENTS_AS_IPA = 0x0001 | 0x0002
_EVENT_LIST_END, _EVENT_PHONEME = 0, 7
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4
_UTF8_WITH_PHONEMES = 1 | 0x100
_SOUND_CHUNK_MS = 200

STOPS = frozenset("pbtdkɡgqcɟʈɖɢ")
_SILENT_SHARE = 0.12
"""Of the peak just before: a closure is silent but for the echo that some voices have."""
_LONGEST_CLOSURE, _SHORTEST_CLOSURE = 0.08, 0.01
_VOICED_BURST = 0.02
"""Seconds. A voiced stop is reported at its closure, and its burst lasts about this long."""


@dataclass(frozen=True)
class Voice:
    """How to speak: espeak-ng voice ("en", "cmn", "fr+f3"), words a minute (80..450), pitch and its range (0..99)."""

    name: str
    speed: int = 160
    pitch: int = 50
    pitch_range: int = 50


@dataclass(frozen=True)
class Phone:
    """One phoneme in IPA ("" is a pause) with its start and end in seconds, and for a stop the time of its burst."""

    ipa: str
    start: float
    end: float
    release: float


@dataclass(frozen=True)
class Utterance:
    """Spoken text: float32 `[N]` in [-1, 1] at `rate` samples a second, and the phones that fill it in order."""

    samples: np.ndarray
    rate: int
    phones: tuple[Phone, ...]

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Synthesizer:
    """The espeak-ng engine. The library holds one global state, so build one of these per process.

    What was spoken before changes the sound a little. The first speech of a process is always the same when a `seed` is
    given, in place of the time of day, to the engine's random numbers.
    """

    def __init__(self, seed: int | None = None) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise MissingModelError(
                "the package espeakng-loader, which speaks the training corpus, is absent: pip install espeakng-loader"
            ) from error
        self._library = ctypes.cdll.LoadLibrary(espeakng_loader.get_library_path())
        self.rate = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, _SOUND_CHUNK_MS, espeakng_loader.get_data_path().encode(), _PHONEME_EVENTS_AS_IPA
        )
        if seed is not None:
            self._library.espeak_ng_SetRandSeed(seed)
        self._sound: list[np.ndarray] = []
        self._onsets: list[tuple[float, str]] = []
        self._callback = _SynthCallback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: Voice) -> Utterance:
        """Say `text`, in which `[[...]]` holds espeak-ng phoneme codes. Raises InputError for an unknown voice."""
        self._sound, self._onsets = [], []
        if self._library.espeak_SetVoiceByName(voice.name.encode()):
            raise InputError(f"espeak-ng has no voice named {voice.name!r}: see the folder lang of its data")
        for parameter, value in ((_RATE, voice.speed), (_PITCH, voice.pitch), (_PITCH_RANGE, voice.pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8_WITH_PHONEMES, None, None)
        samples = np.concatenate([*self._sound, np.zeros(1, np.int16)]).astype(np.float32) / 32768
        return Utterance(samples, self.rate, phones_of(self._onsets, samples, self.rate))

    def _collect(self, samples: ctypes._Pointer, count: int, events: ctypes._Pointer) -> int:
        if count > 0:
            self._sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
        k = 0
        while events[k].type != _EVENT_LIST_END:
            if events[k].type == _EVENT_PHONEME:
                name = bytes(events[k].id.string).split(b"\0")[0]
                self._onsets.append((events[k].audio_position / 1000, name.decode("utf-8", "ignore")))
            k += 1
        return 0


def phones_of(onsets: list[tuple[float, str]], samples: np.ndarray, rate: int) -> tuple[Phone, ...]:
    """Phones from (onset in seconds, IPA) pairs, each lasting until the next, gapless from 0 to the end of the sound.

    espeak-ng reports a voiceless stop at its burst and counts the silent closure before it to the phone before; here
    the closure belongs to the stop.
    """
    bursts = [min(time, len(samples) / rate) for time, _ in onsets]
    starts = bursts.copy()
    for k, (_, ipa) in enumerate(onsets):
        if set(ipa) & STOPS:
            earliest = max(starts[k] - _LONGEST_CLOSURE, starts[k - 1] if k else 0)
            starts[k] -= _silence_before(samples, starts[k], earliest, rate)
    ends = [*starts[1:], len(samples) / rate]
    return tuple(
        Phone(ipa, start, end, burst if burst > start + _SHORTEST_CLOSURE else max(start, end - _VOICED_BURST))
        for (_, ipa), start, end, burst in zip(onsets, starts, ends, bursts, strict=True)
        if end > start
    )


def _silence_before(samples: np.ndarray, time: float, earliest: float, rate: int) -> float:
    before = np.abs(samples[int(earliest * rate) : int(time * rate)])
    loud = np.flatnonzero(before > _SILENT_SHARE * before.max(initial=0))
    return (len(before) - 1 - int(loud[-1] if len(loud) else -1)) / rate
