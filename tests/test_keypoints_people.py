"""Who is who over time, with people planted as boxes and colours."""

import numpy as np
import pytest

from apvgen.errors import NoPersonError
from apvgen.keypoints.people import (
    PersonTrack,
    Sighting,
    Survey,
    choose,
    look_of,
    overlap,
    track_people,
)
from apvgen.keypoints.quest import Guess, Search, best_match, territory

HW = (100, 200)
RED, BLUE = np.eye(96, dtype=np.float32)[[3, 40]]


def seen(left: float, look: np.ndarray = RED, width: float = 30) -> Sighting:
    return Sighting(np.array([left, 20, left + width, 80], np.float32), look)


def survey(sightings: dict[int, list[Sighting]], frames: int = 41, cuts: tuple[int, ...] = ()) -> Survey:
    every = {frame: sightings.get(frame, []) for frame in {*range(0, frames, 5), *cuts}}
    return Survey(HW, frames, 5, every, frozenset(cuts))


def test_intersection_over_union():
    a = np.array([0, 0, 10, 10.0])
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [np.nan] * 4])
    assert overlap(a, b) == pytest.approx([1, 1 / 3, 0, 0])
    assert (overlap(b[3], b) == 0).all()


def test_a_look_tells_colours_apart_and_survives_boxes_off_the_picture():
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :30], picture[:, 30:] = (200, 30, 30), (30, 30, 200)
    left, right = look_of(picture, np.array([0, 0, 30, 40])), look_of(picture, np.array([30, 0, 60, 40]))
    assert left.sum() == pytest.approx(1)
    assert np.minimum(left, right).sum() == 0
    assert look_of(picture, np.array([90, 90, 99, 99])).sum() == 0


def test_people_are_told_apart_by_place_and_ordered_by_size():
    people = track_people(survey({t: [seen(10 + t), seen(120 - t, BLUE, 60)] for t in range(0, 41, 5)}))
    assert [track.frames_seen for track in people] == [41, 41]
    np.testing.assert_allclose(people[0].box[:, 0], 120 - np.arange(41), atol=1e-3)
    np.testing.assert_allclose(people[1].box[:, 0], 10 + np.arange(41), atol=1e-3)
    assert people[0].area == pytest.approx(60 * 60 / 20000, rel=1e-4)


def test_a_short_gap_is_bridged_and_a_long_absence_is_not():
    short = track_people(survey({t: [seen(10)] for t in (0, 5, 20, 25, 30, 35, 40)}))
    assert [track.frames_seen for track in short] == [41]
    long = track_people(survey({t: [seen(10)] for t in (0, 5, 35, 40)}))
    expected = np.ones(41, bool)
    expected[11:30] = False  # one step after the last sighting, one before the next
    assert np.array_equal(np.isfinite(long[0].box).all(-1), expected)


def test_people_who_change_places_at_a_cut_keep_their_clothes():
    before = {t: [seen(10, RED), seen(120, BLUE)] for t in range(0, 20, 5)}
    after = {t: [seen(10, BLUE), seen(120, RED)] for t in (20, 25, 30, 35, 40)}
    people = track_people(survey({**before, **after}, cuts=(20,)))
    assert len(people) == 2
    for track in people:
        assert abs(track.box[19, 0] - track.box[20, 0]) == 110
        assert track.frames_seen == 41


def test_no_box_is_drawn_from_one_shot_into_the_next():
    people = track_people(survey({0: [seen(10)], 5: [seen(10)], 8: [seen(110)], 10: [seen(110)]}, 12, cuts=(8,)))
    np.testing.assert_allclose(people[0].box[:, 0], [10] * 8 + [110] * 4)


def test_where_two_are_never_seen_at_once_there_is_one_person():
    people = track_people(
        survey({0: [seen(10, RED)], 5: [seen(10, RED)], 35: [seen(120, BLUE)], 40: [seen(120, BLUE)]})
    )
    assert len(people) == 1


def test_a_single_false_alarm_is_nobody():
    sightings = {t: [seen(10)] for t in range(0, 41, 5)}
    sightings[15] = [seen(10), seen(150, BLUE)]
    assert len(track_people(survey(sightings))) == 1


def test_nobody_at_all():
    assert track_people(survey({})) == ()


def test_choosing_names_what_there_is():
    tracks = (PersonTrack(np.zeros((1, 4), np.float32), 0.5, 1),) * 2
    assert choose(tracks, 1) is tracks[1]
    with pytest.raises(NoPersonError, match=r"Person 2 does not exist: 2 people were found .* from 0 to 1"):
        choose(tracks, 2)
    with pytest.raises(NoPersonError, match="No person was found"):
        choose((), 0)


def test_a_search_turns_down_others_and_knows_where_to_look():
    people = track_people(survey({t: [seen(10), seen(120, BLUE, 60)] for t in range(0, 21, 5)}))
    search = Search.of(people, 0, frozenset({20}))
    mine, theirs, nowhere = seen(122, width=60).box, seen(12).box, seen(170).box
    assert search.is_wanted(mine, 7)
    assert not search.is_wanted(theirs, 7)
    assert search.expected(30) is None
    assert best_match([theirs, mine], search.expected(7)) == 1
    assert best_match([theirs, nowhere], search.expected(7)) is None
    assert best_match([], search.expected(7)) is None
    assert search.begins_shot(20)
    assert not search.begins_shot(19)


def test_a_guess_begins_with_the_largest_and_stays_with_the_same():
    guess = Guess()
    assert guess.expected(0) is None
    guess.update(0, [seen(10).box, seen(120, width=60).box], cut=False)
    assert guess.expected(1)[0] == 120
    guess.update(5, [seen(10, width=90).box, seen(110, width=60).box], cut=False)
    assert guess.expected(6)[0] == 110
    guess.update(9, [seen(10, width=90).box, seen(110, width=60).box], cut=True)
    assert guess.expected(9)[0] == 10
    assert guess.begins_shot(9)
    guess.update(10, [], cut=False)
    assert guess.expected(10) is None


def test_a_territory_ends_where_others_begin():
    mine = np.array([100, 0, 200, 300.0])
    right, left, overlapping, below = ([260, 0, 360, 300], [0, 0, 60, 300], [160, 0, 260, 300], [100, 400, 200, 700])
    assert territory(mine, [np.array(right)]).tolist() == [-np.inf, -np.inf, 260, np.inf]
    assert territory(mine, [np.array(left), np.array(right)]).tolist() == [60, -np.inf, 260, np.inf]
    assert territory(mine, [np.array(overlapping)]).tolist() == [-np.inf, -np.inf, 180, np.inf]
    assert territory(mine, [np.array(below)]).tolist() == [-np.inf, -np.inf, np.inf, 400]
    assert np.isinf(territory(mine, [mine + 5])).all()
    assert np.isinf(territory(mine, [])).all()
