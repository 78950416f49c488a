"""The inspect panel's handlers as plain functions: what the page shows of a frame, and which frames it names."""

import json
from dataclasses import replace
from fractions import Fraction
from html import unescape

import numpy as np
import pytest
from scripted_studio import LOOK

from apvgen import project
from apvgen.errors import InputError, ProjectError
from apvgen.pipeline import realign
from apvgen.pose import draw_pose
from apvgen.preview import overlay
from apvgen.studio import closeup, layers, scrub, viewer
from apvgen.studio.context import answering
from apvgen.studio.viewer import Look
from apvgen.studio.worst import Bad, worst_frames
from apvgen.types import Affine


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
    def coloured(chosen):
        return (looking.motion_picture(Look(chosen), 3, 640) == layers.COLOURS[layer]).all(-1).sum()

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


def test_a_region_and_what_the_browser_asks_for_later_agree(studio, opened, looking):
    page = scrub.redrawn(studio, opened, 4, *LOOK)
    spec = unescape(spec_of(page))
    answer = scrub.frame_pictures(studio, spec, 4)
    assert [page.count(url) for url in answer["pictures"]] == [1] * 4
    assert answer["words"] in page
    assert json.loads(spec)["written"] == looking.written


def test_an_edit_makes_another_region_so_that_no_old_picture_is_shown(studio, opened):
    made = project.load(studio.store.folder(opened))
    before = scrub.redrawn(studio, opened, 4, *LOOK)
    realign(made, replace(made.settings.options.align, mode="paper"), made.settings.edits)
    assert spec_of(before) != spec_of(scrub.redrawn(studio, opened, 4, *LOOK))


def spec_of(page):
    return page.split('data-spec="')[1].split('"')[0]


@pytest.mark.parametrize("look", [(["frame", "x"], [], "all", 0.5), ([], ["x"], "all", 0.5), ([], [], "moon", 0.5)])
def test_a_look_that_is_not_offered_is_refused_in_one_sentence(studio, opened, look):
    with pytest.raises(InputError):
        scrub.redrawn(studio, opened, 0, *look)
    answer = answering(studio, scrub.frame_pictures)({"spec": json.dumps({"project": opened, "look": look}), "t": 0})
    assert answer == {"error": "That is no way to look at a frame; reload the page."}


def test_a_project_of_another_name_is_not_shown(studio, opened):
    spec = json.dumps({"project": "../" + opened, "look": LOOK})
    with pytest.raises(ProjectError, match="not the name of a project"):
        scrub.frame_pictures(studio, spec, 0)


def test_everything_switched_off_says_so(studio, opened):
    assert scrub.NOTHING in scrub.redrawn(studio, opened, 0, [], [], "all", 0.5)


def test_points_below_the_score_turn_red_and_are_counted(looking):
    driving = looking.analysis.driving
    score = driving.body.score.copy()
    score[3, :2] = 0.4
    unsure = replace(looking, alignment=replace(looking.alignment, target=scored(looking.alignment.target, score)))

    def red(below):
        return (unsure.motion_picture(Look(("uncertain",), below=below), 3, 640) == layers.RED).all(-1).sum()

    assert unsure.uncertain(3, 0.5) == 2
    assert unsure.uncertain(3, 0.3) == 0
    assert red(0.3) == 0
    assert red(0.5) > 30
    assert "2 uncertain" in scrub.facts(unsure, 3, 0.5)


def scored(motion, score):
    return replace(motion, body=replace(motion.body, score=score))


def test_a_close_up_holds_the_face_in_every_frame(looking):
    camera = closeup.Camera(looking.found)
    for t in range(len(looking)):
        window, hw = camera.window("face", t, 300)
        placed = window.apply(looking.found.face.xy[t])
        assert hw == (300, 300)
        assert placed.min() > 0
        assert placed.max() < 300
        assert np.ptp(placed, axis=0).max() > 100


def test_a_close_up_of_what_is_never_seen_is_the_whole_picture(looking):
    nobody = replace(looking.found, body=replace(looking.found.body, xy=np.full_like(looking.found.body.xy, np.nan)))
    assert closeup.Camera(nobody).window("left_hand", 3, 300)[1] == (300, 169)


def test_a_close_up_holds_what_jumps_between_missed_frames():
    points = np.full((21, 4, 2), np.nan)
    points[::10] = np.array([[200, 200], [240, 200], [200, 240], [240, 240]])
    points[10] += 150
    path = closeup.follow(points, 6.0, (600, 600))
    for t in (0, 10, 20):
        shown = path.window(t, 100).apply(points[t])
        assert 0 < shown.min() < shown.max() < 100


def test_a_close_up_stays_inside_the_picture():
    points = np.zeros((9, 4, 2)) + [[0, 0], [60, 0], [0, 60], [60, 60]] + np.linspace(0, 540, 9)[:, None, None]
    path = closeup.follow(points, 1.0, (600, 600))
    assert (path.centre - path.side[:, None] / 2).min() >= 0
    assert (path.centre + path.side[:, None] / 2).max() <= 600


def test_a_cut_shows_the_pixels_of_its_window():
    picture = np.random.default_rng(0).integers(0, 255, (60, 40, 3), np.uint8)
    shown = closeup.cut(picture, Affine(np.ones(2), np.array([-10.0, -20.0])), (16, 12))
    assert (shown == picture[20:36, 10:22]).all()
    ramp = np.broadcast_to(np.arange(0, 240, 6, np.uint8)[None, :, None], (60, 40, 3)).copy()
    doubled = closeup.cut(ramp, Affine(np.full(2, 2.0), np.array([-20.0, -40.0])), (32, 24))
    np.testing.assert_allclose(doubled[5, :, 0], 6 * ((np.arange(24) + 0.5) / 2 - 0.5 + 10), atol=1)


def test_the_frames_to_look_at_first_are_those_with_faults_and_their_reasons_are_named(looking):
    driving = looking.found
    assert worst_frames(driving, looking.edited.face, 0.5) == []
    xy, score = driving.body.xy.copy(), driving.body.score.copy()
    xy[2], score[2] = np.nan, 0
    score[9, :9] = 0.2
    broken = replace(driving, body=replace(driving.body, xy=xy, score=score))
    bad = worst_frames(broken, looking.edited.face, 0.5)
    assert [(one.frame, one.reasons) for one in bad] == [(2, ("body not found",))]
    bad = worst_frames(slow(broken), slow_face(looking.edited.face), 0.5)
    assert [(one.frame, one.reasons) for one in bad] == [(2, ("body not found",)), (9, ("body uncertain",))]


def slow(motion):
    """The same at a rate at which the frames are far apart."""
    return type(motion)(*(replace(part, fps=Fraction(5)) for part in (motion.body, motion.hands, motion.face)))


def slow_face(face):
    return replace(face, fps=Fraction(5))


def test_a_part_that_the_clip_never_shows_is_no_frames_fault(looking):
    assert not looking.found.hands.frames_seen.any()
    assert not any("hand" in reason for one in worst_frames(looking.found, looking.edited.face, 0.5) for reason in one)


def test_a_face_that_jumps_is_found_though_it_is_detected(looking):
    face = looking.edited.face
    xy = face.xy.copy()
    xy[6] += [0, 60]
    (bad,) = worst_frames(looking.found, replace(face, xy=xy), 0.5)
    assert (bad.frame, bad.reasons) == (6, ("face place jumps",))


def test_the_gallery_jumps_to_its_frames_or_says_that_none_stands_out(studio, opened, monkeypatch):
    assert scrub.NO_WORST in scrub.worst(studio, opened, 0.5)
    monkeypatch.setattr(scrub, "worst_frames", lambda *_: [Bad(7, 2.0, ("body not found", "face jumps"))])
    page = scrub.worst(studio, opened, 0.5)
    assert 'data-frame="7"' in page
    assert "body not found, face jumps" in page
    assert scrub.NO_GALLERY in scrub.worst(studio, "", 0.5)


def test_the_player_has_the_voice_and_the_rate_of_the_open_project(studio, opened):
    buttons, slider, pictures = scrub.shown(studio, project.load(studio.store.folder(opened)), *LOOK)
    assert 'data-fps="25.0"' in buttons
    assert "voice.wav" in buttons
    assert (slider.maximum, slider.interactive) == (11, True)
    assert pictures.count("<img") == 4
    buttons, slider, pictures = scrub.shown(studio, None, *LOOK)
    assert "<audio" not in buttons
    assert not slider.interactive
