"""The built-in voice model: a small network and the reference person's own mesh. Runs offline on any computer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from apvgen.audio2face import expression, features
from apvgen.audio2face.articulation import CHANNELS, at_frames
from apvgen.audio2face.mesh import FaceRig, load_fields
from apvgen.types import Audio, VoiceFace

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "voice"
_CHUNK = 1024
_TAIL = 50
"""Log-mel frames of silence after the sound, in which the mouth comes to rest."""
_QUIET_PERCENTILE = 5
_QUIET, _SHORTEST_PAUSE = -1.3, 0.15
"""A pause: the loudest band stays this far (in units of 20 dB) below the speech for so many seconds."""


class BuiltinVoice:
    """An `Audio2Face` that follows any voice in any language."""

    name = "builtin"

    def __init__(self, folder: Path = ASSETS) -> None:
        """Load the weights. Raises MissingModelError when a file is absent or does not fit."""
        from apvgen.audio2face.network import load_network

        self._network, self.version = load_network(folder)
        self._fields = load_fields(folder)

    def mouth(self, mel: np.ndarray) -> np.ndarray:
        """float32 `[ceil(T / 2), len(CHANNELS)]` in [0, 1] at FRAME_RATE for log-mel `[T, BANDS]`.

        Computed in chunks with enough context that the result does not depend on where they are cut.
        """
        import torch

        reach = self._network.reach
        around = (2 * reach, 2 * reach + len(mel) % 2)
        padded = np.pad(mel, (around, (0, 0)), constant_values=features.SILENCE)
        padded[: around[0]] = padded[len(padded) - around[1] :] = room_tone(mel)
        parts = []
        with torch.inference_mode():
            for start in range(0, (len(mel) + 1) // 2, _CHUNK):
                chunk = padded[2 * start : 2 * (start + _CHUNK + 2 * reach)]
                parts.append(self._network(torch.from_numpy(chunk)[None])[0, reach:-reach].numpy())
        return np.concatenate([*parts, np.zeros((0, len(CHANNELS)), np.float32)])

    def animate(self, audio: Audio, face: np.ndarray, fps: Fraction, frames: int, seed: int) -> VoiceFace:
        """The person of `face` (float32 `[468 or 478, 3]`, pixels and depth, any pose) saying `audio`.

        After the end of the sound the mouth rests. The same seed gives the same bytes. Raises InputError for a mesh or
        sound that cannot be used, NoPersonError for a mesh with gaps.
        """
        rig = FaceRig.of(face, self._fields)
        heard = features.log_mel(audio)
        mel = np.concatenate([heard, np.tile(room_tone(heard), (_TAIL, 1))])
        times = np.arange(frames) / float(fps)
        mouth = at_frames(came_to_rest(self.mouth(mel)), fps, frames)
        blink_rng, brow_rng = np.random.default_rng(seed).spawn(2)
        closure = expression.blinks(times, pause_starts(mel), blink_rng)
        brows = _sampled(expression.brows(mel.mean(1), features.SAMPLE_RATE // features.HOP, brow_rng), times)
        vertices = np.empty((frames, len(rig.rest), 3), np.float32)
        for start in range(0, frames, _CHUNK):
            part = slice(start, start + _CHUNK)
            talking = rig.articulate(mouth[part])
            vertices[part] = rig.raise_brows(rig.close_lids(talking, closure[part]), brows[part])
        rotation = np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1))
        return VoiceFace(vertices, rotation, rig.gap(vertices).astype(np.float32), fps)


def room_tone(mel: np.ndarray) -> np.ndarray:
    """float32 `[BANDS]`: log-mel `[T, BANDS]` in its quietest moments, which go on before and after the sound."""
    return np.percentile(mel, _QUIET_PERCENTILE, axis=0).astype(np.float32)


def came_to_rest(mouth: np.ndarray) -> np.ndarray:
    """The mouth `[N, channels]` faded to rest over its last _TAIL log-mel frames."""
    fade = np.minimum(1, np.arange(len(mouth))[::-1] / (_TAIL / 2))
    return mouth * fade[:, None].astype(np.float32)


def pause_starts(mel: np.ndarray) -> np.ndarray:
    """Seconds at which the voice falls silent for a while."""
    quiet = np.concatenate([[0], (mel.max(1) < _QUIET).astype(int), [0]])
    starts, ends = (np.flatnonzero(np.diff(quiet) == step) for step in (1, -1))
    rate = features.SAMPLE_RATE / features.HOP
    return starts[ends - starts >= _SHORTEST_PAUSE * rate] / rate


def _sampled(curve: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.interp(times * features.SAMPLE_RATE / features.HOP, np.arange(len(curve)), curve)
