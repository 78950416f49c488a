"""Edits made from edits: what a person does, and what then is drawn."""

from dataclasses import replace

import numpy as np
import pytest
from walking_person import T, same, walking_person, without

from apvgen.edits import Bridge, Edits, Mirror, Override, PointEdit, Restore
from apvgen.edits import operations as op
from apvgen.edits.keys import copy_key, remove_key, set_key, set_over, show_over
from apvgen.edits.points import correct
from apvgen.edits.words import point_name, sentences
from apvgen.errors import InputError
from apvgen.fda import override_at

WRIST, ELBOW = 4, 3
PLACE = (123.5, 77.25)
KEYS = Edits((Override(2, (2.0, 1.0)), Override(10, (1.0, 1.0), (0.8, 0.0), 16.0)))


@pytest.fixture
def person():
    return walking_person()


def drawn(person, edits: Edits):
    return correct(person, edits.points)


def curve(edits: Edits) -> np.ndarray:
    """Scale, offset, rotation and visibility of each frame, [T, 6]."""
    keys = [override_at(edits.face, t) for t in range(T)]
    return np.array([[*key.scale, *key.offset, key.rotation, key.visible] for key in keys])


def assert_curve(edits: Edits, expected: np.ndarray) -> None:
    np.testing.assert_allclose(curve(edits), expected, atol=1e-12)


def test_a_key_frame_is_put_replaced_and_taken_away():
    once = set_key(Edits(), Override(5, rotation=3.0))
    twice = set_key(set_key(once, Override(1, rotation=1.0)), Override(5, rotation=9.0))
    assert twice.face == (Override(1, rotation=1.0), Override(5, rotation=9.0))
    assert remove_key(twice, 1).face == (Override(5, rotation=9.0),)
    assert set_key(Edits(), Override(5)) == Edits(), "a key frame that does nothing was kept"


def test_a_copied_key_frame_has_the_correction_of_the_frame_before():
    copied = copy_key(KEYS, 5, 6)
    assert override_at(copied.face, 6) == replace(override_at(KEYS.face, 5), frame=6)


@pytest.mark.parametrize("edits", [Edits(), KEYS, set_key(KEYS, Override(6, visible=False))])
def test_a_correction_over_a_range_leaves_all_other_frames_as_they_were(edits):
    expected = curve(edits)
    expected[4:8] = 0.5, 0.5, 0.0, 0.3, -8.0, True
    assert_curve(set_over(edits, Override(0, (0.5, 0.5), (0.0, 0.3), -8.0), range(4, 8), T), expected)


def test_a_correction_over_a_range_fades_in_and_out_evenly():
    rotation = curve(set_over(Edits(), Override(0, rotation=12.0), range(5, 7), T, fade=2))[:, 4]
    np.testing.assert_allclose(rotation, [0, 0, 0, 4, 8, 12, 12, 8, 4, 0, 0, 0])


@pytest.mark.parametrize("frames", [range(3), range(9, 12), range(12), range(1, 2)])
def test_ranges_at_the_ends_of_the_clip_and_their_fades_stay_inside(frames):
    edits = set_over(Edits(), Override(0, rotation=12.0), frames, T, fade=5)
    edits.check_length(T)
    assert (curve(edits)[list(frames), 4] == 12).all()


@pytest.mark.parametrize("edits", [Edits(), KEYS, set_key(KEYS, Override(6, visible=False))])
def test_hiding_and_showing_the_face_changes_nothing_else(edits):
    hidden, expected = show_over(edits, range(3, 6), False, T), curve(edits)
    expected[3:6, 5] = False
    assert_curve(hidden, expected)
    expected[3:6, 5] = True
    assert_curve(show_over(hidden, range(3, 6), True, T), expected)


def test_a_dragged_point_is_one_edit_however_long_the_drag():
    edits = Edits()
    for x in range(50):
        edits = op.move_point(edits, PointEdit("body", WRIST, 5, (float(x), 0.0)))
    assert edits.points == (PointEdit("body", WRIST, 5, (49.0, 0.0)),)
    ranged = op.move_point(edits, PointEdit("body", WRIST, 5, PLACE, before=2))
    assert len(ranged.points) == 2, "a correction of more frames took the place of one"


def test_a_point_moved_after_an_exchange_of_sides_does_not_move_what_was_exchanged(person):
    first = PointEdit("left_hand", 8, 5, PLACE)
    exchanged = op.mirror(op.move_point(Edits(), first), Mirror(5, 5))
    again = op.move_point(exchanged, replace(first, xy=(1.0, 2.0)))
    hands = drawn(person, again).hands.xy[5, :, 8]
    np.testing.assert_array_equal(hands, [(1, 2), PLACE])


def test_a_hand_moves_as_a_whole_with_one_of_its_points(person):
    person = replace(person, hands=without(person.hands, slice(5, 6), 0, 20))
    by = np.array([13.0, -7.0])
    wrist = person.hands.xy[5, 0, 0] + by
    edits = op.move_part(Edits(), person, PointEdit("left_hand", 0, 5, tuple(wrist.tolist()), after=1))
    after = drawn(person, edits)
    np.testing.assert_allclose((after.hands.xy - person.hands.xy)[5:7, 0, :20], np.broadcast_to(by, (2, 20, 2)))
    assert not after.hands.seen[5, 0, 20]
    assert same(person, after, [0, 1, 2, 3, 4, 7, 8, 9, 10, 11])
    for edit in (
        PointEdit("left_hand", 20, 5, PLACE),
        PointEdit("left_hand", 0, 5, None),
        PointEdit("face", 0, 5, PLACE),
    ):
        with pytest.raises(InputError, match="cannot be moved by that point"):
            op.move_part(Edits(), person, edit)


def test_a_copied_hand_stands_where_the_frame_before_has_it(person):
    person = replace(person, hands=without(person.hands, slice(4, 5), 0, 20))
    before = drawn(person, op.move_point(Edits(), PointEdit("left_hand", 3, 4, PLACE)))
    edits = op.copy_points(
        op.move_point(Edits(), PointEdit("left_hand", 3, 4, PLACE)), before, "left_hand", 4, range(5, 8)
    )
    after = drawn(person, edits)
    np.testing.assert_array_equal(after.hands.xy[5:8, 0], np.repeat(before.hands.xy[4:5, 0], 3, 0))
    assert not after.hands.seen[5:8, 0, 20].any(), "a point that the source lacks was kept"
    np.testing.assert_array_equal(after.hands.xy[:, 1], person.hands.xy[:, 1])
    assert same(before, after, [0, 1, 2, 3, 4, 8, 9, 10, 11])


def test_copying_single_points_leaves_the_others(person):
    after = drawn(person, op.copy_points(Edits(), person, "body", 4, range(5, 6), [WRIST]))
    np.testing.assert_array_equal(after.body.xy[5, WRIST], person.body.xy[4, WRIST])
    np.testing.assert_array_equal(after.body.xy[5, ELBOW], person.body.xy[5, ELBOW])


@pytest.mark.parametrize("frame", [3, 5, 8])
def test_a_filled_gap_is_the_straight_line_that_was_there(person, frame):
    holed = replace(person, hands=without(person.hands, slice(3, 9), 1))
    edits = op.fill_gap(Edits(), holed, "right_hand", frame)
    filled = drawn(holed, edits)
    np.testing.assert_allclose(filled.hands.xy, person.hands.xy, atol=1e-4)
    assert filled.hands.seen.all()
    assert len(edits.points) == 21


def test_a_gap_at_an_end_of_the_clip_or_none_at_all_cannot_be_filled(person):
    holed = replace(person, hands=without(person.hands, slice(9, 12), 1))
    for part, frame in [("right_hand", 10), ("left_hand", 5)]:
        with pytest.raises(InputError, match=f"{part.replace('_', ' ')} has no gap around frame {frame}"):
            op.fill_gap(Edits(), holed, part, frame)


def test_only_the_missing_points_of_a_gap_are_filled(person):
    holed = replace(person, body=without(person.body, slice(3, 6), WRIST))
    edits = op.fill_gap(Edits(), holed, "body", 4)
    assert [(edit.point, edit.frame, edit.after) for edit in edits.points] == [(WRIST, 3, 2)]


def test_a_gap_of_the_face_is_bridged_as_a_whole(person):
    holed = replace(person, face=without(person.face, slice(2, 11)))
    assert op.fill_gap(Edits(), holed, "face", 6) == Edits(bridges=(Bridge(2, 10),))
    with pytest.raises(InputError, match="no gap around frame 1"):
        op.fill_gap(Edits(), holed, "face", 1)
    hidden = show_over(Edits(), range(2, 11), False, T)
    with pytest.raises(InputError, match="hidden by hand in frame 6"):
        op.fill_gap(hidden, holed, "face", 6)


def test_interpolation_replaces_what_was_found_by_a_straight_line(person):
    xy = person.body.xy.copy()
    xy[4:8, WRIST] += np.random.default_rng(0).normal(0, 30, (4, 2))
    shaky = replace(person, body=replace(person.body, xy=xy))
    calm = drawn(shaky, op.interpolate(Edits(), shaky, "body", range(4, 8), [WRIST]))
    np.testing.assert_allclose(calm.body.xy, person.body.xy, atol=1e-4)
    with pytest.raises(InputError, match="frames 7 and 12"):
        op.interpolate(Edits(), shaky, "body", range(8, 12))


def test_the_same_exchange_right_after_takes_it_back():
    edits = op.mirror(KEYS, Mirror(2, 5))
    assert edits.points == (Mirror(2, 5),)
    assert op.mirror(edits, Mirror(2, 5)) == KEYS
    assert len(op.mirror(edits, Mirror(2, 6)).points) == 2


def messy(person) -> tuple[Edits, object]:
    """Edits of every kind, most of which reach over frames 4 to 6, and a person with a gap there."""
    holed = replace(person, body=without(person.body, slice(3, 9), WRIST))
    edits = replace(KEYS, bridges=(Bridge(0, 1), Bridge(3, 8)))
    for layer in (
        PointEdit("body", WRIST, 5, PLACE),
        PointEdit("body", WRIST, 7, (9.0, 8.0), before=4),
        PointEdit("face", 9, 5, PLACE, before=9, after=9, spread="fade"),
        Mirror(2, 5, "all"),
        PointEdit("right_hand", 9, 6, None),
        PointEdit("left_hand", 9, 1, None),
    ):
        edits = replace(edits, points=(*edits.points, layer))
    return edits, holed


def test_a_reset_range_is_as_found_and_every_other_frame_as_before(person):
    edits, holed = messy(person)
    after = op.reset(edits, range(4, 7), T)
    assert same(drawn(holed, after), holed, slice(4, 7))
    assert same(drawn(holed, after), drawn(holed, edits), [0, 1, 2, 3, 7, 8, 9, 10, 11])
    expected = curve(edits)
    expected[4:7] = 1, 1, 0, 0, 0, True
    assert_curve(after, expected)
    assert after.bridges == (Bridge(0, 1),)


def test_a_reset_of_one_part_or_point_leaves_the_rest(person):
    edits, holed = messy(person)
    wrist = drawn(holed, op.reset(edits, range(T), T, "body", WRIST))
    assert not wrist.body.seen[3:9, WRIST].any()
    np.testing.assert_array_equal(wrist.face.xy, drawn(holed, edits).face.xy)
    face = op.reset(edits, range(T), T, "face")
    assert face.face == ()
    assert face.bridges == ()
    assert same(replace(drawn(holed, face), face=holed.face), replace(drawn(holed, edits), face=holed.face))
    assert op.reset(edits, range(T), T, "body").face == edits.face


def test_a_reset_of_everything_leaves_no_edit(person):
    edits, _ = messy(person)
    assert op.reset(edits, range(T), T) == Edits()


def test_edits_that_a_reset_undoes_altogether_are_forgotten():
    edits = op.move_point(Edits(), PointEdit("body", WRIST, 5, PLACE))
    other = op.move_point(edits, PointEdit("body", ELBOW, 9, PLACE))
    assert op.reset(other, range(5, 6), T).points == (PointEdit("body", ELBOW, 9, PLACE),)
    reaching = op.move_point(Edits(), PointEdit("body", WRIST, 5, PLACE, after=3))
    assert op.reset(reaching, range(5, 6), T).points == (*reaching.points, Restore(5, 5))


def test_every_edit_is_said_in_words(person):
    edits, _ = messy(person)
    said = list(sentences(replace(edits, points=(*edits.points, Restore(1, 2, "left_hand")))))
    assert said[0] == "gap of the face bridged in frames 0 to 1"
    assert "face at frame 10: size 100 % x 100 %, shift +80 % x +0 % of its size, rotation +16.0 degrees" in said
    assert "right wrist moved to (124, 77) px in frame 5" in said
    assert "point 9 of the face moved to (124, 77) px in frame 5 (fade over frames 0 to 14)" in said
    assert "joint 1 of the right middle finger hidden in frame 6" in said
    assert "sides of body and hands exchanged in frames 2 to 5" in said
    assert said[-1] == "left hand as found in frames 1 to 2"
    assert point_name("left_hand", 20) == "tip of the left little finger"
    assert point_name("right_hand", 0) == "wrist of the right hand"
