"""Who lives in the synthetic world."""

from itertools import combinations

import numpy as np
import pytest

from apvgen.audio2face import landmarks as lm
from apvgen.layouts import FACE468_MIRRORED
from train.synthetic import colours
from train.synthetic.face_shape import rig_of
from train.synthetic.people import PEOPLE, person, somebody

CROWD = [person(number) for number in range(60)]


def test_a_number_is_one_person():
    assert person(7) == person(7)
    assert person(7) != person(8)


def test_splits_share_nobody():
    assert not set(PEOPLE["train"]) & set(PEOPLE["held_out"])
    rng = np.random.default_rng(0)
    assert all(somebody("held_out", rng).number in PEOPLE["held_out"] for _ in range(20))
    assert all(somebody("train", rng, slice(1, None, 2)).number % 2 == 1 for _ in range(20))


def test_colour_layouts_tell_people_apart():
    layouts = [np.array([p.colours[part] for part in ("hair", "upper", "lower", "background")], float) for p in CROWD]
    apart = [np.abs(a - b).mean() for a, b in combinations(layouts, 2)]
    assert np.quantile(apart, 0.01) > 20


@pytest.mark.parametrize("part", ["outfit", "hair", "extras"])
def test_people_vary_in_every_part(part):
    names = vars(getattr(CROWD[0], part))
    assert all(len({getattr(getattr(p, part), name) for p in CROWD}) > 1 for name in names)


def test_clothes_stand_out_from_skin_and_wall():
    gaps = [
        min(colours.distance(p.palette.upper, other) for other in (p.palette.skin, p.palette.wall, p.palette.lower))
        for p in CROWD
    ]
    assert np.mean(np.array(gaps) > 60) > 0.95


@pytest.mark.parametrize("number", range(6))
def test_faces_are_symmetric_with_lips_just_shut_and_the_mouth_as_wide_as_drawn(number):
    shape = person(number).face
    rest = rig_of(shape).rest
    np.testing.assert_allclose(rest[list(FACE468_MIRRORED)] * [-1, 1, 1], rest, atol=2e-3)
    gaps = rest[lm.INNER_LOWER, 1] - rest[lm.INNER_UPPER, 1]
    np.testing.assert_allclose(gaps, 0, atol=1e-9)
    width = np.ptp(rest[[lm.MOUTH_LEFT, lm.MOUTH_RIGHT], 0])
    assert width == pytest.approx(shape.mouth_width, rel=0.12)


@pytest.mark.parametrize("number", range(6))
def test_mouth_opens_and_eyes_close(number):
    rig = rig_of(person(number).face)
    wide = rig.articulate(np.array([[1, 1, 0, 0, 0, 0.0]]))
    assert rig.gap(wide)[0] == pytest.approx(0.15, abs=0.01)
    shut = rig.close_lids(rig.rest[None], np.ones(1))[0]
    aperture = rig.rest[lm.LOWER_LIDS, 1] - rig.rest[lm.UPPER_LIDS, 1]
    left = shut[lm.LOWER_LIDS, 1] - shut[lm.UPPER_LIDS, 1]
    assert aperture.max() > 0.06
    assert np.abs(left).max() < 0.2 * aperture.max()
