"""Inputs as an analysis takes them: the part that a trim keeps, on the output's clock."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import soundfile

from apvgen.config import Options, Trim
from apvgen.errors import InputError
from apvgen.inputs import check_trims, open_driving, read_motion, read_voice
from apvgen.media import write_video
from apvgen.tracks import save_motion

RATE = 8000


@pytest.fixture
def video(tmp_path):
    """Four seconds at 10 fps; the brightness of a frame is five times its number."""
    frames = (np.full((64, 64, 3), 5 * k, np.uint8) for k in range(40))
    return write_video(tmp_path / "v.mp4", frames, Fraction(10))


@pytest.fixture
def voice(tmp_path):
    """Two seconds of a rising ramp."""
    soundfile.write(tmp_path / "v.wav", np.linspace(-0.9, 0.9, 2 * RATE), RATE, subtype="FLOAT")
    return tmp_path / "v.wav"


def trimmed(**trims) -> Options:
    return replace(Options(fps=Fraction(10)), **trims)


def test_a_trimmed_video_begins_where_the_whole_one_is_at_that_time(video):
    whole = list(open_driving(video, trimmed()).frames())
    reader = open_driving(video, trimmed(driving_trim=Trim(Fraction(3, 2), Fraction(3))))
    part = list(reader.frames())
    assert reader.frame_count == len(part) == 15
    np.testing.assert_array_equal(np.stack(part), np.stack(whole[15:30]))
    np.testing.assert_array_equal(np.stack(list(reader.frames(4, 6))), np.stack(whole[19:21]))


def test_a_trim_to_the_end_and_a_bound_on_frames_hold_together(video):
    assert open_driving(video, trimmed(driving_trim=Trim(Fraction(3)))).frame_count == 10
    assert open_driving(video, trimmed(driving_trim=Trim(Fraction(3))), max_frames=4).frame_count == 4
    assert open_driving(video, trimmed(driving_trim=Trim(Fraction(0), Fraction(99)))).frame_count == 40


def test_a_trimmed_voice_is_those_samples(voice):
    whole = read_voice(voice, trimmed()).samples
    part = read_voice(voice, trimmed(voice_trim=Trim(Fraction(1, 2), Fraction(5, 4))))
    np.testing.assert_array_equal(part.samples, whole[:, RATE // 2 : RATE * 5 // 4])
    assert part.duration == Fraction(3, 4)


def test_a_trimmed_motion_file_is_those_frames(analysis, tmp_path):
    save_motion(tmp_path / "m.npz", analysis.driving)
    part = read_motion(tmp_path / "m.npz", replace(Options(), driving_trim=Trim(Fraction(1, 5), Fraction(2, 5))))
    np.testing.assert_array_equal(part.body.xy, analysis.driving.body.xy[5:10])


@pytest.mark.parametrize("start", [4, 100])
def test_a_trim_beyond_the_end_says_how_long_the_input_is(video, voice, start):
    with pytest.raises(InputError, match=r"lasts 4\.00 s.*begin earlier"):
        open_driving(video, trimmed(driving_trim=Trim(Fraction(start))))
    with pytest.raises(InputError, match=r"v\.wav lasts 2\.00 s.*begin earlier"):
        read_voice(voice, trimmed(voice_trim=Trim(Fraction(start))))


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (2, 2), (3, 1)])
def test_an_impossible_trim_is_refused(start, stop):
    with pytest.raises(ValueError, match="must end after it begins"):
        Trim(Fraction(start), None if stop is None else Fraction(stop))


@pytest.mark.parametrize(("role", "seconds"), [("driving", 4), ("voice", 2), ("motion", Fraction(12, 25))])
def test_a_trim_that_ends_after_the_input_is_refused_beyond_a_tenth_of_a_second(
    video, voice, analysis, tmp_path, role, seconds
):
    save_motion(tmp_path / "m.npz", analysis.driving)
    given = {"driving": tmp_path / "m.npz" if role == "motion" else video, "voice": voice}
    trim = "voice_trim" if role == "voice" else "driving_trim"
    check_trims(given, trimmed(**{trim: Trim(Fraction(0), seconds + Fraction(1, 10))}))
    with pytest.raises(InputError, match=rf"lasts {float(seconds):.2f} s, so it cannot be used up to"):
        check_trims(given, trimmed(**{trim: Trim(Fraction(0), seconds + Fraction(1, 5))}))
