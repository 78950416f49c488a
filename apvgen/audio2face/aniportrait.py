"""AniPortrait's two networks as a voice model: sound of any length in, a talking face and head motion out.

The numbers are the original's (Zejun-Yang/AniPortrait, `scripts/audio2vid.py` at 7f6593f) for sound that fits in one
window; longer sound is cut into windows that overlap, where the original jumps every 5 s.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import torch
from transformers import Wav2Vec2Config

from apvgen.audio2face import landmarks as lm
from apvgen.audio2face.audio2mesh import Audio2Mesh
from apvgen.audio2face.audio2pose import IDENTITIES, Audio2Pose
from apvgen.audio2face.face_geometry import metric_face_of_mesh
from apvgen.audio2face.features import to_model_rate
from apvgen.audio2face.mesh import lip_gap
from apvgen.audio2face.projection import pose_matrices, seen_from_front, smooth
from apvgen.audio2face.wav2vec import SAMPLE_RATE, normalised
from apvgen.audio2face.windows import cover, crossfade, sampled
from apvgen.errors import CheckpointError, MissingModelError
from apvgen.model.weights import StateDict, load_exactly, read_state_dict
from apvgen.types import FRAMES_AT_ONCE, Audio, VoiceFace

MESH_WEIGHTS, POSE_WEIGHTS = "audio2mesh", "audio2pose"
SPEECH_CONFIG = Path("wav2vec2-base-960h") / "config.json"
"""Where the original keeps it, beside the weights; a download puts it beside their folder. Without it, wav2vec 2.0
base is meant."""

_FPS = 30
"""Frames a second that the networks were trained at; other rates are sampled from it."""
_MESH_WINDOW, _MESH_OVERLAP = 20 * _FPS, 2 * _FPS
"""Frames. Attention and memory of the speech encoder grow with a window's length; 20 s need about 0.4 GB."""
_POSE_WINDOW, _POSE_OVERLAP = 10 * _FPS, _FPS
"""Frames: the original's longest chunk. Poses are relative to a chunk's start, so a fade leads back to the centre."""
_FEWEST = _FPS
"""Frames: the encoder normalises over what it hears, and less than a second tells it nothing."""
_ANGLE_SHARE, _SMOOTHING = 0.5, 7
"""The original's calming of the head: share of the angles, frames of the running mean."""
_REFERENCE_AXES = np.array([1, -1, -1], np.float32)
"""Metric space is y up and z towards the camera, a `VoiceFace` y down and z away."""


class AniPortraitVoice:
    """An `Audio2Face` with the published networks, or others of their kind."""

    name = "aniportrait"

    def __init__(self, mesh: Audio2Mesh, pose: Audio2Pose, version: str) -> None:
        self._mesh, self._pose = mesh.eval(), pose.eval()
        self.version = version

    def animate(self, audio: Audio, face: np.ndarray, fps: Fraction, frames: int, seed: int) -> VoiceFace:
        """The person of `face` (float32 `[468 or 478, 3]`, pixels and depth, any pose) saying `audio`.

        The sound goes on as silence until the last frame. Vertices are in centimetres, spread by the perspective of a
        camera as near as the reference's. `seed`, modulo 100, is the original's id_seed: the person of the training
        data whose way of moving the head has. The original's head translation is left out: the driving video moves it.
        Raises InputError for a mesh or sound that cannot be used, NoPersonError for a mesh with gaps.
        """
        person = metric_face_of_mesh(face)
        step = Fraction(_FPS) / fps
        heard = padded(audio, max(_FEWEST, ceil(frames * step), ceil((frames - 1) * step) + 1))
        vertices = self._offsets(heard, frames, step)
        for start in range(0, frames, FRAMES_AT_ONCE):
            part = slice(start, start + FRAMES_AT_ONCE)
            vertices[part] = seen_from_front(person.vertices + vertices[part], person.distance)
        at_rest = seen_from_front(person.vertices, person.distance)
        height = at_rest[lm.CHIN, 1] - at_rest[lm.FOREHEAD, 1]
        rotation = self._rotation(heard, frames, step, seed % IDENTITIES)
        return VoiceFace(vertices, rotation, (lip_gap(vertices) / height).astype(np.float32), fps)

    def _offsets(self, heard: np.ndarray, frames: int, step: Fraction) -> np.ndarray:
        """float32 `[frames, 468, 3]`, centimetres in metric space."""

        def of_window(window: range) -> np.ndarray:
            return self._run(self._mesh, _samples(heard, window), len(window))

        windows = cover(_frames(heard), _MESH_WINDOW, _MESH_OVERLAP)
        return crossfade(windows, _MESH_OVERLAP, of_window, frames, step)

    def _rotation(self, heard: np.ndarray, frames: int, step: Fraction, identity: int) -> np.ndarray:
        """float32 `[frames, 3, 3]` in the axes of a `VoiceFace`."""

        def of_window(window: range) -> np.ndarray:
            return self._run(self._pose, _samples(heard, window), len(window), identity)

        count = _frames(heard)
        poses = crossfade(cover(count, _POSE_WINDOW, _POSE_OVERLAP), _POSE_OVERLAP, of_window, count, Fraction(1))
        poses[:, :3] *= _ANGLE_SHARE
        places = np.arange(frames) * step.numerator / step.denominator
        rotation = pose_matrices(sampled(smooth(poses, _SMOOTHING), places))[:, :3, :3]
        return (_REFERENCE_AXES[:, None] * rotation * _REFERENCE_AXES).astype(np.float32)

    @staticmethod
    def _run(network: torch.nn.Module, samples: np.ndarray, frames: int, *identity: int) -> np.ndarray:
        device = next(network.parameters()).device
        with torch.inference_mode():
            known = [torch.tensor([number], device=device) for number in identity]
            return network(torch.from_numpy(samples)[None].to(device), frames, *known)[0].cpu().numpy()


def load_aniportrait(folder: Path, device: str = "cpu") -> AniPortraitVoice:
    """The networks of `audio2mesh` and `audio2pose` (.safetensors, or .pt as published) in `folder`.

    Raises MissingModelError (or its CheckpointError) when a file is absent, damaged, or holds another network.
    """
    config = _speech_config((folder / SPEECH_CONFIG, folder.parent / SPEECH_CONFIG))
    paths = [_weights_file(folder, name) for name in (MESH_WEIGHTS, POSE_WEIGHTS)]
    mesh, pose = (
        _load(network, config, path, device) for network, path in zip((Audio2Mesh, Audio2Pose), paths, strict=True)
    )
    return AniPortraitVoice(mesh, pose, _fingerprint(paths))


def padded(audio: Audio, frames: int) -> np.ndarray:
    """float32 `[frames * SAMPLE_RATE / 30]`: normalised sound, cut or followed by silence.

    Zeros are how wav2vec 2.0 base saw the ends of sounds when it was trained.
    """
    heard = to_model_rate(audio)
    needed = frames * SAMPLE_RATE // _FPS
    if heard.size:
        heard = normalised(heard)[:needed]
    return np.pad(heard, (0, needed - len(heard)))


def _frames(heard: np.ndarray) -> int:
    return ceil(len(heard) * _FPS / SAMPLE_RATE)


def _samples(heard: np.ndarray, window: range) -> np.ndarray:
    return heard[window.start * SAMPLE_RATE // _FPS : window.stop * SAMPLE_RATE // _FPS]


def _weights_file(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.safetensors", folder / f"{name}.pt"):
        if path.is_file():
            return path
    raise MissingModelError(
        f"{folder / name}.pt is absent: the voice model aniportrait needs {MESH_WEIGHTS}.pt and {POSE_WEIGHTS}.pt of "
        "ZJYang/AniPortrait on the model hub; put both there, or choose the voice model builtin."
    )


def _speech_config(places: tuple[Path, ...]) -> Wav2Vec2Config:
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return Wav2Vec2Config()
    try:
        return Wav2Vec2Config.from_json_file(path)
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} describes no wav2vec 2.0 encoder ({error}); get it again or remove it."
        ) from error


def _load(
    network: type[Audio2Mesh] | type[Audio2Pose], config: Wav2Vec2Config, path: Path, device: str
) -> Audio2Mesh | Audio2Pose:
    state = read_state_dict(path, device, torch.float32)
    with torch.device("meta"):
        model = network(config, _width(state, path))
    load_exactly(model, state, str(path))
    return model


def _width(state: StateDict, path: Path) -> int:
    if "in_fn.bias" not in state:
        raise CheckpointError(f"{path} holds another network: in_fn.bias is missing; use the published weights.")
    return state["in_fn.bias"].numel()


def _fingerprint(paths: list[Path]) -> str:
    """Changes with the weights."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
