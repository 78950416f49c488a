"""The painted surround: how far it reaches, where the picture lies in it, who painted it."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from apvgen.errors import MissingModelError
from apvgen.types import Affine
from train import outpaint
from train.fda_statistics import PAPER, FdaDistribution
from train.outpaint import (
    SURROUND,
    Classical,
    Diffusers,
    Margins,
    extend,
    load_painter,
    margins_of,
    paint,
    seen_through,
)


def smooth(hw, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (5, 5, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, hw[::-1], interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


class Marker:
    """Paints the unknown red, and spoils what is known."""

    name = "marker"

    def __call__(self, canvas, unknown, seed):
        return np.full_like(canvas, (255, 0, 0))


def test_margins_hold_the_frame_of_every_map():
    """x' = a x + b maps the picture; the frame reaches from -b/a to (1 - b)/a: the extremes by hand."""
    assert SURROUND.left == SURROUND.right == pytest.approx((1 - 0.44) / 0.44)
    assert SURROUND.top == pytest.approx(0.16 / 0.29)
    assert SURROUND.bottom == pytest.approx((1 - 0.04) / 0.29 - 1)
    rng = np.random.default_rng(0)
    for _ in range(500):
        back = PAPER.sample(rng).inverse()
        low, high = back.apply(np.zeros(2)), back.apply(np.ones(2))
        assert (low >= [-SURROUND.left, -SURROUND.top]).all()
        assert (high <= [1 + SURROUND.right, 1 + SURROUND.bottom]).all()


def test_only_wide_enough_margins_hold_others():
    larger = Margins.of(FdaDistribution(a_x=0.4))
    assert larger.hold(SURROUND)
    assert not SURROUND.hold(larger)
    assert SURROUND.hold(SURROUND)


def test_the_picture_is_kept_and_all_around_it_painted():
    picture = smooth((40, 50))
    painted = paint(picture, Marker(), Margins(1.0, 0.5, 0.33, 2.0))
    assert painted.image.shape == (20 + 40 + 80, 50 + 50 + 17, 3)
    np.testing.assert_array_equal(painted.image[20:60, 50:100], picture)
    outside = np.ones(painted.image.shape[:2], bool)
    outside[20:60, 50:100] = False
    assert (painted.image[outside] == (255, 0, 0)).all()
    assert painted.margins == Margins(1.0, 0.5, 17 / 50, 2.0)
    assert margins_of(painted.facts) == painted.margins
    assert painted.facts["surround"]["method"] == "marker"
    assert margins_of({}) == SURROUND


def test_large_pictures_are_shrunk():
    painted = paint(smooth((800, 600)), Classical(), side=200)
    width = painted.image.shape[1] / (1 + painted.margins.left + painted.margins.right)
    assert width == pytest.approx(150)


@pytest.mark.parametrize("seed", range(5))
def test_the_picture_is_seen_where_the_map_puts_it(seed):
    """A corner mark of the picture is found at a x + b, to a third of a pixel."""
    affine, hw = PAPER.sample(np.random.default_rng(seed)), (384, 256)
    picture = np.zeros((120, 120, 3), np.uint8)
    x, y = 30 + 7 * seed, 90 - 11 * seed
    cv2.circle(picture, (x, y), 5, (255, 255, 255), cv2.FILLED)
    painted = paint(picture, Classical())
    seen = seen_through(painted.image, painted.margins, affine, hw).astype(float)[..., 0]
    rows, columns = np.mgrid[: hw[0], : hw[1]] + 0.5
    found = np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()
    wanted = affine.apply(np.array([x + 0.5, y + 0.5]) / 120) * hw[::-1]
    np.testing.assert_allclose(found, wanted, atol=0.33)


def test_the_whole_picture_is_seen_through_the_identity():
    picture = smooth((60, 60))
    painted = paint(picture, Marker())
    np.testing.assert_array_equal(seen_through(painted.image, painted.margins, Affine.identity(), (60, 60)), picture)


def test_looking_too_far_is_an_error():
    painted = paint(smooth((60, 60)), Classical())
    with pytest.raises(ValueError, match="does not reach as far"):
        seen_through(painted.image, painted.margins, Affine(np.full(2, 0.2), np.full(2, 0.4)), (60, 60))


def test_the_classical_fill_goes_on_where_the_picture_ends():
    picture = smooth((64, 64), 3)
    filled = extend(picture, (70, 30, 80, 100)).astype(int)
    inner = filled[30:94, 70:134]
    assert np.abs(inner - picture).max() <= 1
    assert np.abs(filled[30:94, 69] - inner[:, 0]).max() <= 12
    assert np.abs(filled[94, 70:134] - inner[-1]).max() <= 12
    roughness = [np.abs(np.diff(filled[30 + 64 + far], axis=0)).mean() for far in (1, 95)]
    assert roughness[1] < roughness[0] / 2  # the farther, the softer
    assert filled.min() >= 0
    assert np.abs(filled.mean((0, 1)) - picture.mean((0, 1))).max() < 40


def test_a_plain_picture_is_extended_plainly():
    filled = extend(np.full((20, 30, 3), (10, 200, 90), np.uint8), (40, 40, 40, 40))
    assert (filled == (10, 200, 90)).all()


def test_diffusers_gets_canvas_and_mask_and_its_picture_is_used():
    asked = {}

    def pipeline(**given):
        asked.update(given)
        return SimpleNamespace(images=[Image.new("RGB", (given["width"], given["height"]), (0, 0, 255))])

    picture = smooth((100, 100))
    painted = paint(picture, Diffusers(pipeline, "some/model", steps=7), seed=5)
    assert painted.method == "diffusers some/model"
    assert (painted.image[0, 0] == (0, 0, 255)).all()
    assert asked["width"] % 64 == asked["height"] % 64 == 0
    assert max(asked["width"], asked["height"]) == 1024
    assert asked["image"].size == asked["mask_image"].size == (asked["width"], asked["height"])
    assert asked["num_inference_steps"] == 7
    assert asked["generator"].initial_seed() == 5
    mask = np.asarray(asked["mask_image"]) > 127
    assert 1 - mask.mean() == pytest.approx(100 * 100 / painted.image[..., 0].size, rel=0.05)


def test_an_absent_model_is_told(tmp_path):
    with pytest.raises(MissingModelError, match=r"No inpainting model nobody/nothing is on this machine; download it"):
        load_painter("nobody/nothing")
    with pytest.raises(MissingModelError, match="No inpainting model"):
        load_painter(str(tmp_path))


def test_auto_takes_what_is_there(monkeypatch):
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    assert load_painter().name == "classical"
    second = outpaint.HUB_MODELS[1]
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda model, _: "here" if model == second else None)
    monkeypatch.setattr(outpaint, "_load_pipeline", lambda *_: None)
    assert load_painter("auto").name == f"diffusers {second}"
