"""Everybody in the driving video, to choose from."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from apvgen.errors import InputError
from apvgen.studio import persons
from apvgen.studio.viewer import open_viewer


@pytest.fixture
def analysis(analysis):
    """Two people: one on the left throughout, one who comes in late and is largest in frame 9."""
    boxes = np.full((2, len(analysis), 4), np.nan, np.float32)
    boxes[0] = [50, 100, 200, 900]
    boxes[1, 6:] = [300, 200, 400, 600]
    boxes[1, 9] = [300, 100, 500, 900]
    return replace(analysis, people=boxes)


def test_each_person_is_a_button_and_the_followed_one_is_pressed(studio, opened):
    said = persons.shown(studio, opened)
    assert said.count("data-person") == 2
    assert 'data-person="0" aria-pressed="true"' in said
    assert "2 people are in the video" in said
    assert ">person 0, followed now</button>" in said
    assert ">person 1</button>" in said


def test_a_portrait_is_cut_where_the_person_is_largest(studio, opened, monkeypatch):
    viewer = open_viewer(studio.store.folder(opened))
    asked = []
    height, width = viewer.analysis.driving.hw
    picture = np.zeros((height, width, 3), np.uint8)
    picture[100:900, 300:500] = 255

    def pictures(_self, _look, t, _side):
        asked.append(t)
        return {"motion": picture}

    monkeypatch.setattr(type(viewer), "pictures", pictures)
    cut = persons.portrait(viewer, 1)
    assert asked == [9]
    assert cut.shape[0] == persons.HEIGHT
    share = 200 * 800 / ((200 + 128) * (800 + 128))
    assert cut.mean() / 255 == pytest.approx(share, abs=0.03)


def test_alone_or_without_a_project_there_is_nothing_to_choose(studio):
    assert persons.shown(studio, "") == ""


def test_a_click_sets_the_option_and_nonsense_is_refused():
    assert persons.chosen(SimpleNamespace(_data={"person": 1})) == (1, persons.markup.say(persons.NEXT.format(1)))
    for forged in ({"person": -1}, {"person": "1"}, {}):
        with pytest.raises(InputError):
            persons.chosen(SimpleNamespace(_data=forged))
