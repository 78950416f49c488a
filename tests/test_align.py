from dataclasses import replace

import numpy as np
import pytest
from walking_person import same

from apvgen.align import Analysis, align, move_points
from apvgen.config import AlignOptions
from apvgen.edits import Bridge, Edits, Mirror, Override, PointEdit
from apvgen.errors import InputError
from apvgen.fda import STABLE_LANDMARKS

HW_OUT = (768, 512)
EXACT = AlignOptions(smoothing=0)


def without_face(analysis: Analysis, frames: slice) -> Analysis:
    face = analysis.driving.face
    xy, score, depth = face.xy.copy(), face.score.copy(), face.depth.copy()
    xy[frames], score[frames], depth[frames] = np.nan, 0, np.nan
    gone = replace(face, xy=xy, score=score, depth=depth)
    return replace(analysis, driving=replace(analysis.driving, face=gone))


@pytest.mark.parametrize("mode", ["stable", "head_pose"])
def test_the_head_lands_where_the_driver_has_it(analysis, mode):
    alignment = align(analysis, replace(EXACT, mode=mode), Edits(), HW_OUT)
    upper = list(STABLE_LANDMARKS)
    expected = 0.5 * analysis.driving.face.xy[:, upper] + [10, 20]

    np.testing.assert_allclose(alignment.target.face.xy[:, upper], expected, atol=0.01)
    np.testing.assert_allclose(alignment.body_fit.a, 0.5, atol=1e-5)
    assert alignment.target.hw == HW_OUT


def test_body_and_hands_go_through_the_same_map_as_the_face(analysis):
    alignment = align(analysis, EXACT, Edits(), HW_OUT)
    np.testing.assert_allclose(alignment.target.body.xy[0], analysis.reference.body.xy[0], atol=1e-2)
    assert not alignment.target.hands.frames_seen.any()


def test_short_gaps_are_bridged_evenly_and_long_gaps_have_no_face(analysis):
    whole = align(analysis, EXACT, Edits(), HW_OUT).target.face
    short = align(without_face(analysis, slice(2, 5)), EXACT, Edits(), HW_OUT).target.face
    assert short.frames_seen.all()
    np.testing.assert_allclose(short.xy[2:5].mean(1), whole.xy[2:5].mean(1), atol=1.0)
    long = align(without_face(analysis, slice(2, 9)), EXACT, Edits(), HW_OUT).target.face
    assert long.frames_seen.tolist() == [True] * 2 + [False] * 7 + [True] * 3
    assert np.isnan(long.xy[2:9]).all(), "a stale face was drawn"


def test_no_rotation_gives_the_frontal_face(analysis):
    frontal = align(analysis, replace(EXACT, head_rotation="none"), Edits(), HW_OUT).voice_face
    np.testing.assert_array_equal(frontal.xy, analysis.voice.vertices[..., :2])


def test_overrides_act_on_the_drawn_face_only(analysis):
    plain = align(analysis, EXACT, Edits(), HW_OUT).target
    moved = align(analysis, EXACT, Edits((Override(0, offset=(0.0, 1.0)),)), HW_OUT).target
    height = np.ptp(plain.face.xy[..., 1], axis=1)
    shift = (moved.face.xy - plain.face.xy)[..., 1]
    np.testing.assert_allclose(shift, np.repeat(height[:, None], 468, 1), rtol=1e-3)
    np.testing.assert_array_equal(moved.body.xy, plain.body.xy)


def test_without_body_fitting_the_whole_driving_picture_is_kept(analysis):
    alignment = align(analysis, replace(EXACT, fit_body=False), Edits(), HW_OUT)
    corners = alignment.body_fit.apply(np.array([[0.0, 0.0], [576.0, 1024.0]]))
    np.testing.assert_allclose(corners, [[40, 0], [472, 768]])


def test_parts_of_different_length_are_refused(analysis):
    with pytest.raises(ValueError, match="same number of frames"):
        replace(analysis, driving_index=np.arange(3))


def test_the_face_turns_about_its_own_centre_and_key_frames_around_it_hold_everything_else(analysis):
    plain = align(analysis, EXACT, Edits(), HW_OUT).target
    keys = (Override(4), Override(5, rotation=90.0), Override(6))
    turned = align(analysis, EXACT, Edits(keys), HW_OUT).target
    face = plain.face.xy[5]
    x, y = np.moveaxis(face - (face.min(0) + face.max(0)) / 2, -1, 0)
    np.testing.assert_allclose(turned.face.xy[5], (face.min(0) + face.max(0)) / 2 + np.stack([-y, x], -1), atol=0.01)
    assert same(plain, turned, [t for t in range(12) if t != 5])


def test_a_hidden_face_is_not_drawn_not_even_its_moved_points(analysis):
    edits = Edits((Override(3, visible=False), Override(5)), (PointEdit("face", 9, 4, (1.0, 2.0)),))
    alignment = align(analysis, EXACT, edits, HW_OUT)
    assert alignment.target.face.frames_seen.tolist() == [True] * 3 + [False] * 2 + [True] * 7
    assert np.isnan(alignment.fda.a).all(1).tolist() == [False] * 3 + [True] * 2 + [False] * 7


@pytest.mark.parametrize("part", ["body", "face"])
def test_a_moved_point_is_where_it_was_put_in_driving_pixels_and_nothing_else_changes(analysis, part):
    plain = align(analysis, EXACT, Edits(), HW_OUT)
    moved = align(analysis, EXACT, Edits(points=(PointEdit(part, 8, 4, (321.0, 123.0)),)), HW_OUT)
    point = getattr(moved.target, part).xy[4, 8]
    np.testing.assert_allclose(point, plain.body_fit.apply(np.array([321.0, 123.0])), atol=1e-3)
    np.testing.assert_allclose(getattr(moved.edited, part).xy[4, 8], (321, 123), atol=1e-3)
    np.testing.assert_array_equal(moved.body_fit.a, plain.body_fit.a)
    assert same(plain.target, moved.target, [t for t in range(12) if t != 4])
    assert not same(plain.target, moved.target, [4])


@pytest.mark.parametrize("mode", ["paper", "stable", "head_pose"])
def test_a_moved_point_of_the_face_keeps_its_place_in_every_mode(analysis, mode):
    edits = Edits(points=(PointEdit("face", 8, 4, (321.0, 123.0)),))
    edited = align(analysis, replace(EXACT, mode=mode), edits, HW_OUT).edited
    np.testing.assert_allclose(edited.face.xy[4, 8], (321, 123), atol=1e-3)


def test_a_long_gap_is_bridged_where_a_person_wants_it(analysis):
    whole = align(analysis, EXACT, Edits(), HW_OUT).target.face
    gap = without_face(analysis, slice(2, 9))
    for bridge, frames in [(Bridge(2, 8), range(12)), (Bridge(2, 7), [0, 1, 9, 10, 11])]:
        face = align(gap, EXACT, Edits(bridges=(bridge,)), HW_OUT).target.face
        assert np.flatnonzero(face.frames_seen).tolist() == list(frames)
    bridged = align(gap, EXACT, Edits(bridges=(Bridge(2, 8),)), HW_OUT).target.face
    np.testing.assert_allclose(bridged.xy[2:9].mean(1), whole.xy[2:9].mean(1), atol=3.0)


def test_moving_points_is_aligning_again_to_the_byte(analysis):
    face = (Override(3, (1.2, 0.9), (0.1, 0.2), 7.0), Override(8, visible=False), Override(10))
    points = (PointEdit("face", 9, 4, (300.0, 200.0), 3, 9, "fade"), Mirror(2, 5, "all"))
    before = align(analysis, AlignOptions(), Edits(face), HW_OUT)
    again = align(analysis, AlignOptions(), Edits(face, points), HW_OUT)
    quick = move_points(analysis, before, Edits(face, points))
    assert same(quick.target, again.target)
    np.testing.assert_array_equal(quick.fda.b, again.fda.b)
    assert same(move_points(analysis, quick, Edits(face)).target, before.target)


def test_an_edit_beyond_the_clip_is_refused(analysis):
    with pytest.raises(InputError, match="Frame 12 cannot be edited"):
        align(analysis, EXACT, Edits((Override(12),)), HW_OUT)
