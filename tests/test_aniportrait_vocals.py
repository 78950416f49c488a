"""Isolating the voice before a voice model hears it: blocks without seams, Demucs when it is there, words when not."""

import sys
from fractions import Fraction

import numpy as np
import pytest
import torch

from apvgen.audio2face import load_voice_model
from apvgen.audio2face.vocals import VocalsFirst, isolated, with_vocals_only
from apvgen.errors import MissingModelError
from apvgen.types import Audio, VoiceFace


class Centre:
    """A separator for which the voice is what both channels share; remembers how long the blocks were."""

    samplerate, audio_channels = 8000, 2

    def __init__(self) -> None:
        self.blocks = []

    def separate_tensor(self, wav: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        self.blocks.append(tuple(wav.shape))
        return wav, {"vocals": wav.mean(0, keepdim=True).repeat(2, 1), "other": wav - wav.mean(0)}


class Echo:
    """A voice model that keeps what it hears."""

    name, version = "echo", "1"

    def animate(self, audio: Audio, face: np.ndarray, fps: Fraction, frames: int, seed: int) -> VoiceFace:
        self.heard, self.asked = audio, (fps, frames, seed)
        rest = np.zeros((frames, 468, 3), np.float32)
        return VoiceFace(rest, np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1)), rest[:, 0, 0], fps)


def mixture(seconds: float, rate: int) -> tuple[Audio, np.ndarray]:
    """A 200 Hz voice in the centre and noise at the sides; and the voice alone."""
    time = np.arange(round(seconds * rate)) / rate
    voice = np.sin(2 * np.pi * 200 * time)
    side = np.random.default_rng(0).standard_normal(len(time))
    return Audio(np.stack([voice + side, voice - side]).astype(np.float32), rate), voice


@pytest.mark.parametrize("seconds", [0.5, 60, 61.3, 150.25])
def test_blocks_are_joined_to_the_voice_alone(seconds):
    audio, voice = mixture(seconds, 8000)
    alone = isolated(audio, Centre())
    assert alone.rate == 8000
    assert alone.samples.shape == (1, len(voice))
    assert np.abs(alone.samples[0] - voice).max() < 1e-3


def test_blocks_are_bounded_however_long_the_sound_is():
    separator = Centre()
    isolated(mixture(200, 8000)[0], separator)
    assert len(separator.blocks) > 3
    assert max(samples for _, samples in separator.blocks) <= 60 * 8000


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channels_are_brought_to_the_separators(channels):
    separator = Centre()
    time = np.arange(3 * 22050) / 22050
    audio = Audio(np.repeat(np.sin(2 * np.pi * 200 * time)[None], channels, 0).astype(np.float32), 22050)
    alone = isolated(audio, separator)
    assert separator.blocks == [(2, 3 * 8000)]
    expected = np.sin(2 * np.pi * 200 * np.arange(3 * 8000) / 8000)
    assert np.abs(alone.samples[0] - expected)[200:-200].max() < 1e-2


def test_no_sound_stays_no_sound():
    assert isolated(Audio(np.zeros((2, 0), np.float32), 44100), Centre()).samples.shape == (1, 0)


def test_the_voice_model_hears_the_voice_alone_and_its_version_says_so():
    audio, voice = mixture(2, 8000)
    echo = Echo()
    wrapped = VocalsFirst(echo, Centre(), "centre 1")
    wrapped.animate(audio, np.zeros((468, 3), np.float32), Fraction(25), 50, seed=3)
    assert np.abs(echo.heard.samples[0] - voice).max() < 1e-3
    assert echo.asked == (Fraction(25), 50, 3)
    assert (wrapped.name, wrapped.version) == ("echo", "1 after centre 1")


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "demucs", None)
    with pytest.raises(MissingModelError, match="pip install"):
        load_voice_model("builtin", isolate_vocals=True)


def test_it_is_off_by_default(monkeypatch):
    monkeypatch.setitem(sys.modules, "demucs", None)
    assert load_voice_model("builtin").name == "builtin"


# --- the real package -------------------------------------------------------------------------------------------------


@pytest.fixture
def demucs():
    return pytest.importorskip("demucs", reason="NOT CHECKED: demucs is not installed, so its adapter is unproved here")


def test_weights_that_cannot_be_fetched_are_named(demucs, monkeypatch):
    from demucs import hf

    def offline(name: str) -> None:
        raise OSError("no connection")

    monkeypatch.setattr(hf, "get_hf_model", offline)
    with pytest.raises(MissingModelError, match=r"no connection.*go online"):
        with_vocals_only(Echo())


def test_demucs_itself_runs_behind_a_voice_model(demucs):
    """With the random weights of Demucs's own unit tests: what is heard is not the voice, but it is all there."""
    torch.manual_seed(0)
    echo = Echo()
    wrapped = with_vocals_only(echo, model="demucs_unittest")
    audio = mixture(2.5, 22050)[0]
    heard = []
    for _ in range(2):
        wrapped.animate(audio, np.zeros((468, 3), np.float32), Fraction(25), 10, seed=0)
        heard.append(echo.heard)
    assert heard[0].rate == 44100
    assert heard[0].duration == audio.duration
    assert np.isfinite(heard[0].samples).all()
    assert heard[0].samples.std() > 0
    assert heard[0].samples.tobytes() == heard[1].samples.tobytes()
    assert "demucs_unittest" in wrapped.version
