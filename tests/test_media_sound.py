from fractions import Fraction

import av
import numpy as np
import pytest
import soxr
from media_files import write_numbered, write_sound

from apvgen.config import Limits
from apvgen.errors import MediaError
from apvgen.media import check_voice, read_audio, write_video
from apvgen.types import Audio

LIMITS = Limits()


def tone(rate: int, seconds: float = 1.0, hertz: float = 440) -> np.ndarray:
    """float32 `[1, N]`, amplitude 0.5."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)[None]


def clicks(rate: int, seconds: float, every: float) -> np.ndarray:
    """float32 `[1, N]`: one full sample at every multiple of `every` seconds, from the first on."""
    samples = np.zeros((1, int(rate * seconds)), np.float32)
    samples[0, (np.arange(1, seconds / every) * every * rate).astype(int)] = 0.9
    return samples


def loud_at(audio: Audio) -> np.ndarray:
    """Seconds at which something louder than 0.2 begins, a tenth of a second apart or more."""
    at = np.flatnonzero(abs(audio.samples[0]) > 0.2) / audio.rate
    return at[np.diff(at, prepend=-1) > 0.1]


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("target", [None, 16000, 48000])
def test_any_rate_is_read_and_resampled_without_a_shift(tmp_path, rate, target):
    audio = read_audio(write_sound(tmp_path / "voice.wav", tone(rate), rate), LIMITS, target)
    assert audio.rate == (target or rate)
    assert audio.samples.shape == (1, audio.rate)
    middle = slice(audio.rate // 4, audio.rate * 3 // 4)
    assert abs(audio.samples - tone(audio.rate))[0, middle].max() < 2e-3


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("voice.wav", "pcm_s16le"),
        ("voice.wav", "pcm_u8"),
        ("voice.wav", "pcm_s24le"),
        ("voice.flac", "flac"),
        ("voice.m4a", "aac"),
        ("voice.mp3", "libmp3lame"),
        ("voice.ogg", "libopus"),
        ("voice.mka", "libopus"),
    ],
)
def test_any_codec_is_read_without_the_padding_it_adds_in_front(tmp_path, name, codec):
    hiss = soxr.resample(np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1, 8000, 48000)
    audio = read_audio(write_sound(tmp_path / name, hiss[None], 48000, codec), LIMITS)
    assert audio.rate == 48000
    assert abs(audio.samples.shape[1] - 48000) <= 1152
    likeness = np.correlate(audio.samples[0, 8000:36000], hiss[10000:34000])
    assert likeness.argmax() == 2000
    assert likeness.max() == pytest.approx((hiss[10000:34000] ** 2).sum(), rel=0.1)


def test_two_channels_stay_apart(tmp_path):
    left, right = tone(16000, hertz=300), tone(16000, hertz=500)
    path = write_sound(tmp_path / "voice.wav", np.concatenate([left, right]), 16000, layout="stereo")
    assert np.array_equal(read_audio(path, LIMITS).samples, np.concatenate([left, right]))


def test_the_centre_of_surround_sound_is_heard_on_both_sides(tmp_path):
    channels = np.zeros((6, 48000), np.float32)
    channels[2] = tone(48000)
    path = write_sound(tmp_path / "film.wav", channels, 48000, layout="5.1")
    samples = read_audio(path, LIMITS).samples
    assert samples.shape == (2, 48000)
    assert np.array_equal(samples[0], samples[1])
    assert np.corrcoef(samples[0], channels[2])[0, 1] > 0.999
    assert abs(samples).max() > 0.1


@pytest.mark.parametrize("begins", [-0.5, 0.0, 0.75])
@pytest.mark.parametrize(
    ("name", "codec"), [("film.mkv", "pcm_s16le"), ("film.mov", "pcm_s16le"), ("film.mp4", "aac"), ("film.ts", "mp2")]
)
def test_sound_of_a_video_counts_from_its_first_picture(tmp_path, name, codec, begins):
    sound = (clicks(16000, 3, 1), 16000, int((2 + begins) * 16000))
    path = write_numbered(tmp_path / name, range(50, 125), Fraction(1, 25), sound=sound, sound_codec=codec)
    audio = read_audio(path, LIMITS)
    expected = [begins + click for click in (1, 2)]
    assert loud_at(audio) == pytest.approx(expected, abs=0.002)
    assert float(audio.duration) == pytest.approx(3 + begins, abs=0.12)


def test_a_hole_in_the_sound_is_silent_and_what_follows_stays_in_place(tmp_path):
    path = tmp_path / "call.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for start in (0, 8000, 20000):
            block = (clicks(8000, 1, 0.5) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    audio = read_audio(path, LIMITS)
    assert loud_at(audio) == pytest.approx([0.5, 1.5, 3.0], abs=0.001)
    assert (audio.samples[0, 16000:20000] == 0).all()


def test_sound_does_not_drift_in_ten_minutes(tmp_path):
    pictures = np.zeros((16, 16, 3), np.uint8)
    voice = Audio(clicks(32000, 600, 60), 32000)
    path = write_video(tmp_path / "long.mp4", (pictures for _ in range(3000)), Fraction(5), voice)
    audio = read_audio(path, LIMITS)
    assert loud_at(audio) == pytest.approx(np.arange(60, 600, 60), abs=0.001)
    assert float(audio.duration) == pytest.approx(600, abs=0.04)


@pytest.mark.parametrize("level", [-100, -55])
def test_a_silent_voice_is_refused(level):
    hiss = np.random.default_rng(0).standard_normal((1, 32000)) * 10 ** (level / 20)
    with pytest.raises(MediaError, match="is silent"):
        check_voice(Audio(hiss.astype(np.float32), 16000))


def test_one_quiet_word_in_a_long_silence_is_a_voice():
    samples = np.zeros((1, 16000 * 60), np.float32)
    samples[:, 16000 * 30 : 16000 * 30 + 4000] = tone(16000, 0.25) * 0.02
    check_voice(Audio(samples, 16000))


def test_channels_that_cancel_each_other_are_no_voice():
    with pytest.raises(MediaError, match="is silent"):
        check_voice(Audio(np.concatenate([tone(16000), -tone(16000)]), 16000))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_voice_of_values_that_are_no_numbers_is_refused(bad):
    samples = tone(16000)
    samples[0, 10] = bad
    with pytest.raises(MediaError, match="no numbers"):
        check_voice(Audio(samples, 16000))


def test_a_voice_without_samples_is_refused():
    with pytest.raises(MediaError, match="no sound in it"):
        check_voice(Audio(np.zeros((1, 0), np.float32), 16000))


@pytest.mark.media
@pytest.mark.parametrize(
    ("name", "rate", "seconds"), [("voice/news_zh.wav", 44100, 4.2057), ("voice/speech_zh_16k.wav", 44100, 7.7440)]
)
def test_real_voices_are_read(media, name, rate, seconds):
    audio = read_audio(media / name, LIMITS)
    assert (audio.rate, len(audio.samples)) == (rate, 2)
    assert float(audio.duration) == pytest.approx(seconds, abs=1e-3)
    check_voice(audio)
    short = read_audio(media / name, LIMITS, 16000)
    assert short.samples.shape[1] == pytest.approx(seconds * 16000, abs=16)
