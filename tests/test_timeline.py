from fractions import Fraction

import numpy as np
import pytest

from apvgen.timeline import frames_for, motion_indices, shown_at

MILLISECOND = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"),
    [
        (Fraction(21, 5), 25, 105),
        (Fraction(1001, 30000) * 300, Fraction(30000, 1001), 300),
        (Fraction(519, 1000), 25, 13),
        (Fraction(521, 1000), 25, 13),
        (Fraction(54, 100), 25, 14),
        (Fraction(0), 25, 1),
    ],
)
def test_durations_round_to_the_nearest_frame_and_to_at_least_one(seconds, fps, frames):
    assert frames_for(seconds, Fraction(fps)) == frames


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("ping-pong", [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]),
        ("loop", [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]),
        ("hold", [0, 1, 2, 3, 3, 3, 3, 3, 3, 3]),
    ],
)
def test_a_longer_voice_stretches_the_motion(mode, expected):
    indices = motion_indices(4, 10, mode)
    assert indices.tolist() == expected
    assert indices.dtype == np.int64


@pytest.mark.parametrize("mode", ["ping-pong", "loop", "hold"])
def test_a_shorter_voice_trims_the_motion(mode):
    assert motion_indices(10, 4, mode).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("mode", ["ping-pong", "loop", "hold"])
def test_a_motion_of_one_frame_is_held(mode):
    assert motion_indices(1, 5, mode).tolist() == [0] * 5


def test_ping_pong_never_jumps_and_never_pauses():
    steps = np.diff(motion_indices(7, 500, "ping-pong"))
    assert set(abs(steps)) == {1}


def test_a_motion_without_frames_is_refused():
    with pytest.raises(ValueError, match="motion of 0"):
        motion_indices(0, 5, "loop")


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="bounce"):
        motion_indices(3, 5, "bounce")


def test_the_same_rate_shows_every_frame_once_in_spite_of_rounded_stamps():
    rate = Fraction(30000, 1001)
    stamps = np.array([round(k / rate / MILLISECOND) for k in range(2000)])
    assert shown_at(stamps, MILLISECOND, rate, 2000).tolist() == list(range(2000))


@pytest.mark.parametrize(
    "source", [Fraction(12), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(30), Fraction(60)]
)
def test_a_steady_source_stays_within_half_a_frame_and_never_drifts(source):
    output, time_base = Fraction(25), 1 / source / 1000
    shown = shown_at(np.arange(0, 40000 * 1000, 1000), time_base, output, 15000)
    error = shown / float(source) - np.arange(15000) / float(output)
    early = 0.5 * min(1 / source, 1 / output)
    assert error.max() <= early + 1e-9
    assert error.min() >= early - 1 / source - 1e-9
    assert abs(error[-1000:].mean() - error[:1000].mean()) < 0.1 / float(output)


def test_a_held_picture_stays_until_just_before_the_next_is_due():
    stamps = np.array([0, 40, 1040, 1080])
    shown = shown_at(stamps, MILLISECOND, Fraction(25), 28)
    assert shown.tolist() == [0] + [1] * 25 + [2, 3]


def test_time_counts_from_the_first_stamp():
    stamps = np.arange(10) * 40
    far = shown_at(stamps + 123_456_789, MILLISECOND, Fraction(25), 10)
    assert far.tolist() == list(range(10))
