"""Reading people of the synthetic world back out of pictures."""

import numpy as np
import pytest

from train.synthetic.people import person
from train.synthetic.reading import PARTS, colour_layout, layout_distance
from train.synthetic.shots import shot
from train.synthetic.world import portrait

HW = (192, 128)
DANCERS = 12


@pytest.fixture(scope="module")
def dancers():
    return [shot("speaking_dancer", 5, index, (384, 256), 24, split="held_out") for index in range(DANCERS)]


def test_a_dancing_person_is_told_from_a_crowd_by_the_colours(dancers):
    numbers = [made.figure.person.number for made in dancers] + list(range(1_000_000, 1_000_040))
    portraits = [portrait(person(number), (384, 256)) for number in numbers]
    known = [colour_layout(made.image[None], made.motion) for made in portraits]
    for index, made in enumerate(dancers):
        steps = slice(None, None, 4)
        read = colour_layout(made.frames()[0][steps], made.motion.take(steps))
        gaps = [layout_distance(read, layout) for layout in known]
        assert int(np.argmin(gaps)) == index


def test_a_portrait_shows_a_persons_own_colours():
    who = person(3)
    made = portrait(who, HW)
    read = dict(zip(PARTS, colour_layout(made.image[None], made.motion), strict=True))
    for part in ("skin", "lower", "background"):
        assert np.abs(read[part] - who.colours[part]).max() < 45


def test_what_is_out_of_sight_has_no_colour():
    made = shot("face", 0, 0, (128, 128), 2)
    pictures, motion = made.frames()[0], made.motion
    layout = colour_layout(pictures, motion)
    assert np.isnan(layout[PARTS.index("shoes")]).all()
    assert np.isfinite(layout[PARTS.index("skin")]).all()
