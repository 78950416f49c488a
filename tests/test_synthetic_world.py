"""Clips of the synthetic world: exact, repeatable, and as far apart as the paper's two data sets."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from apvgen.audio2face.articulation import CHANNELS
from apvgen.draft.face import INNER_LIPS
from apvgen.fda import lip_gap
from train.outpaint import margins_of
from train.synthetic import world
from train.synthetic.draw.mouth import TEETH, TONGUE
from train.synthetic.people import MOUTH_INSIDE, PEOPLE, person
from train.synthetic.shots import shot

HW, FRAMES = (384, 256), 12
TRUNK, LEGS = (0, 1, 2, 5, 8, 11), (9, 10, 12, 13)
LEFT_WRIST, RIGHT_WRIST = 7, 4


@pytest.fixture(scope="module")
def close_up():
    return world.face_clip(1, 3, (192, 192), FRAMES)


@pytest.fixture(scope="module")
def dancer():
    return world.body_clip(1, 2, HW, FRAMES)


@pytest.fixture(scope="module")
def talking_dancer():
    return shot("speaking_dancer", 1, 3, HW, 40, split="held_out")


def at(picture: np.ndarray, xy: np.ndarray) -> np.ndarray:
    x, y = np.rint(xy).astype(int)
    return picture[y, x].astype(int)


def near(colour: np.ndarray, wanted: tuple[int, int, int]) -> bool:
    """Of one hue and roughly one brightness: under light or in shadow."""
    ratio = (colour + 8) / (np.array(wanted) + 8)
    return bool((ratio > 0.5).all() and (ratio < 1.9).all() and np.ptp(np.log(ratio)) < 0.45)


def test_a_clip_is_the_same_whatever_was_drawn_before():
    again = world.face_clip(1, 3, (64, 64), 6)
    for other in (5, 4):
        world.face_clip(1, other, (64, 64), 6)
    third = world.face_clip(1, 3, (64, 64), 6)
    assert (again.frames == third.frames).all()
    assert (again.voice.samples == third.voice.samples).all()
    np.testing.assert_array_equal(again.motion.face.xy, third.motion.face.xy)
    assert again.facts == third.facts


def test_clips_of_other_indices_seeds_and_splits_differ():
    keys = [(1, 3, "train"), (1, 4, "train"), (2, 3, "train"), (1, 3, "held_out")]
    clips = [world.body_clip(seed, k, (96, 64), 2, split=split) for seed, k, split in keys]
    assert len({clip.facts["person"] for clip in clips}) == len({clip.key for clip in clips}) == 4
    assert [clip.facts["person"] in PEOPLE["held_out"] for clip in clips] == [False, False, False, True]


def test_close_ups_and_dancers_are_different_people():
    assert world.face_clip(0, 0, (48, 48), 2).facts["person"] % 2 == 0
    assert world.body_clip(0, 0, (48, 48), 2).facts["person"] % 2 == 1


def test_a_close_up_shows_head_and_shoulders_and_talks(close_up):
    seen = close_up.motion.body.seen
    assert seen[:, [0, 1, 14, 15]].all()
    assert not seen[:, LEGS].any()
    assert not close_up.motion.hands.seen.any()
    face = close_up.motion.face
    assert face.seen.all()
    assert 0.4 < np.ptp(face.xy[0, :468, 1]) / 192 < 0.7
    assert close_up.voice.rate == 16000
    assert close_up.voice.duration == Fraction(FRAMES, 25)
    assert max(close_up.facts["opening"]) > 0.01
    assert np.array(close_up.facts["mouth"]).shape == (FRAMES, len(CHANNELS))
    assert close_up.surround.shape[0] > 192


def test_a_dancer_is_whole_silent_and_shut(dancer):
    assert dancer.motion.body.seen[:, TRUNK + LEGS].all()
    assert dancer.voice is None
    assert max(dancer.facts["opening"]) < 1e-3
    height = np.ptp(dancer.motion.body.xy[0, TRUNK + LEGS, 1])
    assert height > 0.6 * HW[0]


def test_a_dancer_has_less_detail_in_the_face_than_one_who_is_to_be_judged():
    made = shot("body", 1, 2, HW, 1)
    x0, y0 = made.motion.face.xy[0, :468].min(0).astype(int)
    x1, y1 = made.motion.face.xy[0, :468].max(0).astype(int)
    coarse, fine = made.frames()[0], type(made)(**{**vars(made), "coarse_face": False}).frames()[0]
    detail = [cv2.Laplacian(frame[0, y0:y1, x0:x1], cv2.CV_32F).std() for frame in (coarse, fine)]
    assert detail[0] < 0.8 * detail[1]


def test_left_hand_comes_first_and_ends_at_its_wrist(dancer):
    body, hands = dancer.motion.body.xy, dancer.motion.hands.xy
    for hand, wrist in ((0, LEFT_WRIST), (1, RIGHT_WRIST)):
        both = np.isfinite(hands[:, hand, 0]).all(-1)
        np.testing.assert_allclose(hands[both, hand, 0], body[both, wrist], atol=1e-3)


def test_limbs_are_drawn_where_the_joints_are(talking_dancer):
    pictures, masks = talking_dancer.frames()
    palette, outfit = talking_dancer.figure.person.palette, talking_dancer.figure.person.outfit
    bare = {"trousers": palette.lower}.get(outfit.lower, palette.skin)
    body = talking_dancer.motion.body.xy
    for t in range(0, len(pictures), 8):
        for knee, ankle in ((9, 10), (12, 13)):
            assert near(at(pictures[t], 0.5 * (body[t, knee] + body[t, ankle])), bare)
        inside = [at(masks[t], joint) for joint in body[t, :14]]
        assert np.mean(inside) > 230


@pytest.mark.parametrize("number", [0, 4, 9])
def test_fingers_palms_and_pupils_are_where_the_points_are(number):
    made = world.portrait(person(number), (512, 384))
    skin = person(number).palette.skin
    hands = made.motion.hands.xy[0]
    for hand in hands:
        assert all(near(at(made.image, hand[k]), skin) for k in (4, 8, 12, 16, 20, 9))
    for iris in (468, 473):
        assert at(made.image, made.motion.face.xy[0, iris]).max() < 90


@pytest.mark.parametrize("index", [1, 2, 6])
def test_what_is_seen_of_the_mouths_inside_tells_how_far_it_is_open(index):
    made = shot("face", 0, index, (256, 256), 48)
    parts = np.array([MOUTH_INSIDE, TEETH, TONGUE])
    pictures, _ = made.frames()
    seen, true = [], []
    for picture, lips in zip(pictures, made.motion.face.xy[:, [k for lip in INNER_LIPS for k in lip]], strict=True):
        (left, top), (right, bottom) = np.floor(lips.min(0)).astype(int), np.ceil(lips.max(0)).astype(int) + 1
        colours = picture[top:bottom, left:right, None].astype(int)
        seen.append((np.linalg.norm(colours - parts, axis=-1).min(-1) < 18).sum())
        true.append(cv2.contourArea(np.concatenate([lips[:11], lips[:10:-1]]).astype(np.float32)))
    seen, true = np.array(seen), np.array(true)
    assert true.max() > 150
    assert np.corrcoef(seen, true)[0, 1] > 0.97
    assert seen[true < 5].max(initial=0) < 20


def test_a_talking_dancer_has_a_mouth_that_can_be_read(talking_dancer):
    face = talking_dancer.motion.face.xy
    assert np.linalg.norm(face[:, 61] - face[:, 291], axis=-1).max() > 24
    assert talking_dancer.voice.duration == Fraction(40, 25)
    height = np.linalg.norm(face[:, 10] - face[:, 152], axis=-1)
    np.testing.assert_allclose(lip_gap(face) / height, talking_dancer.opening, atol=0.03)


@pytest.mark.parametrize("hw", [(384, 256), (256, 256), (128, 256)])
def test_a_portrait_shows_everything_with_the_mouth_shut(hw):
    made = world.portrait(person(5), hw)
    assert made.motion.body.seen.all()
    assert made.motion.hands.seen.all()
    assert lip_gap(made.motion.face.xy)[0] < 0.1
    background = made.image[made.mask == 0].astype(int)
    assert 0.05 < made.mask.mean() < 0.5
    assert len(background) > 0.4 * made.mask.size


def test_masks_end_where_the_figure_does(dancer):
    made = shot("body", 1, 2, HW, 1)
    pictures, masks = made.frames()
    empty = cv2.resize(made.background[..., :3], HW[::-1], interpolation=cv2.INTER_AREA)
    changed = np.abs(pictures[0].astype(int) - empty).max(-1) > 60
    assert (masks[0][changed] > 0).mean() > 0.99
    assert np.abs(pictures[0].astype(int) - empty)[masks[0] == 0].max() < 110  # the shadow on the floor


@pytest.mark.parametrize("hw", [(96, 64), (65, 97)])
def test_any_size_can_be_drawn(hw):
    clip = world.speaking_dancer(0, 0, hw, 3)
    assert clip.frames.shape == (3, *hw, 3)


def test_a_true_surround_shows_the_same_person_whole_around_the_same_picture():
    made = shot("face", 2, 0, (128, 128), 2)
    clip = world.face_clip(2, 0, (128, 128), 2, outpainting="truth")
    margins = margins_of(clip.facts)
    left, top = round(margins.left * 128), round(margins.top * 128)
    np.testing.assert_array_equal(clip.surround[top : top + 128, left : left + 128], clip.frames[0])
    below = np.array([left, top + 0.03 * made.figure.stature])
    shoes = made.figure.person.palette.shoes
    assert all(near(at(clip.surround, ankle + below), shoes) for ankle in made.figure.skeleton.ankles[0, :, :2])
    seam = clip.surround[top + 126 : top + 130].astype(int)
    assert np.abs(seam[1] - seam[2]).mean() < 6
    assert clip.facts["surround"]["method"] == "truth"
