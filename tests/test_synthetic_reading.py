"""Reading people of the synthetic world back out of pictures."""

import numpy as np
import pytest

from train.synthetic.people import person
from train.synthetic.reading import PARTS, colour_layout, layout_distance, mouth_opening
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


@pytest.mark.parametrize("index", [0, 1, 5])
def test_opening_is_read_as_it_was_spoken(dancers, index):
    made = dancers[index]
    read = mouth_opening(made.frames()[0], made.motion)
    assert np.ptp(made.opening) > 0.03
    assert np.corrcoef(read, made.opening)[0, 1] > 0.9


def test_a_portrait_shows_a_persons_own_colours():
    who = person(3)
    made = portrait(who, HW)
    read = dict(zip(PARTS, colour_layout(made.image[None], made.motion), strict=True))
    for part in ("skin", "lower", "background"):
        assert np.abs(read[part] - who.colours[part]).max() < 45


def test_what_is_out_of_sight_has_no_colour_and_no_opening():
    made = shot("face", 0, 0, (128, 128), 2)
    pictures, motion = made.frames()[0], made.motion
    layout = colour_layout(pictures, motion)
    assert np.isnan(layout[PARTS.index("shoes")]).all()
    assert np.isfinite(layout[PARTS.index("skin")]).all()
    motion.face.xy[0] = np.nan
    assert np.isnan(mouth_opening(pictures, motion)).tolist() == [True, False]
