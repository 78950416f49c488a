"""Shapes of the synthetic world: areas, widths, coverage."""

import numpy as np
import pytest

from train.synthetic.canvas import Canvas
from train.synthetic.colours import mix, shade, unlike
from train.synthetic.curves import capsule, circle, ellipse, hull, ribbon, smooth

RED, BLUE, GREY = (200, 30, 20), (10, 40, 220), (128, 128, 128)
HW = (60, 80)


def area(outline: np.ndarray) -> float:
    x, y = outline.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def test_a_shape_covers_its_area_and_sits_where_it_was_put():
    canvas = Canvas.blank(HW, GREY)
    canvas.fill(np.array([20.3, 30.6]) + 12 * circle(200), RED)
    picture, mask = canvas.finished(HW)
    share = mask / 255
    assert share.sum() == pytest.approx(np.pi * 12.3**2, rel=0.02)  # OpenCV's soft edge lies outside
    y, x = np.mgrid[: HW[0], : HW[1]]
    assert (share * x).sum() / share.sum() == pytest.approx(20.3, abs=0.1)
    assert (share * y).sum() / share.sum() == pytest.approx(30.6, abs=0.1)
    assert tuple(picture[31, 20]) == RED
    assert tuple(picture[5, 70]) == GREY


def test_drawing_within_an_outline_stays_there():
    canvas = Canvas.blank(HW, GREY)
    with canvas.within(np.array([[10, 10], [40, 10], [40, 40], [10, 40.0]])) as inside:
        inside.fill(np.array([[0, 0], [80, 0], [80, 25], [0, 25.0]]), BLUE)
    picture, mask = canvas.finished(HW)
    assert tuple(picture[20, 20]) == BLUE
    assert tuple(picture[30, 20]) == tuple(picture[20, 50]) == GREY
    assert mask[20, 20] == 255
    assert mask[20, 50] == mask[30, 20] == 0


def test_a_tint_mixes_and_is_no_figure():
    canvas = Canvas.blank(HW, (0, 0, 0))
    canvas.tint(np.array([[10, 10], [40, 10], [40, 40], [10, 40.0]]), (200, 100, 40), 0.5)
    picture, mask = canvas.finished(HW)
    np.testing.assert_allclose(picture[25, 25].astype(int), [100, 50, 20], atol=1)
    assert not mask.any()


@pytest.mark.parametrize("where", [[-500.0, 20.0], [1e6, -1e6]])
def test_shapes_outside_the_picture_change_nothing(where):
    canvas = Canvas.blank(HW, GREY)
    canvas.fill(np.array(where) + 5 * circle(), RED)
    canvas.tint(np.array(where) + 5 * circle(), RED, 0.5)
    with canvas.within(np.array(where) + 5 * circle()) as inside:
        inside.disc(np.array(where), 4.0, RED)
    assert (canvas.finished(HW)[0] == GREY).all()


def test_a_capsule_is_a_strip_with_two_half_discs():
    outline = capsule(np.array([0.0, 0]), np.array([30.0, 40]), 5, 5)
    assert area(outline) == pytest.approx(50 * 10 + np.pi * 25, rel=0.02)
    assert area(capsule(np.array([0.0, 0]), np.array([30.0, 40]), 5, 5, True)) == pytest.approx(
        50 * 10 + np.pi * 25 / 2, rel=0.02
    )


def test_curves_pass_through_their_points():
    points = np.random.default_rng(0).normal(size=(7, 2))
    np.testing.assert_allclose(smooth(points, 4)[::4], points, atol=1e-12)
    np.testing.assert_allclose(smooth(points, 3, closed=False)[::3], points, atol=1e-12)


def test_outlines_have_the_size_asked_for():
    assert area(ellipse(np.zeros(2), np.array([3.0, 0]), np.array([0, 5.0]), 100)) == pytest.approx(
        15 * np.pi, rel=0.01
    )
    band = ribbon(np.stack([np.arange(11.0), np.zeros(11)], -1), np.full(11, 2.0))
    assert area(band) == pytest.approx(40)
    assert area(hull(np.array([[0, 0], [4, 0], [4, 4], [0, 4], [2, 2.0]]))) == pytest.approx(16)


def test_colours_mix_and_darken():
    assert mix((0, 0, 0), (100, 200, 40), 0.5) == (50, 100, 20)
    assert shade(RED, 0) == RED
    assert sum(shade(RED, 1)) < sum(RED)
    tries = iter([(0, 0, 0), (5, 5, 5), (250, 250, 250)])
    assert unlike([(0, 0, 0)], 100, lambda: next(tries)) == (250, 250, 250)
