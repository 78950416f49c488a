"""The visible mark: where it is, that it shows on any ground, and that nothing else changes."""

import numpy as np
import pytest

from apvgen.watermark import marked

HW = (768, 512)


@pytest.mark.parametrize("ground", [0, 128, 255])
@pytest.mark.parametrize("hw", [HW, (256, 256), (576, 1024)])
def test_the_mark_shows_on_any_ground_in_the_lower_right_and_nowhere_else(ground, hw):
    frame = np.full((*hw, 3), ground, np.uint8)
    (shown,) = marked([frame])
    rows, columns = np.nonzero((shown.astype(int) - ground).any(-1))
    assert rows.min() > 0.8 * hw[0]
    assert columns.max() > 0.9 * hw[1]
    assert np.abs(shown.astype(int) - ground).max() > 60


def test_every_frame_gets_the_same_mark_and_the_input_stays_as_it_is():
    frames = [np.full((*HW, 3), 10 * k, np.uint8) for k in range(3)]
    shown = list(marked(frames))
    places = [(picture != frame).any(-1) for picture, frame in zip(shown, frames, strict=True)]
    assert places[1][~places[2]].sum() < 0.02 * places[2].sum()
    assert frames[2].max() == 20
