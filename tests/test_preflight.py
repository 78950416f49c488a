"""Each check against planted faults, and against a person with none."""

from dataclasses import replace

import numpy as np
import pytest
from good_case import OPTIONS, T, good_case, larger, shaken, without

from apvgen.config import AlignOptions
from apvgen.preflight import Case, Finding, assess_pose
from apvgen.preflight.finding import level_above, level_below, runs, where
from apvgen.preflight.people import check_people
from apvgen.preflight.steadiness import kick, tremble
from apvgen.types import Motion


def found(case: Case, topic: str) -> Finding:
    return next(finding for finding in assess_pose(case) if finding.topic == topic)


def frames(finding: Finding) -> list[int]:
    return [frame for part in finding.frames for frame in part]


def test_nothing_is_found_where_nothing_is_wrong():
    findings = assess_pose(good_case())
    assert {finding.topic: finding.level for finding in findings if finding.level != "green"} == {}
    assert len({finding.topic for finding in findings}) == 10
    assert not any(finding.frames for finding in findings)


@pytest.mark.parametrize(("gap", "level"), [(slice(40, 45), "green"), (slice(40, 46), "amber"), (slice(20, 40), "red")])
def test_a_face_is_missed_where_the_gap_is_too_long_to_bridge(gap, level):
    finding = found(good_case(lambda motion: replace(motion, face=without(motion.face, gap))), "face")
    assert finding.level == level
    assert frames(finding) == ([] if level == "green" else list(range(T))[gap])
    assert finding.value == pytest.approx(len(frames(finding)) / T)
    if level == "red":
        assert "In 20 of 75 frames (27 %, first at 0.8 s) no face is found" in finding.sentence


@pytest.mark.parametrize(("missing", "level"), [([3], "amber"), (list(range(10)), "red")])
def test_a_missing_body(missing, level):
    def spoil(motion: Motion) -> Motion:
        return replace(motion, body=without(motion.body, missing))

    finding = found(good_case(spoil), "body")
    assert (finding.level, frames(finding)) == (level, missing)


@pytest.mark.parametrize(("missing", "level"), [([5], "green"), ([5, 6, 7, 8, 9], "amber"), (range(60), "red")])
def test_a_hand_is_missed_only_where_its_wrist_is_in_the_picture(missing, level):
    def spoil(motion: Motion) -> Motion:
        score = motion.body.score.copy()
        score[:, [4, 7]] = 0.9
        wrists = replace(motion.body, score=score)
        return replace(motion, body=wrists, hands=without(motion.hands, list(missing)))

    finding = found(good_case(spoil), "hands")
    assert (finding.level, frames(finding)) == (level, list(missing))
    assert ("the renderer invents its fingers" in finding.sentence) == (level != "green")
    assert "invents" not in found(replace(good_case(spoil), renderer="draft"), "hands").sentence

    def hide(motion: Motion) -> Motion:
        score, xy = motion.body.score.copy(), motion.body.xy.copy()
        score[:, [4, 7]], xy[:, [4, 7]] = 0, np.nan
        return replace(motion, body=replace(motion.body, score=score, xy=xy), hands=without(motion.hands, slice(None)))

    assert found(good_case(hide), "hands").sentence == "No hands are in the picture."


@pytest.mark.parametrize(
    ("score", "count", "detector", "level"),
    [
        (0.8, 20, "mediapipe 1", "amber"),
        (0.8, 60, "mediapipe 1", "red"),
        (0.8, 60, "rtmlib 1", "green"),
        (0.4, 60, "rtmlib 1", "red"),
        (0.8, 2, "mediapipe 1", "green"),
    ],
)
def test_hands_below_the_detectors_own_limit_are_unsure(score, count, detector, level):
    def spoil(motion: Motion) -> Motion:
        scores = np.where(motion.hands.score > 0, 0.99, 0).astype(np.float32)
        scores[:count, 0] *= score / 0.99
        return replace(motion, hands=replace(motion.hands, score=scores))

    finding = found(good_case(spoil, detector=detector), "hand confidence")
    assert finding.level == level
    assert len(frames(finding)) in ({0} if detector[0] == "r" and level == "green" else {count})


def planted_people(second: np.ndarray | None, person: int = 0) -> Case:
    case = good_case()
    people = case.analysis.people if second is None else np.concatenate([case.analysis.people, second])
    options = replace(OPTIONS, person=person)
    return replace(case, analysis=replace(case.analysis, people=people), options=options)


def test_other_people_are_counted_and_those_in_front_are_red():
    beside = np.full((1, T, 4), np.nan, np.float32)
    beside[0, 10:30] = [420, 50, 500, 700]
    finding = check_people(planted_people(beside))
    assert (finding.level, finding.frames, finding.value) == ("amber", (range(10, 30),), pytest.approx(20 / T))
    assert "person 0 is followed, of 2" in finding.sentence
    assert "person 1 is followed, of 2" in check_people(planted_people(beside, person=1)).sentence

    crossing = beside.copy()
    crossing[0, 12:15] = [150, 60, 420, 700]
    finding = check_people(planted_people(crossing))
    assert (finding.level, finding.frames) == ("red", (range(12, 15),))


def test_where_nobody_was_counted_nothing_is_said_of_people():
    case = good_case()
    assert check_people(replace(case, analysis=replace(case.analysis, people=None))) is None


@pytest.mark.parametrize(("share", "level"), [(0.005, "green"), (0.02, "amber"), (0.06, "red")])
def test_trembling_points_are_read_in_face_heights(share, level):
    case = good_case()
    noise = share * case.face_height
    body = shaken(case.alignment.target.body, noise)
    target = replace(case.alignment.target, body=body)
    finding = found(replace(case, alignment=replace(case.alignment, target=target)), "jitter")
    assert finding.level == level
    assert level == "green" or "body" in finding.sentence
    read = tremble(kick(body.xy), 13) / case.face_height
    assert np.median(read) == pytest.approx(share, rel=0.3)


def test_trembling_is_found_where_it_is():
    case = good_case()
    target = case.alignment.target
    hands = shaken(target.hands, 0.05 * case.face_height, slice(30, 50))
    finding = found(replace(case, alignment=replace(case.alignment, target=replace(target, hands=hands))), "jitter")
    assert finding.level == "amber"
    assert set(range(32, 48)) <= set(frames(finding)) <= set(range(24, 56))


def test_a_jump_of_a_hand_is_one_frame_and_fast_motion_is_none():
    case = good_case()
    target = case.alignment.target
    xy = target.hands.xy.copy()
    xy[40, 1] += 1.5 * case.face_height
    hands = replace(target.hands, xy=xy)
    finding = found(replace(case, alignment=replace(case.alignment, target=replace(target, hands=hands))), "jitter")
    assert finding.level == "amber"
    assert {40} <= set(frames(finding)) <= set(range(38, 42))

    swing = np.sin(np.arange(T) * 2 * np.pi / 12) * 2 * case.face_height  # twice a second, four faces wide
    swung = replace(target.hands, xy=(target.hands.xy + swing[:, None, None, None]).astype(np.float32))
    finding = found(replace(case, alignment=replace(case.alignment, target=replace(target, hands=swung))), "jitter")
    assert finding.level == "green"


@pytest.mark.parametrize(("height", "level"), [(100, "green"), (30, "amber"), (12, "red")])
def test_a_small_face_in_the_driving_video(height, level):
    def spoil(motion: Motion) -> Motion:
        factor = height / np.ptp(motion.face.xy[0, :468, 1])
        return Motion(*(larger(part, factor) for part in (motion.body, motion.hands, motion.face)))

    finding = found(good_case(spoil), "face size")
    assert finding.level == level
    assert f"{height} px in the driving video" in finding.sentence


@pytest.mark.parametrize(("factor", "level"), [(1.0, "green"), (0.18, "amber"), (0.07, "red")])
def test_a_mouth_too_small_to_be_drawn(factor, level):
    case = good_case()
    target = case.alignment.target
    small = replace(target, face=larger(target.face, factor))
    finding = found(replace(case, alignment=replace(case.alignment, target=small)), "face size")
    assert finding.level == level
    assert finding.value == pytest.approx(case.face_height * factor, rel=1e-3)


def test_no_face_at_all_is_red():
    case = good_case(lambda motion: replace(motion, face=without(motion.face, slice(None))))
    assert {f.topic for f in assess_pose(case) if f.level == "red"} == {"face", "face size"}


@pytest.mark.parametrize(("factor", "level"), [(1.1, "green"), (1.3, "amber"), (0.75, "amber"), (1.6, "red")])
def test_a_head_of_another_size_than_the_photos(factor, level):
    case = good_case()
    target = case.alignment.target
    other = replace(target, face=larger(target.face, factor))
    finding = found(replace(case, alignment=replace(case.alignment, target=other)), "proportions")
    assert finding.level == level
    assert finding.value == pytest.approx(factor, rel=0.05)
    if level != "green":
        assert ("larger" if factor > 1 else "smaller") in finding.sentence


@pytest.mark.parametrize(("count", "level"), [(1, "green"), (5, "amber"), (20, "red")])
def test_a_face_that_leaves_the_picture(count, level):
    case = good_case()
    target = case.alignment.target
    xy = target.face.xy.copy()
    xy[:count, :, 0] -= xy[:count, :, 0].mean()
    out = replace(target, face=replace(target.face, xy=xy))
    finding = found(replace(case, alignment=replace(case.alignment, target=out)), "framing")
    assert (finding.level, frames(finding)) == (level, list(range(count)))


@pytest.mark.parametrize(("kept", "level"), [(0.99, "green"), (0.8, "amber"), (0.5, "red"), (np.nan, "amber")])
def test_lost_lips(kept, level):
    case = good_case()
    case = replace(case, alignment=replace(case.alignment, lip_gap_kept=kept))
    assert found(case, "lips").level == level


def test_a_pose_that_is_not_fitted_is_measured_as_it_is_drawn():
    options = replace(OPTIONS, align=AlignOptions(fit_body=False))

    def spoil(motion: Motion) -> Motion:
        return Motion(*(replace(larger(part, 0.6), hw=motion.hw) for part in (motion.body, motion.hands, motion.face)))

    assert found(good_case(spoil), "proportions").level == "green"
    assert found(good_case(spoil, options), "proportions").level == "red"


def test_levels_runs_and_words():
    assert [level_above(value, 1, 2) for value in (0.9, 1, 2)] == ["green", "amber", "red"]
    assert [level_below(value, 2, 1) for value in (2, 1, 0.9)] == ["green", "amber", "red"]
    marked = np.array([1, 1, 0, 0, 1, 0, 1], bool)
    assert runs(marked) == (range(2), range(4, 5), range(6, 7))
    assert runs(np.zeros(3, bool)) == ()
    assert where(marked, OPTIONS.fps) == "in 4 of 7 frames (57 %, first at 0.0 s)"
    assert where(np.ones(3, bool), OPTIONS.fps) == "in every frame"
