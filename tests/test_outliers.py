"""Jumps of a curve: what stands out from its own restlessness, and what does not."""

import numpy as np
import pytest

from apvgen import outliers

T = 200


@pytest.fixture
def restless():
    """A turning head with a detector's noise, `[T, 1]`."""
    rng = np.random.default_rng(0)
    return (40 * np.sin(np.arange(T) / 15) + rng.normal(0, 0.3, T))[:, None]


def test_noise_and_a_smooth_turn_do_not_jump(restless):
    assert not outliers.jumps(restless, 0.0).any()


@pytest.mark.parametrize("at", [1, 57, T - 2])
def test_a_spike_is_marked_once_and_where_it_is(restless, at):
    restless[at] += 8
    assert np.flatnonzero(outliers.jumps(restless, 0.0)).tolist() == [at]


def test_a_step_is_marked_once(restless):
    restless[100:] += 10
    assert np.flatnonzero(outliers.jumps(restless, 0.0)).tolist() in ([99], [100])


def test_what_is_less_than_the_least_amount_is_no_jump(restless):
    restless[57] += 8
    assert not outliers.jumps(restless, 20.0).any()
    assert not outliers.jumps(np.full((T, 1), 3.0), 0.0).any()


def test_a_calm_curve_may_be_measured_by_a_restless_one(restless):
    calm = restless.copy()
    calm[1:-1] = (restless[:-2] + restless[1:-1] + restless[2:]) / 3
    calm[57] += 1.2
    assert np.flatnonzero(outliers.jumps(calm, 0.0)).tolist() == [57]
    assert not outliers.jumps(calm, 0.0, restless).any()


def test_frames_between_gaps_are_not_judged(restless):
    restless[57] += 8
    restless[[56, 58]] = np.nan
    assert not outliers.jumps(restless, 0.0).any()
    assert not outliers.jumps(np.full((T, 2), np.nan), 0.0).any()
    assert outliers.jumps(np.zeros((2, 3)), 0.0).shape == (2, 3)


def test_columns_are_judged_apart(restless):
    both = np.concatenate([restless, 100 * restless], 1)
    both[57, 0] += 8
    both[80, 1] += 800
    assert np.argwhere(outliers.jumps(both, np.array([0.0, 0.0]))).tolist() == [[57, 0], [80, 1]]


def test_tremble_is_the_noise_whatever_the_motion():
    noise = np.random.default_rng(1).normal(0, 1, (20_000, 1))
    still = outliers.tremble(noise)
    moving = outliers.tremble(noise + 50 * np.sin(np.arange(20_000) / 40)[:, None])
    assert still == pytest.approx(np.sqrt(6), rel=0.05)  # of white noise: variances 1 + 4 + 1
    assert moving == pytest.approx(still, rel=0.05)
