"""Frame rates and lengths that are known, against what is said of them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from good_case import T, good_case
from media_files import write_numbered

from apvgen.config import Limits
from apvgen.media import VideoReader
from apvgen.preflight import Case
from apvgen.preflight.clock import check_frame_rate, check_length
from apvgen.timeline import motion_indices

SECONDS = Fraction(3)
MS = Fraction(1, 1000)


def video(path, stamps_ms: list[int]) -> VideoReader:
    write_numbered(path, stamps_ms, MS)
    return VideoReader(path, Fraction(25), Limits())


def playing(motion_frames: int, length: str = "ping-pong") -> Case:
    """The good case, its motion as long as this."""
    case = good_case()
    index = motion_indices(motion_frames, T, length)
    options = replace(case.options, length=length)
    return replace(case, analysis=replace(case.analysis, driving_index=index), options=options)


def check_rate(path, stamps_ms: list[int]):
    reader = video(path / "video.mkv", stamps_ms)
    return check_frame_rate(playing(min(reader.frame_count, T)), reader)


def test_the_same_rate_has_no_drift(tmp_path):
    finding = check_rate(tmp_path, list(range(0, 3000, 40)))
    assert (finding.level, finding.frames) == ("green", ())
    assert finding.value == pytest.approx(0, abs=1e-6)
    assert "skipped" not in finding.sentence


def test_a_faster_video_is_at_most_half_a_picture_off_and_skips_some(tmp_path):
    finding = check_rate(tmp_path, [round(1000 * k / 30) for k in range(90)])
    assert finding.level == "green"
    assert 10 < finding.value <= 17.2  # half of a thirtieth, and the container's rounding
    assert "one picture in 6 is skipped" in finding.sentence


@pytest.mark.parametrize(("rate", "level"), [(20, "amber"), (8, "red")])
def test_a_slow_video_stands_still_in_between(tmp_path, rate, level):
    finding = check_rate(tmp_path, [round(1000 * k / rate) for k in range(3 * rate)])
    assert finding.level == level
    still = sum(map(len, finding.frames))
    assert still == pytest.approx(T * (1 - rate / 25), abs=2)
    assert "the motion stands still" in finding.sentence


def test_a_picture_that_is_held_is_found(tmp_path):
    stamps = [*range(0, 1000, 40), *range(1600, 3000, 40)]
    finding = check_rate(tmp_path, stamps)
    assert finding.level == "red"  # up to half a second off
    assert set(range(26, 38)) <= {frame for part in finding.frames for frame in part} <= set(range(24, 40))
    assert finding.value > 500


def test_motion_that_runs_back_does_not_stand_still_at_its_turn(tmp_path):
    reader = video(tmp_path / "video.mkv", list(range(0, 1000, 40)))
    assert check_frame_rate(playing(reader.frame_count), reader).level == "green"


def test_a_motion_file_keeps_time():
    finding = check_frame_rate(good_case(), None)
    assert (finding.level, finding.value) == ("green", 20)


def test_a_motion_of_the_voices_length():
    finding = check_length(playing(T), T, SECONDS, SECONDS)
    assert (finding.level, finding.frames, finding.value) == ("green", (), 1)
    assert "(0 ms apart)" in finding.sentence
    assert "not used" not in finding.sentence


def test_how_far_the_end_is_off_is_said():
    assert "(13 ms apart)" in check_length(playing(T), T, SECONDS, SECONDS + Fraction(13, 1000)).sentence


def test_what_is_left_of_a_longer_video_is_said():
    assert (
        "the last 7.0 s of the driving video are not used"
        in check_length(playing(T), T, Fraction(10), SECONDS).sentence
    )


@pytest.mark.parametrize(
    ("motion_frames", "length", "level", "words"),
    [
        (50, "ping-pong", "green", "runs back and forth"),
        (25, "ping-pong", "amber", "3.0 times as long"),
        (50, "loop", "amber", "begins again"),
        (50, "hold", "amber", "stands still on its last picture"),
    ],
)
def test_a_motion_shorter_than_the_voice(motion_frames, length, level, words):
    finding = check_length(playing(motion_frames, length), motion_frames, Fraction(motion_frames, 25), SECONDS)
    assert finding.level == level
    assert words in finding.sentence
    assert finding.frames == (range(motion_frames, T),)


def test_a_readers_lags_are_what_its_stamps_say(tmp_path):
    write_numbered(tmp_path / "v.mkv", [0, 40, 80, 200, 240], MS)
    reader = VideoReader(tmp_path / "v.mkv", Fraction(25), Limits())
    np.testing.assert_array_equal(reader.sources[:6], [0, 1, 2, 2, 2, 3])
    np.testing.assert_allclose(reader.lags()[:6], [0, 0, 0, 0.04, 0.08, 0], atol=1e-9)
    later = VideoReader(tmp_path / "v.mkv", Fraction(25), Limits(), first_frame=3)
    np.testing.assert_allclose(later.lags()[:3], [0.04, 0.08, 0], atol=1e-9)
