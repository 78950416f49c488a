"""Where the thresholds of the pre-flight checks come from: real media, spoiled step by step."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from apvgen.audio2face import load_voice_model
from apvgen.config import Limits
from apvgen.fda import STABLE_LANDMARKS
from apvgen.keypoints import load_detector
from apvgen.media import VideoReader, read_audio
from apvgen.preflight.finding import median_height
from apvgen.preflight.sound import voice_over_background
from apvgen.preflight.steadiness import kick, tremble
from apvgen.types import Audio, Motion
from benchmarks._inputs import real_media

FPS, FRAMES = Fraction(25), 50
SIDES = (640, 320, 256, 192, 128, 96)
NOISE_SHARES = (0.0, 0.01, 0.02, 0.04)
BELOW_DB = (30, 20, 15, 10, 5, 0)
RATE = 16000
WINDOW = 13


def run() -> dict[str, object]:
    """Errors of a shrunk dancer's face by its height, tremble read of planted noise, and lips under music and noise."""
    inputs = real_media()
    if inputs is None:
        return {"skipped": "no real media beside the repository"}
    detector = load_detector("mediapipe")
    motions = {
        side: detector.detect_video(VideoReader(inputs["driving"], FPS, Limits(), side, FRAMES))
        for side in (None, *SIDES)
    }
    voice = read_audio(inputs["voice"], Limits(), RATE)
    return {
        "faces": [_shrunk(motions[side], motions[None]) for side in SIDES],
        "tremble_by_planted_share": {share: _tremble(motions[None], share) for share in NOISE_SHARES},
        "lips_under_noise": _lips(motions[None], voice, np.random.default_rng(0).normal(size=voice.samples.shape[1])),
        "lips_under_chords": _lips(motions[None], voice, chords(voice.samples.shape[1])),
    }


def _shrunk(small: Motion, full: Motion) -> dict[str, float]:
    """Landmarks and face size of a smaller video against the full one's."""
    scale = full.hw[0] / small.hw[0]
    both = small.face.frames_seen & full.face.frames_seen
    mine, true = small.face.xy[both] * scale, full.face.xy[both]
    height = np.ptp(true[..., 1], axis=1)
    error = np.linalg.norm(mine - true, axis=-1) / height[:, None]
    size = np.log(_spread(mine) / _spread(true))
    return {
        "face_height_px": round(median_height(small.face), 1),
        "landmark_error_percent": round(100 * float(np.median(error)), 2),
        "size_flicker_percent": round(100 * float(np.sqrt(np.mean(np.diff(size) ** 2))), 2),
        "share_missed": round(1 - float(small.face.frames_seen.mean()), 3),
    }


def _spread(face: np.ndarray) -> np.ndarray:
    """Size `[T]` of faces `[T, N, 2]`, from the landmarks that the alignment uses."""
    return np.sqrt(face[:, list(STABLE_LANDMARKS)].var(1).sum(-1))


def _tremble(motion: Motion, share: float) -> float:
    """Median deviation read, in face heights, when noise of `share` is planted on the body."""
    unit = median_height(motion.face)
    noise = np.random.default_rng(0).normal(0, share * unit, motion.body.xy.shape)
    return round(float(np.median(tremble(kick(motion.body.xy + noise), WINDOW))) / unit, 4)


def _lips(motion: Motion, voice: Audio, sound: np.ndarray) -> dict[int, dict[str, float]]:
    """By decibels below the speech: what the check reads, and how the lips correlate with the clean voice's."""
    clean = voice.mono.astype(float)
    blocks = clean[: len(clean) // 1600 * 1600].reshape(-1, 1600)
    speech = np.sqrt(np.percentile((blocks**2).mean(1), 75))
    openings = _opening(motion, clean)
    result = {}
    for below in BELOW_DB:
        mixed = clean + sound * speech * 10 ** (-below / 20)
        over, _ = voice_over_background(_audio(mixed))
        correlation = np.corrcoef(_opening(motion, mixed), openings)[0, 1]
        result[below] = {"read_db": round(float(np.median(over)), 1), "correlation": round(float(correlation), 3)}
    return result


def _opening(motion: Motion, samples: np.ndarray) -> np.ndarray:
    face = np.concatenate([motion.face.xy[0], motion.face.depth[0][:, None]], -1)
    audio = _audio(samples)
    return load_voice_model().animate(audio, face, FPS, int(audio.duration * FPS), 0).opening


def _audio(samples: np.ndarray) -> Audio:
    return Audio((samples / max(1, np.abs(samples).max()))[None].astype(np.float32), RATE)


def chords(count: int) -> np.ndarray:
    """Four chords in turn, a second each, float64 `[count]` of unit power."""
    t = np.arange(count) / RATE
    roots = np.array([220, 196, 175, 262])[(t % 4).astype(int)]
    sound = sum(
        np.sin(2 * np.pi * root * k * t) / k for root in (roots, 1.26 * roots, 1.5 * roots) for k in range(1, 8)
    )
    return sound / sound.std()
