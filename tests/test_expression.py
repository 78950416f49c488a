"""Blinks and brows."""

import numpy as np

from apvgen.audio2face.expression import blink_shape, blinks, brows


def test_blinks_come_at_a_human_rate_and_close_faster_than_they_open():
    times = np.arange(0, 600, 1 / 60)
    closure = blinks(times, np.zeros(0), np.random.default_rng(0))
    count = np.count_nonzero((closure[1:] > 0.5) & (closure[:-1] <= 0.5))
    assert 10 * 10 <= count <= 10 * 28
    time = np.arange(0, 0.4, 0.001)
    shape = blink_shape(time)
    assert time[shape.argmax()] < 0.12
    assert shape[-1] == 0


def test_blinks_wait_for_a_pause_that_is_near():
    times = np.arange(0, 60, 1 / 100)
    pauses = np.arange(0.5, 60, 1.0)
    closure = blinks(times, pauses, np.random.default_rng(1))
    onsets = times[1:][(closure[1:] > 0) & (closure[:-1] == 0)]
    assert np.abs(onsets[:, None] - pauses).min(1).max() < 0.03


def test_brows_rise_with_an_accent():
    loudness = np.zeros(1000)
    loudness[500:540] = 1
    raised = np.mean([brows(loudness, 100, np.random.default_rng(seed)) for seed in range(20)], axis=0)
    assert raised[510:550].max() > 3 * np.abs(raised[:400]).max()
