"""Frames of a driving video at any place of a slider."""

import cv2
import numpy as np
import pytest

from apvgen.errors import MediaError
from apvgen.studio import scaling, shelf


def test_thin_lines_survive_being_shrunk():
    drawing = np.zeros((900, 600, 3), np.uint8)
    drawing[:, 301] = 255
    small = scaling.shrunk(drawing, 300)
    assert small.shape == (300, 200, 3)
    assert (small.max(1) == 255).all()


class Numbered:
    """A video of 40 frames, each as bright as twice its number."""

    def __init__(self):
        self.decoded = 0
        self.hw = (8, 8)

    def frames(self, start=0, stop=None):
        for k in range(start, min(40, stop or 40)):
            self.decoded += 1
            yield np.full((8, 8, 3), 2 * k, np.uint8)


ORDERS = (range(40), range(39, -1, -1), (39, 0, 20, 21, 5, 39, 38))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("held", [4, 10_000])
def test_frames_of_a_video_come_out_right_in_any_order(order, held, monkeypatch):
    one = len(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])[1])
    monkeypatch.setattr(shelf, "HELD_BYTES", held * one)
    kept = shelf.Shelf(Numbered())
    for k in order:
        assert abs(int(kept.frame(k)[4, 4, 0]) - 2 * k) <= 1


def test_a_filled_shelf_decodes_nothing_more():
    video = Numbered()
    kept = shelf.Shelf(video)
    kept.fill()
    for k in ORDERS[2]:
        kept.frame(k)
    assert video.decoded == 40


def test_dragging_backward_decodes_a_frame_only_a_few_times():
    video = Numbered()
    kept = shelf.Shelf(video)
    for k in reversed(range(40)):
        kept.frame(k)
    assert video.decoded <= 2 * 40


def test_a_damaged_place_is_told_each_time_and_spoils_no_other():
    class Damaged(Numbered):
        def frames(self, start=0, stop=None):
            for k, picture in enumerate(super().frames(start, stop), start):
                if k == 20:
                    raise MediaError("damaged at 0.8 s")
                yield picture

    kept = shelf.Shelf(Damaged())
    for k in (20, 20):
        with pytest.raises(MediaError):
            kept.frame(k)
    assert kept.frame(21)[4, 4, 0] == 42
    assert kept.frame(5)[4, 4, 0] == 10
    kept.fill()
    assert kept.frame(19)[4, 4, 0] == 38
