from fractions import Fraction

import numpy as np
import pytest

from apvgen.layouts import FACE468
from apvgen.preview import frames_at, overlay, portrait, titled
from apvgen.timeline import motion_indices
from apvgen.types import Track


class CountingVideo:
    """Frames whose pixels hold their own number, and a count of how many were decoded."""

    def __init__(self, frames: int) -> None:
        self.total, self.decoded, self.most_held = frames, 0, 0

    def frames(self, start=0, stop=None):
        for k in range(start, self.total if stop is None else stop):
            self.decoded += 1
            yield np.full((2, 2, 3), k, np.uint8)


@pytest.mark.parametrize("mode", ["ping-pong", "loop", "hold"])
@pytest.mark.parametrize("motion_frames", [1, 2, 7, 120])
def test_frames_come_in_the_order_of_the_motion(mode, motion_frames):
    index = motion_indices(motion_frames, 250, mode)
    video = CountingVideo(motion_frames)
    shown = [int(frame[0, 0, 0]) for frame in frames_at(video, index)]
    assert shown == index.tolist()
    assert video.decoded <= len(index), "a frame was decoded more often than it is shown"


def test_a_drawing_covers_the_picture_only_where_it_is_not_black():
    picture, drawing = np.full((4, 4, 3), 100, np.uint8), np.zeros((4, 4, 3), np.uint8)
    drawing[1, 2] = (0, 0, 255)
    result = overlay(picture, drawing)
    assert result[1, 2].tolist() == [0, 0, 255]
    assert result[0, 0].tolist() == [60, 60, 60]


def test_a_face_alone_fills_the_picture_and_keeps_its_shape():
    rng = np.random.default_rng(0)
    xy = rng.uniform(-1, 1, (5, 468, 2)).astype(np.float32) * [1, 2]
    face = Track(FACE468, xy.astype(np.float32), np.ones((5, 468), np.float32), (100, 100), Fraction(25))
    placed = portrait(face, (768, 512)).face.xy
    low, high = placed.reshape(-1, 2).min(0), placed.reshape(-1, 2).max(0)
    assert (low >= 0).all()
    assert (high <= [512, 768]).all()
    assert max((high - low) / [512, 768]) == pytest.approx(0.8, abs=1e-3)
    before = np.ptp(xy.reshape(-1, 2), axis=0)
    np.testing.assert_allclose((high - low) / before, ((high - low) / before)[0], rtol=1e-4)


def test_a_panel_has_an_even_width():
    assert titled(np.zeros((1021, 575, 3), np.uint8), "title").shape[1] % 2 == 0
