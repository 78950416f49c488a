"""The inspect panel's handlers as plain functions: what the page shows of a frame, and which frames it names."""

import pytest
from scripted_studio import LOOK

from apvgen.pose import draw_pose
from apvgen.preview import overlay
from apvgen.studio import scrub, viewer
from apvgen.studio.viewer import Look

ALL_SHOTS = ("voice", "pose", "overlay")


@pytest.fixture
def looking(studio, opened):
    return viewer.open_viewer(studio.store.folder(opened))


def test_whole_pictures_are_what_the_preview_draws(looking):
    shots = looking.pictures(Look(), 4, 768)
    assert (shots["pose"] == draw_pose(looking.alignment.target, 4, "mesh")).all()
    assert (shots["overlay"] == overlay(looking.reference, shots["pose"])).all()
    assert shots["voice"].any()


@pytest.mark.parametrize("zoom", ["all", "face", "left_hand"])
def test_no_picture_is_larger_than_asked_for(looking, zoom):
    for shot in looking.pictures(Look(zoom=zoom), 0, 300).values():
        assert max(shot.shape) == 300


def test_only_the_chosen_pictures_are_drawn(looking):
    assert list(looking.pictures(Look(("body",), ("overlay",)), 0, 200)) == ["motion", "overlay"]
    assert list(looking.pictures(Look((), ("pose",)), 0, 200)) == ["pose"]


@pytest.mark.parametrize("layer", ["body", "face", "aligned"])
def test_every_layer_adds_its_own_colour_to_the_motion(looking, layer):
    from apvgen.studio.layers import COLOURS

    def coloured(layers):
        return (looking.motion_picture(Look(layers), 3, 640) == COLOURS[layer]).all(-1).sum()

    assert coloured((layer,)) > 20
    assert coloured(()) == 0


def test_frames_beyond_the_end_show_the_last_one(studio, opened):
    assert scrub.redrawn(studio, opened, 99, *LOOK) == scrub.redrawn(studio, opened, 11, *LOOK)
    assert scrub.redrawn(studio, opened, 0, *LOOK) != scrub.redrawn(studio, opened, 11, *LOOK)


def test_what_was_detected_in_a_frame_is_said_in_words(looking):
    said = scrub.facts(looking, 5, 0.5)
    assert said == "0.20 s · body found · left hand not found · right hand not found · face found"


def test_no_project_shows_empty_places_of_the_same_shape(studio, opened):
    assert scrub.redrawn(studio, "", 0, *LOOK).count('class="shot"') == 4
    assert scrub.redrawn(studio, opened, 0, *LOOK).count('class="shot"') == 4
