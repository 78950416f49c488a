"""Music and noise under a voice, planted at known levels."""

from pathlib import Path

import numpy as np
import pytest
from good_case import EXAMPLE, OPTIONS

from apvgen.config import Limits, Options
from apvgen.media import read_audio
from apvgen.preflight.sound import check_voice_sound, voice_over_background
from apvgen.types import Audio

RATE = 16000


@pytest.fixture(scope="module")
def voice() -> Audio:
    return read_audio(EXAMPLE / "voice.wav", Limits(), RATE)


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=count)


def music(count: int) -> np.ndarray:
    """Chords that change every second, eight times a second plucked; unit power."""
    t = np.arange(count) / RATE
    roots = np.array([220, 196, 175, 262])[(t % 4).astype(int)]
    chord = sum(
        np.sin(2 * np.pi * root * k * t) / k for root in (roots, 1.26 * roots, 1.5 * roots) for k in range(1, 6)
    )
    plucked = chord * (0.5 + 0.5 * np.exp(-8 * (8 * t % 1)))
    return plucked / plucked.std()


def under(voice: Audio, sound: np.ndarray, below_db: float, part: slice = slice(None)) -> Audio:
    """The voice with a sound so far below its speech, in a part of it."""
    samples = voice.mono.astype(float)
    blocks = samples[: len(samples) // 1600 * 1600].reshape(-1, 1600)
    speech = np.sqrt(np.percentile((blocks**2).mean(1), 75))
    samples[part] += sound[part] * speech * 10 ** (-below_db / 20)
    return Audio((samples / max(1, np.abs(samples).max()))[None].astype(np.float32), RATE)


def assess(voice: Audio, options: Options = OPTIONS):
    return check_voice_sound(voice, options, int(voice.duration * options.fps))


def test_a_clean_voice_is_green(voice):
    finding = assess(voice)
    assert (finding.level, finding.frames) == ("green", ())
    assert finding.value > 50


@pytest.mark.parametrize("sound", [noise, music])
@pytest.mark.parametrize(("below_db", "level"), [(35, "green"), (12, "amber"), (0, "red")])
def test_what_lies_under_the_voice_is_heard(voice, sound, below_db, level):
    finding = assess(under(voice, sound(voice.samples.shape[1]), below_db))
    assert finding.level == level
    assert bool(finding.frames) == (level != "green")


def test_the_level_is_read_to_a_few_decibels(voice):
    read = [assess(under(voice, noise(voice.samples.shape[1]), level)).value for level in (30, 20, 10)]
    np.testing.assert_allclose(np.diff(read), [-10, -10], atol=1)


def test_noise_is_found_where_it_is(voice):
    finding = assess(under(voice, noise(voice.samples.shape[1]), 5, slice(3 * RATE, None)))
    assert finding.level == "amber"  # most of it is clear
    (frames,) = finding.frames
    assert 1.0 <= frames.start / 25 <= 3.0
    assert frames.stop / 25 >= 5.0


def test_a_voice_that_is_taken_out_of_its_background_first_is_green(voice):
    noisy = under(voice, noise(voice.samples.shape[1]), 0)
    assert assess(noisy, Options(isolate_vocals=True)).level == "green"


def test_silence_before_and_after_is_no_noise(voice):
    hush = 1e-4 * noise(8 * RATE)[None].astype(np.float32)
    padded = Audio(np.concatenate([hush, voice.samples[:1], hush], 1), RATE)
    assert assess(padded).level == "green"


def test_loudness_and_rate_do_not_matter(voice):
    noisy = under(voice, noise(voice.samples.shape[1]), 15)
    quiet = Audio((0.05 * noisy.samples).astype(np.float32), RATE)
    assert assess(quiet).value == pytest.approx(assess(noisy).value, abs=0.5)


def test_a_very_short_recording(voice):
    short = Audio(voice.samples[:, :800], RATE)
    over, starts = voice_over_background(short)
    assert len(over) == len(starts) <= 1
    assert assess(short).level in ("green", "amber", "red")


@pytest.mark.media
def test_real_voices_are_clear_until_music_is_added(media: Path):
    for path in sorted((media / "voice").iterdir()):
        voice = read_audio(path, Limits(), RATE)
        assert assess(voice).level == "green"
        assert assess(under(voice, music(voice.samples.shape[1]), 10)).level != "green"
