"""What a single correction does to the points, in numbers that follow from a person who moves evenly."""

from dataclasses import replace

import numpy as np
import pytest
from walking_person import STEP, T, same, walking_person, without

from apvgen.audio2face.face_geometry import canonical_face
from apvgen.edits import Bridge, Edits, Mirror, Override, PointEdit, Restore
from apvgen.edits.points import correct
from apvgen.edits.stored import edits_json, parse_edits, read_edits
from apvgen.errors import InputError
from apvgen.layouts import BODY18_MIRRORED, FACE468_MIRRORED

WRIST, OTHER_WRIST, NECK = 4, 7, 1
PLACE = (123.5, 77.25)


@pytest.fixture
def person():
    return walking_person()


def moved(person, **more):
    return correct(person, [PointEdit("body", WRIST, 5, PLACE, **more)])


def shift_of(person, corrected):
    return (corrected.body.xy - person.body.xy)[:, WRIST]


def test_a_point_moves_in_its_frame_and_nothing_else_does(person):
    corrected = moved(person)
    assert tuple(corrected.body.xy[5, WRIST]) == PLACE
    assert corrected.body.score[5, WRIST] == 1
    assert same(person, corrected, [t for t in range(T) if t != 5])
    untouched = np.delete(np.arange(18), WRIST)
    np.testing.assert_array_equal(corrected.body.xy[:, untouched], person.body.xy[:, untouched])


def test_no_layers_change_nothing_and_given_arrays_are_never_written_to(person):
    before = walking_person()
    assert correct(person, ()) is person
    moved(person, before=5, after=6)
    assert same(person, before)


def test_a_shift_moves_every_frame_of_its_range_alike(person):
    shift = shift_of(person, moved(person, before=2, after=3))
    expected = np.zeros((T, 2))
    expected[3:9] = np.array(PLACE) - person.body.xy[5, WRIST]
    np.testing.assert_array_equal(shift, expected)


def test_a_fade_falls_evenly_to_nothing_just_outside_its_range(person):
    corrected = moved(person, before=1, after=3, spread="fade")
    whole = np.array(PLACE) - person.body.xy[5, WRIST]
    share = np.array([0, 0, 0, 0, 1 / 2, 1, 3 / 4, 1 / 2, 1 / 4, 0, 0, 0])
    np.testing.assert_allclose(shift_of(person, corrected), share[:, None] * whole, atol=1e-4)
    np.testing.assert_allclose(corrected.body.score[:, WRIST], 0.5 + share / 2)


def test_two_fades_that_meet_are_key_frames_with_a_straight_correction_between(person):
    first, second = np.array([10.0, -6.0]), np.array([-14.0, 22.0])
    at = person.body.xy[:, WRIST].astype(float)
    edits = [
        PointEdit("body", WRIST, 2, tuple(at[2] + first), after=5, spread="fade"),
        PointEdit("body", WRIST, 8, tuple(at[8] + second), before=5, spread="fade"),
    ]
    shift = shift_of(person, correct(person, edits))
    t = np.arange(2, 9)
    between = first + (second - first) * ((t - 2) / 6)[:, None]
    np.testing.assert_allclose(shift[2:9], between, atol=1e-4)
    assert not shift[[0, 1, 9, 10, 11]].any()


def test_a_pin_holds_a_point_still(person):
    corrected = moved(person, before=1, after=2, spread="pin")
    np.testing.assert_array_equal(corrected.body.xy[4:8, WRIST], np.tile(np.float32(PLACE), (4, 1)))


def test_a_hidden_point_is_missing_in_its_range(person):
    corrected = correct(person, [PointEdit("left_hand", 8, 5, None, before=1, after=1)])
    seen = corrected.hands.seen[:, 0, 8]
    assert seen.tolist() == [True] * 4 + [False] * 3 + [True] * 5
    assert corrected.hands.seen[:, 1].all()
    assert np.isnan(corrected.hands.xy[4:7, 0, 8]).all()


def test_a_missing_point_gets_a_position(person):
    person = replace(person, hands=without(person.hands, slice(None), 1))
    corrected = correct(person, [PointEdit("right_hand", 0, 3, PLACE)])
    assert corrected.hands.seen[:, 1].sum() == 1
    assert tuple(corrected.hands.xy[3, 1, 0]) == PLACE
    assert corrected.hands.score[3, 1, 0] == 1


@pytest.mark.parametrize("spread", ["shift", "fade"])
def test_a_position_for_a_missing_point_is_joined_with_where_it_was_found(person, spread):
    person = replace(person, body=without(person.body, slice(3, 9), WRIST))
    corrected = correct(person, [PointEdit("body", WRIST, 5, PLACE, before=5, after=2, spread=spread)])
    start, end = person.body.xy[[2, 9], WRIST].astype(float)
    path = corrected.body.xy[:, WRIST]
    np.testing.assert_allclose(path[3:6], start + (np.array(PLACE) - start) * np.array([[1], [2], [3]]) / 3, atol=1e-4)
    np.testing.assert_allclose(path[6:8], PLACE + (end - PLACE) * np.array([[1], [2]]) / 4, atol=1e-4)
    np.testing.assert_array_equal(path[:3], person.body.xy[:3, WRIST])
    assert np.isnan(path[8]).all(), "a frame outside the range was filled"


def test_a_shift_does_not_invent_points_where_none_were_found(person):
    person = replace(person, body=without(person.body, slice(6, 8), WRIST))
    assert correct(person, [PointEdit("body", WRIST, 5, PLACE, after=5)]).body.seen[6:8, WRIST].tolist() == [False] * 2


def test_a_range_over_the_ends_of_the_clip_is_cut_off(person):
    shift = shift_of(person, moved(person, before=99, after=99))
    np.testing.assert_array_equal(shift, np.tile(shift[5], (T, 1)))


def test_later_edits_work_on_what_earlier_ones_left(person):
    corrected = correct(
        person, [PointEdit("body", WRIST, 5, PLACE, after=3), PointEdit("body", WRIST, 6, (0.0, 0.0), after=1)]
    )
    np.testing.assert_array_equal(corrected.body.xy[5, WRIST], PLACE)
    np.testing.assert_array_equal(corrected.body.xy[6:8, WRIST], [(0, 0), STEP])
    np.testing.assert_allclose(corrected.body.xy[8, WRIST], np.array(PLACE) + 3 * STEP)


def test_exchanged_hands_are_exchanged_in_their_frames_only(person):
    person = replace(person, hands=without(person.hands, slice(4, 5), 0))
    corrected = correct(person, [Mirror(3, 6)])
    np.testing.assert_array_equal(corrected.hands.xy[3:7], person.hands.xy[3:7, ::-1])
    np.testing.assert_array_equal(corrected.hands.score[3:7], person.hands.score[3:7, ::-1])
    assert same(person, corrected, [0, 1, 2, 7, 8, 9, 10, 11])
    np.testing.assert_array_equal(corrected.body.xy, person.body.xy)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("sides", ["hands", "body", "all"])
@pytest.mark.parametrize("neck", [True, False])
def test_mirroring_twice_is_as_if_it_had_not_been_done(person, sides, flip, neck):
    if not neck:
        person = replace(person, body=without(person.body, slice(None), NECK))
    mirror = Mirror(2, 9, sides, flip)
    assert not same(person, correct(person, [mirror]))
    assert same(person, correct(person, [mirror, mirror]))


def test_a_flip_turns_the_person_over_about_the_neck(person):
    corrected = correct(person, [Mirror(0, T - 1, "all", flip=True)])
    neck = person.body.xy[:, NECK]
    np.testing.assert_array_equal(corrected.body.xy[:, NECK], neck)
    found = person.body.xy[:, list(BODY18_MIRRORED)]
    np.testing.assert_allclose(corrected.body.xy[..., 0], 2 * neck[:, :1] - found[..., 0])
    np.testing.assert_array_equal(corrected.body.xy[..., 1], found[..., 1])
    np.testing.assert_allclose(corrected.hands.xy[:, 0, :, 0], 2 * neck[:, :1] - person.hands.xy[:, 1, :, 0])
    right_eye, left_eye = 33, 263
    np.testing.assert_allclose(corrected.face.xy[:, right_eye, 0], 2 * neck[:, 0] - person.face.xy[:, left_eye, 0])
    exchanged = correct(person, [Mirror(0, T - 1, "all")])
    np.testing.assert_array_equal(exchanged.face.xy, person.face.xy)


def test_the_tables_of_sides_pair_each_point_with_its_mirror_image():
    body, face = np.array(BODY18_MIRRORED), np.array(FACE468_MIRRORED)
    np.testing.assert_array_equal(body[body], np.arange(18))
    assert (body[WRIST], body[0], body[NECK]) == (OTHER_WRIST, 0, NECK)
    np.testing.assert_array_equal(face[face], np.arange(468))
    canonical = canonical_face()[0]
    np.testing.assert_allclose(canonical[face] * [-1, 1, 1], canonical)


def test_restoring_gives_back_what_was_found(person):
    layers = [Mirror(0, 11, "all"), PointEdit("body", WRIST, 5, PLACE, after=2), PointEdit("face", 9, 5, PLACE)]
    everything = correct(person, [*layers, Restore(4, 6)])
    assert same(person, everything, slice(4, 7))
    assert same(correct(person, layers), everything, [0, 1, 2, 3, 7, 8, 9, 10, 11])
    wrist = correct(person, [*layers, Restore(5, 5, "body", WRIST)])
    np.testing.assert_array_equal(wrist.body.xy[5, WRIST], person.body.xy[5, WRIST])
    assert tuple(wrist.face.xy[5, 9]) == PLACE
    face = correct(person, [*layers, Restore(5, 5, "face")])
    assert same(replace(face, face=person.face), correct(person, layers[:2]))


EVERYTHING = Edits(
    (Override(3, (1.5, 1.0), (0.1, 0.0), -12.5, False), Override(1)),
    (
        PointEdit("face", 467, 5, PLACE, 1, 2, "fade"),
        PointEdit("body", 2, 5, None),
        Mirror(1, 2, "all", True),
        Restore(0, 1),
    ),
    (Bridge(3, 9),),
)


def test_edits_survive_json_exactly(tmp_path):
    odd = replace(EVERYTHING, points=(*EVERYTHING.points, PointEdit("body", 0, 0, (0.1 + 0.2, 1 / 3))))
    assert parse_edits(edits_json(odd)) == odd
    for text in (edits_json(odd), b'{"schema": 2, "other": 1, "edits": ' + edits_json(odd) + b"}"):
        (tmp_path / "edits.json").write_bytes(text)
        assert read_edits(tmp_path / "edits.json") == odd


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"face": [{"frame": 1, "rotate": 5}]}', "rotate"),
        ('{"points": [{"part": "body", "point": 18, "frame": 1, "xy": [1, 2]}]}', "points 0 to 17"),
        ('{"points": [{"part": "body", "point": 1, "frame": 1, "xy": [NaN, 2]}]}', "within 100000 px"),
        ('{"points": [{"part": "body", "point": 1, "frame": 1}]}', "xy"),
        ('{"face": [{"frame": 1}, {"frame": 1}]}', "frame 1 has several"),
        ("[1, 2]", "no edits"),
        ('{"inputs": {}}', "inputs"),
        ("half", "no edits"),
    ],
)
def test_a_file_that_holds_no_edits_is_one_clear_sentence(tmp_path, text, message):
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_edits(tmp_path / "e.json")
    assert "\n" not in str(caught.value)


def test_an_absent_file_of_edits_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.json cannot be read"):
        read_edits(tmp_path / "gone.json")


@pytest.mark.parametrize(
    "make",
    [
        lambda: PointEdit("foot", 0, 0, None),
        lambda: PointEdit("body", 0, -1, None),
        lambda: PointEdit("body", 0, 0, None, before=-1),
        lambda: PointEdit("body", 0, 0, (float("inf"), 0.0)),
        lambda: PointEdit("body", 0, 0, None, spread="jump"),
        lambda: Mirror(3, 2),
        lambda: Mirror(0, 1, "feet"),
        lambda: Restore(0, 1, None, 3),
        lambda: Restore(0, 1, "body", 18),
        lambda: Bridge(-1, 2),
        lambda: Edits((Override(1), Override(1))),
    ],
)
def test_senseless_edits_are_refused(make):
    with pytest.raises(ValueError, match=r"must|has points|count from|is none|at most one"):
        make()


@pytest.mark.parametrize(
    "edits",
    [
        Edits((Override(12),)),
        Edits(points=(PointEdit("body", 0, 12, None),)),
        Edits(points=(Mirror(0, 12),)),
        Edits(bridges=(Bridge(0, 12),)),
    ],
)
def test_edits_beyond_the_clip_are_refused(edits):
    edits.check_length(13)
    with pytest.raises(InputError, match="Frame 12 cannot be edited: the clip has frames 0 to 11"):
        edits.check_length(12)
