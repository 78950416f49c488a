"""The draft renderer: a stick person of known colours, bent into poses whose pixels are known beforehand."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from stick_person import (
    GREY,
    HAIR,
    HW,
    JOINTS,
    L_ELBOW,
    L_WRIST,
    LIMBS,
    R_ELBOW,
    R_KNEE,
    R_SHOULDER,
    R_WRIST,
    SKIN,
    TRUNK,
    at,
    between,
    is_colour,
    motion_of,
    turned,
    with_mouth,
)

from apvgen.draft import DraftRenderer, geometry, skeleton
from apvgen.types import Motion, Reference, Track


class TestAlgebra:
    def test_own_pose_gives_the_photo_back(self, renderer, reference):
        draft = renderer.render(reference.motion, 0)
        assert draft.shape == (*HW, 3)
        assert draft.dtype == np.uint8
        inside = cv2.erode(reference.mask, np.ones((5, 5))) > 0
        error = np.abs(draft.astype(int) - reference.image).max(-1)[inside]
        assert error.mean() < 2
        assert (error < 16).mean() > 0.98

    def test_shifting_every_point_shifts_the_person(self, renderer, reference, mesh):
        shift = np.array([17, -9])
        draft = renderer.render(motion_of(JOINTS[None] + shift, mesh[None] + shift), 0)
        moved = np.column_stack([np.eye(2), shift])
        wanted, mask = (cv2.warpAffine(picture, moved, HW[::-1]) for picture in (reference.image, reference.mask))
        inside = cv2.erode(mask, np.ones((5, 5))) > 0
        error = np.abs(draft.astype(int) - wanted).max(-1)[inside]
        assert error.mean() < 2

    def test_forearm_turns_a_quarter_about_the_elbow(self, renderer):
        body = turned(JOINTS, R_ELBOW, (R_WRIST,), 90)
        draft = renderer.render(motion_of(body[None]), 0)
        colour = LIMBS[R_ELBOW, R_WRIST][0]
        for share in (0.4, 0.7, 0.95):
            assert is_colour(at(draft, between(body, R_ELBOW, R_WRIST, share)), colour)
            assert not is_colour(at(draft, between(JOINTS, R_ELBOW, R_WRIST, share)), colour)

    def test_limb_stretches_along_its_bone_only(self, reference, mesh):
        """A stripe across the middle of the forearm stays in the middle; the forearm does not grow wider."""
        image = reference.image.copy()
        middle = between(JOINTS, R_ELBOW, R_WRIST)
        across = np.array([52, 14]) / np.hypot(52, 14) * 9
        stripe = (255, 255, 255)
        cv2.line(image, (middle - across).astype(int).tolist(), (middle + across).astype(int).tolist(), stripe, 5)
        body = JOINTS.astype(float)
        body[R_WRIST] = body[R_ELBOW] + 1.4 * (body[R_WRIST] - body[R_ELBOW])
        draft = DraftRenderer(replace(reference, image=image)).render(motion_of(body[None], mesh[None]), 0)
        axis = geometry.fit_similarity(body[[R_ELBOW, R_WRIST]], np.array([[0.0, 0], [1, 0]]))[:, :2]
        normal = axis[1] / np.linalg.norm(axis[1])
        assert is_colour(at(draft, between(body, R_ELBOW, R_WRIST)), stripe, 60)
        for share in (0.3, 0.75):
            place = between(body, R_ELBOW, R_WRIST, share)
            assert is_colour(at(draft, place), LIMBS[R_ELBOW, R_WRIST][0])
            assert not is_colour(at(draft, place + 14 * normal), LIMBS[R_ELBOW, R_WRIST][0])

    def test_forearm_comes_before_the_chest(self, renderer):
        body = JOINTS.astype(float)
        body[L_WRIST] = (120, 165)
        draft = renderer.render(motion_of(body[None]), 0)
        assert is_colour(at(draft, (138, 166)), LIMBS[L_ELBOW, L_WRIST][0])

    def test_leg_stays_behind_the_trunk(self, renderer):
        body = JOINTS.astype(float)
        body[R_KNEE] = (125, 160)
        draft = renderer.render(motion_of(body[None]), 0)
        assert is_colour(at(draft, (120, 180)), TRUNK)

    def test_head_and_hair_follow_the_face_while_the_trunk_stays(self, renderer, reference, mesh):
        rotation, neck = cv2.getRotationMatrix2D((0, 0), -12, 1)[:, :2], JOINTS[1].astype(float)
        turn = geometry.about(rotation, neck, neck + np.array([8, 0]))
        draft = renderer.render(motion_of(JOINTS[None], geometry.transform(turn, mesh)[None]), 0)
        assert is_colour(at(draft, geometry.transform(turn, np.array([128.0, 30]))), HAIR)
        assert is_colour(at(draft, geometry.transform(turn, mesh[5])), SKIN)
        chest = np.s_[150:200, 115:140]
        assert np.abs(draft[chest].astype(int) - reference.image[chest]).max() < 3

    def test_short_forearm_is_replaced_when_stretched(self, reference, mesh):
        """A forearm that points at the camera has no picture of its length: the upper arm's end stands in."""
        pointing = JOINTS.astype(float)
        pointing[R_WRIST] = pointing[R_ELBOW] + (0, 12)
        image, mask = reference.image.copy(), reference.mask.copy()
        gone = np.zeros(HW, np.uint8)
        ends = [pointing[R_ELBOW] + (0, 22), JOINTS[R_WRIST]]
        cv2.line(gone, *(end.astype(int).tolist() for end in ends), 1, 26)
        image[gone > 0], mask[gone > 0] = GREY, 0
        renderer = DraftRenderer(Reference(image, motion_of(pointing[None], mesh[None]), mask))
        draft = renderer.render(motion_of(JOINTS[None], mesh[None]), 0)
        for share in (0.5, 0.9):
            assert is_colour(at(draft, between(JOINTS, R_ELBOW, R_WRIST, share)), LIMBS[R_SHOULDER, R_ELBOW][0])


def stretched_hand(wrist: np.ndarray, along: np.ndarray) -> np.ndarray:
    """`[21, 2]` points of an open hand of about 30 pixels at `wrist`, pointing along a unit vector."""
    across = np.array([-along[1], along[0]])
    points = [wrist]
    for finger in range(5):
        side = (finger - 2) * 4 * across
        points += [wrist + side + reach * along for reach in (11, 17, 22, 27)]
    return np.array(points)


@pytest.fixture(scope="module")
def holder(reference) -> tuple[DraftRenderer, np.ndarray]:
    """The stick person with a hand at the end of the right forearm, and the hand's direction."""
    along = (JOINTS[R_WRIST] - JOINTS[R_ELBOW]).astype(float)
    along /= np.linalg.norm(along)
    palms = np.full((1, 2, 21, 2), np.nan)
    palms[0, 1] = stretched_hand(JOINTS[R_WRIST].astype(float), along)
    image, mask = reference.image.copy(), reference.mask.copy()
    for on, colour in ((image, (250, 190, 190)), (mask, 1)):
        cv2.fillConvexPoly(on, cv2.convexHull(palms[0, 1].round().astype(np.int32)), colour)
    return DraftRenderer(Reference(image, motion_of(JOINTS[None], palms=palms), mask)), along


class TestHands:
    def test_hand_points_turn_the_hand(self, holder):
        renderer, along = holder
        wrist, outwards = JOINTS[R_WRIST].astype(float), np.array([-along[1], along[0]])
        palms = np.full((1, 2, 21, 2), np.nan)
        palms[0, 1] = stretched_hand(wrist, outwards)
        draft = renderer.render(motion_of(JOINTS[None], palms=palms), 0)
        assert is_colour(at(draft, wrist + 20 * outwards), (250, 190, 190))
        assert is_colour(at(draft, wrist + 24 * along), GREY)

    def test_unseen_hand_follows_its_forearm(self, holder):
        renderer, _ = holder
        body = turned(JOINTS, R_ELBOW, (R_WRIST,), -60)
        along = (body[R_WRIST] - body[R_ELBOW]) / np.linalg.norm(body[R_WRIST] - body[R_ELBOW])
        draft = renderer.render(motion_of(body[None]), 0)
        assert is_colour(at(draft, body[R_WRIST] + 20 * along), (250, 190, 190))

    @pytest.mark.parametrize(("gap", "bridged"), [(3, True), (8, False)])
    def test_only_short_gaps_are_bridged(self, gap, bridged):
        palms = np.full((gap + 2, 2, 21, 2), np.nan)
        palms[0, 0], palms[-1, 0] = 0, gap + 1
        points = skeleton.hands_at(motion_of(np.full((gap + 2, 18, 2), np.nan), palms=palms).hands, 2)
        assert np.isnan(points[1]).all()
        np.testing.assert_allclose(points[0], 2 if bridged else np.nan)


class TestMissingPoints:
    def test_nothing_known_shows_the_photo_pose(self, renderer, reference):
        nothing = motion_of(np.full((1, 18, 2), np.nan))
        still = renderer.render(reference.motion, 0)
        assert np.abs(renderer.render(nothing, 0).astype(int) - still).mean() < 0.5

    def test_missed_wrist_keeps_its_angle_to_the_upper_arm(self, renderer):
        body = turned(JOINTS, R_SHOULDER, (R_ELBOW, R_WRIST), 40)
        known = body.copy()
        known[R_WRIST] = np.nan
        draft = renderer.render(motion_of(known[None]), 0)
        assert is_colour(at(draft, between(body, R_ELBOW, R_WRIST, 0.6)), LIMBS[R_ELBOW, R_WRIST][0])

    def test_gap_is_bridged_between_the_frames_around_it(self, renderer):
        body = np.stack([turned(JOINTS, R_ELBOW, (R_WRIST,), 40 * t) for t in range(3)])
        hidden = body.copy()
        hidden[1, R_WRIST] = np.nan
        middle = (body[0] + body[2]) / 2
        draft = renderer.render(motion_of(hidden), 1)
        assert is_colour(at(draft, between(middle, R_ELBOW, R_WRIST, 0.8)), LIMBS[R_ELBOW, R_WRIST][0])

    def test_missed_face_stays_on_the_head_with_its_mouth_shut(self, renderer):
        body = JOINTS.astype(float)
        body[[0, 14, 15, 16, 17]] += [12, 0]
        draft = renderer.render(motion_of(body[None]), 0)
        assert is_colour(at(draft, JOINTS[0] + [12, 4]), SKIN)
        assert is_colour(at(draft, (140, 30)), HAIR)

    @pytest.mark.parametrize("score", [0, 0.3])
    def test_what_the_photo_lacks_or_only_suggests_stays_out(self, reference, score):
        body, scores = reference.motion.body, np.ones((1, 18), np.float32)
        scores[0, [R_WRIST, R_KNEE]] = score
        renderer = DraftRenderer(replace(reference, motion=replace(reference.motion, body=replace(body, score=scores))))
        target = turned(JOINTS, R_ELBOW, (R_WRIST,), 90)
        draft = renderer.render(motion_of(target[None]), 0)
        assert not is_colour(at(draft, between(target, R_ELBOW, R_WRIST, 0.8)), LIMBS[R_ELBOW, R_WRIST][0])

    @pytest.mark.parametrize("known", [(), (0,), (1,), (0, 14, 15), (2, 5), (2, 5, 8, 11)])
    def test_any_reference_renders_any_target(self, reference, known):
        body = np.full((1, 18, 2), np.nan)
        body[0, list(known)] = JOINTS[list(known)]
        renderer = DraftRenderer(replace(reference, motion=motion_of(body)))
        for target in (JOINTS[None], body, np.full((1, 18, 2), np.nan)):
            assert renderer.render(motion_of(target), 0).shape == (*HW, 3)

    def test_wild_targets_never_fail(self, renderer, mesh):
        rng = np.random.default_rng(0)
        body = rng.uniform(-300, 600, (12, 18, 2))
        body[rng.random((12, 18)) < 0.3] = np.nan
        face = rng.uniform(0.01, 3, (12, 1, 1)) * mesh + rng.uniform(-200, 200, (12, 1, 2))
        face[::3] = np.nan
        palms = rng.uniform(-100, 400, (12, 2, 21, 2))
        palms[::2, 0] = np.nan
        drafts = list(renderer.frames(motion_of(body, face, palms)))
        assert len(drafts) == 12
        assert all(draft.shape == (*HW, 3) and draft.dtype == np.uint8 for draft in drafts)

    def test_person_out_of_the_picture_leaves_the_background(self, renderer, mesh):
        draft = renderer.render(motion_of(JOINTS[None] + 2000, mesh[None] + 2000), 0)
        assert np.abs(draft.astype(int) - GREY).max() < 12


class TestRenderer:
    def test_same_input_same_bytes(self, renderer, reference, mesh):
        target = motion_of(turned(JOINTS, R_SHOULDER, (3, 4), 30)[None], with_mouth(mesh, 6)[None])
        again = DraftRenderer(reference)
        assert renderer.render(target, 0).tobytes() == again.render(target, 0).tobytes()

    def test_frames_are_the_renders_in_order(self, renderer):
        target = motion_of(np.stack([JOINTS, JOINTS + 5, JOINTS + 9]))
        for t, draft in enumerate(renderer.frames(target)):
            np.testing.assert_array_equal(draft, renderer.render(target, t))

    def test_target_for_another_size_is_refused(self, renderer, reference):
        parts = reference.motion.body, reference.motion.hands, reference.motion.face
        tracks = [replace(track, hw=(64, 64)) for track in parts]
        with pytest.raises(ValueError, match=r"\(64, 64\).*\(384, 256\)"):
            renderer.render(Motion(*tracks), 0)


@pytest.fixture(scope="module")
def driving(media):
    """A detector, and what it finds in seven frames of a real dance."""
    from apvgen.config import Limits
    from apvgen.keypoints import load_detector
    from apvgen.media import VideoReader

    detector = load_detector("mediapipe")
    video = VideoReader(media / "driving" / "dance_576x1024_29fps.mp4", Fraction(3, 2), Limits())
    return detector, stacked([detector.detect_image(frame) for frame in video.frames(0, 7)])


@pytest.mark.media
class TestRealMedia:
    @pytest.mark.parametrize("photo", ["fullbody_800x1275.jpg", "man_flux_1.png", "woman_flux_1.png"])
    def test_detectors_find_what_was_drawn(self, media, driving, photo):
        """The three figures on real photos, driven by a real dance and the dancer's own lips."""
        from apvgen.config import Limits
        from apvgen.media import read_image
        from apvgen.pipeline import cut_image
        from apvgen.retarget import fit_body, fit_window, map_motion, person_box
        from benchmarks.draft import figures

        detector, motion = driving
        image = read_image(media / "reference" / photo, Limits())
        found = detector.detect_image(image)
        hw = (768, 512)
        window = fit_window(found.hw, hw, person_box(found))
        pose = map_motion(found, window, hw)
        target = map_motion(motion, fit_body(motion.body, pose.body), hw)
        drafts = list(DraftRenderer(Reference(cut_image(image, window, hw), pose)).frames(target))
        result = figures(target, stacked([detector.detect_image(draft) for draft in drafts]))
        assert result["faces_found"] >= 0.95
        assert result["lip_correlation"] >= 0.7
        assert result["body_error"] <= 0.04


def stacked(motions: list[Motion]) -> Motion:
    """One-frame motions as one motion."""

    def joined(tracks: list[Track]) -> Track:
        depth = None if tracks[0].depth is None else np.concatenate([t.depth for t in tracks])
        xy, score = (np.concatenate([getattr(t, name) for t in tracks]) for name in ("xy", "score"))
        return replace(tracks[0], xy=xy, score=score, depth=depth)

    return Motion(*(joined([getattr(m, part) for m in motions]) for part in ("body", "hands", "face")))
