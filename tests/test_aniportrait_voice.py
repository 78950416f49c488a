"""AniPortrait as a voice model: any length of sound, no seams, seeds, frame rates, and files that cannot be used."""

import json
import tracemalloc
from fractions import Fraction
from itertools import pairwise
from math import pi

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation
from test_aniportrait_networks import filled
from tiny_aniportrait import make_tiny_aniportrait, tiny_networks
from torch import nn
from transformers import Wav2Vec2Config

from apvgen.audio2face import landmarks as lm
from apvgen.audio2face import load_voice_model
from apvgen.audio2face.aniportrait import SPEECH_CONFIG, AniPortraitVoice
from apvgen.audio2face.audio2mesh import Audio2Mesh
from apvgen.audio2face.audio2pose import Audio2Pose
from apvgen.audio2face.face_geometry import canonical_face, metric_face_of_mesh, procrustes
from apvgen.audio2face.mesh import frontal
from apvgen.audio2face.projection import pose_matrices, seen_from_front, smooth
from apvgen.audio2face.windows import cover, crossfade, sampled
from apvgen.errors import CheckpointError, InputError, MissingModelError, NoPersonError
from apvgen.types import Audio

FPS = Fraction(25)
NATIVE = Fraction(30)
RATE = 16000
FLIP = np.array([1, -1, -1])


def speechlike(seconds: float, rate: int = RATE) -> Audio:
    """Dull noise in syllables, louder and softer four times a second."""
    count = round(seconds * rate)
    noise = gaussian_filter1d(np.random.default_rng(0).standard_normal(count), 2) if count else np.zeros(0)
    loudness = 1 + np.sin(np.arange(count) * (2 * np.pi * 4 / rate))
    return Audio((0.2 * loudness * noise)[None].astype(np.float32), rate)


def steps(sequence: np.ndarray) -> np.ndarray:
    """`[T - 1]`: how far the sequence moves from frame to frame."""
    return np.linalg.norm(np.diff(sequence.reshape(len(sequence), -1), axis=0), axis=1)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """The canonical face as if detected: pixels, y down, depth away from the camera."""
    vertices, _ = canonical_face()
    return (vertices * FLIP * 20 + 300).astype(np.float32)


@pytest.fixture(scope="module")
def voice() -> AniPortraitVoice:
    return AniPortraitVoice(*tiny_networks(), version="tiny")


class Still(nn.Module):
    """A network that says nothing and remembers how much it was given to hear."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.heard, self.place = shape, [], nn.Parameter(torch.zeros(1))

    def forward(self, samples: torch.Tensor, frames: int, *_: torch.Tensor) -> torch.Tensor:
        self.heard.append(samples.shape[1])
        return torch.zeros(1, frames, *self.shape)


class Moody(Still):
    """A network that says one thing for a whole window and another for the next: 0, then `level`, then 0 again."""

    def __init__(self, shape: tuple[int, ...], level: float) -> None:
        super().__init__(shape)
        self.level = level

    def forward(self, samples: torch.Tensor, frames: int, *_: torch.Tensor) -> torch.Tensor:
        return super().forward(samples, frames) + self.level * (len(self.heard) % 2 == 0)


# --- windows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [1, 29, 30, 31, 299, 300, 301, 570, 571, 5400])
def test_windows_cover_everything_with_the_same_overlap(total):
    windows = cover(total, longest=300, overlap=30)
    assert windows[0].start == 0
    assert windows[-1].stop == total
    assert all(before.stop - after.start == 30 for before, after in pairwise(windows))
    assert max(map(len, windows)) <= 300
    assert max(map(len, windows)) - min(map(len, windows)) <= 1


def test_windows_that_agree_are_joined_without_a_trace():
    windows = cover(1000, 300, 30)
    truth = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    joined = crossfade(windows, 30, lambda window: truth[window.start : window.stop], 1000, Fraction(1))
    assert np.allclose(joined, truth, atol=1e-6)


def test_windows_that_disagree_are_joined_by_a_slope_as_long_as_the_overlap():
    windows = cover(1000, 300, 30)
    levels = {window: float(n % 2) for n, window in enumerate(windows)}
    joined = crossfade(windows, 30, lambda window: np.full((len(window), 1), levels[window]), 1000, Fraction(1))
    assert {0.0, 1.0} <= set(joined.ravel().tolist())
    assert steps(joined).max() <= pi / 2 / 29 + 1e-6


def test_sampling_between_entries_follows_a_smooth_curve_and_keeps_the_entries():
    windows = cover(300, 100, 20)
    curve = np.sin(np.arange(301) / 5)[:, None]
    places = np.arange(250) * 1.2
    joined = crossfade(windows, 20, lambda window: curve[window.start : window.stop], 250, Fraction(6, 5))
    assert np.abs(joined[:, 0] - np.sin(places / 5)).max() < 2e-3
    assert np.array_equal(sampled(curve, np.array([0.0, 7.0])), curve[[0, 7]])


# --- the original's numbers -------------------------------------------------------------------------------------------


@pytest.mark.golden
def test_sound_that_fits_a_window_gives_the_originals_face_and_head(golden, face):
    config = Wav2Vec2Config(**json.loads((golden / "configs" / "wav2vec2_small.json").read_text()))
    mesh, pose = (np.load(golden / "aniportrait" / f"{name}_small.npz") for name in ("audio2mesh", "audio2pose"))
    voice = AniPortraitVoice(
        filled(Audio2Mesh(config, 64), golden, int(mesh["seed"])),
        filled(Audio2Pose(config, 64), golden, int(pose["seed"])),
        version="golden",
    )
    talking = voice.animate(Audio(mesh["waveform"][None], RATE), face, NATIVE, 69, seed=int(pose["id_seed"]))
    person = metric_face_of_mesh(face)
    expected = seen_from_front(person.vertices + mesh["output"].reshape(69, 468, 3), person.distance)
    assert np.abs(talking.vertices - expected).max() < 1e-4
    calmed = pose["output"][0] * [0.5, 0.5, 0.5, 1, 1, 1]
    turned = FLIP[:, None] * pose_matrices(smooth(calmed, 7))[:, :3, :3] * FLIP
    assert np.abs(talking.rotation - turned).max() < 1e-4


# --- any length -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.04, 1.0, 4.9, 5.0, 10.0, 10.03, 20.0, 20.1])
def test_any_length_of_sound_becomes_as_many_frames(voice, face, seconds):
    frames = max(1, int(seconds * FPS))
    talking = voice.animate(speechlike(seconds), face, FPS, frames, seed=0)
    assert len(talking) == frames
    assert np.isfinite(talking.vertices).all()
    assert np.allclose(np.linalg.det(talking.rotation), 1, atol=1e-4)
    assert np.allclose(talking.rotation @ talking.rotation.swapaxes(1, 2), np.eye(3), atol=1e-4)


@pytest.mark.parametrize(("seconds", "frames"), [(0, 30), (0, 0), (1, 250), (8, 50)])
def test_sound_may_be_empty_or_shorter_or_longer_than_the_clip(voice, face, seconds, frames):
    talking = voice.animate(speechlike(seconds), face, FPS, frames, seed=0)
    assert talking.vertices.shape == (frames, 468, 3)
    assert np.isfinite(talking.vertices).all()


def test_the_face_moves_with_the_sound_and_rests_after_it(voice, face):
    talking = voice.animate(speechlike(2), face, FPS, 150, seed=0)
    moving = steps(talking.vertices)
    assert moving[5:45].mean() > 20 * moving[70:145].mean()


def test_no_seam_shows_where_windows_disagree(face):
    """Every second window holds everything 1 cm, or 20 degrees, away: the face and the head glide there and back."""
    voice = AniPortraitVoice(Moody((468, 3), 1), Moody((6,), 20), "moody")
    talking = voice.animate(speechlike(50), face, NATIVE, 1500, seed=0)
    depth = talking.vertices[:, lm.NOSE_TIP, 2]
    assert np.isclose(np.ptp(depth), 1, atol=1e-3)
    assert np.abs(np.diff(depth)).max() < 1.05 * pi / 2 / 59
    turns = Rotation.from_matrix(talking.rotation)
    angles = np.degrees((turns[1:] * turns[:-1].inv()).magnitude())
    furthest = np.degrees(turns.magnitude().max())
    assert furthest > 10
    assert angles.max() < 1.05 * furthest * pi / 2 / 29


def peak_memory(voice: AniPortraitVoice, seconds: int, face: np.ndarray) -> int:
    """Bytes that arrays hold at once while so many seconds are animated, the sound itself left out."""
    audio = speechlike(seconds)
    tracemalloc.start()
    voice.animate(audio, face, FPS, int(seconds * FPS), seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_a_long_sound_is_heard_in_pieces_and_only_its_result_grows(face):
    mesh, pose = Still((468, 3)), Still((6,))
    voice = AniPortraitVoice(mesh, pose, "still")
    short, long = (peak_memory(voice, seconds, face) for seconds in (60, 180))
    assert max(mesh.heard) <= 20 * RATE
    assert max(pose.heard) <= 10 * RATE
    grown_result = 120 * int(FPS) * 468 * 3 * 4
    grown_sound = 120 * RATE * 4
    assert long - short < 1.1 * grown_result + 3 * grown_sound


# --- clock, seeds, units ----------------------------------------------------------------------------------------------


def test_other_frame_rates_show_the_same_moments(voice, face):
    audio = speechlike(3)
    native = voice.animate(audio, face, NATIVE, 90, seed=0)
    slow = voice.animate(audio, face, Fraction(15), 45, seed=0)
    assert np.allclose(slow.vertices, native.vertices[::2], atol=1e-5)
    between = voice.animate(audio, face, FPS, 75, seed=0)
    assert np.allclose(between.vertices[::5], native.vertices[::6], atol=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_another_head(voice, face):
    audio = speechlike(2)
    one, same, other = (voice.animate(audio, face, FPS, 50, seed) for seed in (5, 5, 6))
    assert one.vertices.tobytes() == same.vertices.tobytes()
    assert one.rotation.tobytes() == same.rotation.tobytes()
    assert not np.allclose(one.rotation, other.rotation, atol=1e-4)
    assert np.array_equal(one.vertices, other.vertices)


def test_large_seeds_name_one_of_a_hundred_people(voice, face):
    small, large = (voice.animate(speechlike(1), face, FPS, 25, seed) for seed in (7, 2**40 * 100 + 7))
    assert np.array_equal(small.rotation, large.rotation)


def test_a_recordings_loudness_rate_and_channels_do_not_matter(voice, face):
    import soxr

    audio = speechlike(2)
    louder = Audio(np.repeat(4 * audio.samples, 2, axis=0), RATE)
    faster = Audio(soxr.resample(audio.samples.T, RATE, 48000).T.copy(), 48000)
    expected = voice.animate(audio, face, FPS, 50, seed=0).vertices
    spread = expected.std(0).max()
    assert np.abs(voice.animate(louder, face, FPS, 50, seed=0).vertices - expected).max() < 1e-3 * spread
    assert np.abs(voice.animate(faster, face, FPS, 50, seed=0).vertices - expected).mean() < 0.1 * spread


def test_without_offsets_the_face_is_the_detected_one_turned_to_the_front(golden):
    stored = np.load(golden / "aniportrait" / "face_geometry.npz")
    still = AniPortraitVoice(Still((468, 3)), Still((6,)), "still")
    for landmarks, (height, width) in zip(stored["landmarks"], stored["image_hw"], strict=True):
        detected = (landmarks * [width, height, width]).astype(np.float32)
        talking = still.animate(speechlike(0.1), detected, FPS, 2, seed=0)
        straight = frontal(detected)
        placed = procrustes(straight, talking.vertices[0].astype(float), np.ones(468))
        apart = straight @ placed[:3, :3].T + placed[:3, 3] - talking.vertices[0]
        size = np.linalg.norm(talking.vertices[0, lm.CHIN] - talking.vertices[0, lm.FOREHEAD])
        assert np.linalg.norm(apart[:, :2], axis=1).mean() < 0.015 * size
        assert Rotation.from_matrix(placed[:3, :3] / np.cbrt(np.linalg.det(placed[:3, :3]))).magnitude() < 0.2
        assert np.allclose(talking.rotation, np.eye(3))


def test_opening_is_the_gap_of_the_lips_over_the_height_of_the_face(face):
    talking = AniPortraitVoice(Still((468, 3)), Still((6,)), "still").animate(speechlike(1), face, FPS, 3, seed=0)
    shown = talking.vertices[0, :, :2]
    gap = np.linalg.norm(shown[lm.LIP_UPPER] - shown[lm.LIP_LOWER])
    assert np.allclose(talking.opening, gap / (shown[lm.CHIN, 1] - shown[lm.FOREHEAD, 1]), atol=1e-5)


# --- files and bad input ----------------------------------------------------------------------------------------------


def test_published_files_are_loaded_by_folder(tmp_path, face, voice):
    loaded = load_voice_model("aniportrait", make_tiny_aniportrait(tmp_path / "tiny"))
    assert loaded.name == "aniportrait"
    expected = voice.animate(speechlike(1), face, FPS, 25, seed=0)
    assert np.array_equal(loaded.animate(speechlike(1), face, FPS, 25, seed=0).vertices, expected.vertices)


def test_the_version_names_the_weights(tmp_path):
    folders = [make_tiny_aniportrait(tmp_path / str(n), seed) for n, seed in enumerate((0, 0, 1))]
    one, same, other = (load_voice_model("aniportrait", folder).version for folder in folders)
    assert one == same != other


def test_weights_converted_to_safetensors_are_loaded_too(tmp_path):
    from safetensors.torch import save_file

    folder = make_tiny_aniportrait(tmp_path / "tiny")
    save_file(torch.load(folder / "audio2mesh.pt", weights_only=True), folder / "audio2mesh.safetensors")
    (folder / "audio2mesh.pt").unlink()
    assert load_voice_model("aniportrait", folder).name == "aniportrait"


def test_the_default_folder_is_among_the_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("APVGEN_CHECKPOINTS", str(tmp_path))
    with pytest.raises(MissingModelError, match=r"audio2mesh\.pt is absent") as raised:
        load_voice_model("aniportrait")
    assert str(tmp_path / "aniportrait") in str(raised.value)


def test_weights_of_another_network_are_refused(tmp_path):
    folder = make_tiny_aniportrait(tmp_path / "tiny")
    (folder / "audio2mesh.pt").write_bytes((folder / "audio2pose.pt").read_bytes())
    with pytest.raises(CheckpointError, match=r"audio2mesh\.pt does not fit Audio2Mesh.*out_fn"):
        load_voice_model("aniportrait", folder)
    torch.save({"other": torch.zeros(1)}, folder / "audio2mesh.pt")
    with pytest.raises(CheckpointError, match="holds another network"):
        load_voice_model("aniportrait", folder)


def test_damaged_files_are_refused(tmp_path):
    folder = make_tiny_aniportrait(tmp_path / "tiny")
    (folder / "audio2pose.pt").write_bytes((folder / "audio2pose.pt").read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"audio2pose\.pt"):
        load_voice_model("aniportrait", folder)
    (folder / SPEECH_CONFIG).write_text("{")
    with pytest.raises(CheckpointError, match="no wav2vec"):
        load_voice_model("aniportrait", folder)


def test_unusable_sound_and_faces_are_refused(voice, face):
    with pytest.raises(InputError, match="not numbers"):
        voice.animate(Audio(np.full((1, 800), np.nan, np.float32), RATE), face, FPS, 2, seed=0)
    with pytest.raises(NoPersonError, match="complete face"):
        voice.animate(speechlike(1), np.full((468, 3), np.nan, np.float32), FPS, 2, seed=0)


def test_its_architecture_is_found_where_a_download_puts_it(tmp_path):
    folder = make_tiny_aniportrait(tmp_path / "tiny")
    (folder / SPEECH_CONFIG.parent).rename(tmp_path / SPEECH_CONFIG.parent)
    assert load_voice_model("aniportrait", folder).name == "aniportrait"


def test_without_its_architecture_the_published_size_is_meant(tmp_path):
    folder = make_tiny_aniportrait(tmp_path / "tiny")
    (folder / SPEECH_CONFIG).unlink()
    with pytest.raises(CheckpointError, match=r"audio2mesh\.pt does not fit"):
        load_voice_model("aniportrait", folder)
