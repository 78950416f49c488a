"""Windows: every frame is covered, shares sum to one, nothing jumps where windows meet."""

from itertools import pairwise, product

import numpy as np
import pytest

from apvgen.errors import RenderError
from apvgen.sampler.guidance import is_guided, window_guidance
from apvgen.sampler.settings import Settings
from apvgen.sampler.taper import cut_ranges, full_ranges, tapered_shares
from apvgen.sampler.windows import plan_windows, windows_for

CASES = [
    (frames, window, overlap)
    for window, frames in product((2, 3, 6, 24), (2, 3, 6, 7, 24, 25, 31, 100))
    for overlap in {0, 1, (window - 1) // 4, window // 2, window - 2}
    if frames >= window and 0 <= overlap <= window - 2
]


def shares_of_frames(windows, frames: int) -> np.ndarray:
    """How much every window counts in every frame: `[windows, F]`."""
    shares = np.zeros((len(windows), frames))
    for row, window in zip(shares, windows, strict=True):
        row[list(window.frames)] = window.shares
    return shares


@pytest.mark.parametrize(("frames", "window", "overlap"), CASES)
def test_blended_windows_cover_the_video(frames, window, overlap):
    windows = plan_windows(frames, Settings(window=window, overlap=overlap))
    shares = shares_of_frames(windows, frames)
    assert all(len(each.frames) == window for each in windows)
    assert np.allclose(shares[:, 1:].sum(0), 1, atol=1e-6)
    assert not shares[:, 0].any()
    assert all(each.frames[0] == 0 and each.poses == each.frames for each in windows)
    assert all(sorted(set(each.frames)) == list(each.frames) for each in windows)


@pytest.mark.parametrize(("frames", "window", "overlap"), CASES)
def test_neighbours_share_what_was_asked_for_and_no_window_is_needless(frames, window, overlap):
    windows = plan_windows(frames, Settings(window=window, overlap=overlap))
    for before, after in pairwise(windows):
        common = set(before.sampled) & set(after.sampled)
        assert len(common) == overlap or (after is windows[-1] and len(common) > overlap)
    assert len(windows) == max(1, -(-(frames - 1 - overlap) // (window - 1 - overlap)))


@pytest.mark.parametrize(("frames", "window", "overlap"), [case for case in CASES if case[2] <= (case[1] - 1) // 2])
def test_a_windows_share_changes_by_little_from_frame_to_frame(frames, window, overlap):
    windows = plan_windows(frames, Settings(window=window, overlap=overlap))
    shares = shares_of_frames(windows, frames)[:, 1:]
    # The last window, moved back, shares more, and may do so with two others at once.
    most = max([len({*before.sampled} & {*after.sampled}) for before, after in pairwise(windows)], default=0)
    slope = 1 / (overlap + 1) + (1 / (most + 1) if most > overlap else 0)
    assert np.abs(np.diff(shares, axis=1)).max(initial=0) <= slope + 1e-6


def test_two_windows_that_share_nearly_all_fade_slowly():
    shares = shares_of_frames(plan_windows(25, Settings(window=24, overlap=5)), 25)[:, 1:]
    assert np.abs(np.diff(shares, axis=1)).max() < 0.05


def test_a_crossfade_is_linear():
    first, second = tapered_shares(full_ranges(13, 8, 3), 13)
    assert np.allclose(first[5:], [0.75, 0.5, 0.25])
    assert np.allclose(second[:3], [0.25, 0.5, 0.75])
    assert np.allclose(first[:5], 1)


def test_the_last_range_is_moved_back_or_cut():
    assert full_ranges(10, 4, 1) == (range(4), range(3, 7), range(6, 10))
    assert full_ranges(9, 4, 1) == (range(4), range(3, 7), range(5, 9))
    assert cut_ranges(9, 4, 0) == (range(4), range(4, 8), range(8, 9))
    assert cut_ranges(1, 4, 2) == (range(1),)


def test_default_windows_of_a_long_clip():
    windows = plan_windows(101, Settings())
    assert len(windows[0].frames) == 24
    assert [window.frames[1] for window in windows] == [1, 19, 37, 55, 73, 78]


def test_a_short_clip_makes_the_default_window_smaller():
    (window,) = plan_windows(9, Settings(overlap=20))
    assert window.frames == tuple(range(9))


@pytest.mark.parametrize("mode", ["blended", "reference"])
def test_a_chosen_window_longer_than_the_clip_is_refused(mode):
    with pytest.raises(RenderError, match=r"window of 24 frames is longer than the clip, which has 9 .* at most 9"):
        plan_windows(9, Settings(mode=mode, window=24))


def test_a_sequence_without_a_frame_is_refused():
    with pytest.raises(RenderError, match="nothing to render"):
        plan_windows(1, Settings())


@pytest.mark.parametrize("frames", [24, 25, 42, 60, 100])
def test_reference_windows_share_equally_and_keep_their_first_frame_only_at_the_start(frames):
    windows = plan_windows(frames, Settings(mode="reference", window=24, overlap=6))
    shares = shares_of_frames(windows, frames)
    assert np.allclose(shares.sum(0), 1)
    assert all(window.poses == (0, *window.frames[1:]) for window in windows)
    assert windows[0].shares[0] == 1
    assert all(window.shares[0] == 0 for window in windows[1:])


def test_reference_mode_refuses_an_overlap_that_leaves_frames_out():
    with pytest.raises(RenderError, match="leaves frame 6 without a window; use an overlap of at least 1"):
        plan_windows(12, Settings(mode="reference", window=6, overlap=0))


def test_only_windows_with_frames_to_redo_are_run():
    windows = plan_windows(30, Settings(window=11, overlap=2))
    redo = np.zeros(30, bool)
    redo[0] = True
    assert windows_for(windows, redo) == ()
    redo[10] = True
    assert windows_for(windows, redo) == windows[:2]


def test_guidance_is_equal_in_every_window_of_a_frame():
    settings = Settings(window=6, overlap=3, guidance_min=1, guidance_max=3)
    guidance = {}
    for window in plan_windows(12, settings):
        for frame, value in zip(window.frames, window_guidance(window, 12, settings), strict=True):
            assert guidance.setdefault(frame, value) == value
    assert np.allclose([guidance[frame] for frame in range(12)], np.linspace(1, 3, 12))


def test_reference_guidance_runs_along_each_window():
    settings = Settings(mode="reference", window=6, overlap=3, guidance_min=1, guidance_max=3)
    for window in plan_windows(12, settings):
        assert np.allclose(window_guidance(window, 12, settings), np.linspace(1, 3, 6))


def test_guidance_interval_is_open_below_and_closed_above():
    settings = Settings(guidance_interval=(0.2, 3.0))
    assert [is_guided(sigma, settings) for sigma in (0.2, 0.21, 3.0, 3.01)] == [False, True, True, False]
    assert is_guided(700, Settings())
    assert not is_guided(1, Settings(guidance_min=1, guidance_max=1))
