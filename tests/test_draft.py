"""The draft renderer: a stick person of known colours, bent into poses whose pixels are known beforehand."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from apvgen.draft import DraftRenderer, geometry, hands, skeleton
from apvgen.draft.face import EYES, INNER_LIPS, OVAL, FaceSheet
from apvgen.draft.fill import fill_background, spread_colour
from apvgen.keypoints.mask import guided, only_person
from apvgen.keypoints.mesh import face_triangles
from apvgen.layouts import BODY18, FACE468, HANDS
from apvgen.tracks import load_motion
from apvgen.types import Motion, Reference, Track

HW, FPS = (384, 256), Fraction(25)
JOINTS = np.array(
    [
        *[(128, 75), (128, 120), (98, 120), (74, 170), (60, 222), (158, 120), (182, 170), (196, 222)],
        *[(110, 222), (108, 290), (106, 350), (146, 222), (148, 290), (150, 350)],
        *[(118, 66), (138, 66), (104, 70), (152, 70)],
    ],
    np.float32,
)
R_SHOULDER, R_ELBOW, R_WRIST, L_ELBOW, L_WRIST, R_HIP, R_KNEE = 2, 3, 4, 6, 7, 8, 9
GREY, TRUNK, SKIN, HAIR, LIPS, IRIS = (
    (120, 125, 130),
    (40, 160, 60),
    (215, 175, 150),
    (90, 50, 20),
    (190, 80, 90),
    (30, 60, 220),
)
LIMBS = {
    (2, 3): ((200, 40, 40), 11),
    (3, 4): ((240, 200, 40), 9),
    (5, 6): ((40, 40, 200), 11),
    (6, 7): ((200, 40, 200), 9),
    (8, 9): ((40, 200, 200), 13),
    (9, 10): ((20, 90, 90), 10),
    (11, 12): ((250, 130, 30), 13),
    (12, 13): ((120, 70, 20), 10),
}


def real_mesh() -> np.ndarray:
    """A detected face with its lips shut, fitted into the stick person's head: `[468, 2]`."""
    motion = load_motion(Path(__file__).parents[1] / "assets" / "example" / "motion.npz")
    mesh = motion.face.xy[0, :468].astype(float)
    mesh = (mesh - mesh[list(OVAL)].mean(0)) / np.ptp(mesh[list(OVAL), 1]) * 62 + JOINTS[0] - [0, 2]
    return with_mouth(mesh, 0)


def with_mouth(mesh: np.ndarray, gap: float) -> np.ndarray:
    """The mesh with its inner lips `gap` pixels apart in the middle, the lower lip moved with its edge."""
    upper, lower = (list(lip[1:-1]) for lip in INNER_LIPS)
    opened = mesh.copy()
    drop = mesh[upper] + np.outer(np.sin(np.linspace(0, np.pi, 11))[1:-1], (0, gap)) - mesh[lower]
    opened[lower] += drop
    for below in ((96, 89, 179, 86, 15, 316, 403, 319, 325), (77, 90, 180, 85, 16, 315, 404, 320, 307)):
        opened[list(below)] += drop
    return opened


def draw_person(mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image, mask = np.full((*HW, 3), GREY, np.uint8), np.zeros(HW, np.uint8)

    def paint(draw, colour: tuple[int, int, int]) -> None:
        draw(image, colour)
        draw(mask, 1)

    for (start, end), (colour, half) in LIMBS.items():
        ends = [JOINTS[k].astype(int).tolist() for k in (start, end)]
        paint(lambda on, c, ends=ends, half=half: cv2.line(on, *ends, c, 2 * half), colour)
    chest = JOINTS[[2, 5, 11, 8]] + np.array([(-8, -6), (8, -6), (6, 6), (-6, 6)], np.float32)
    paint(lambda on, c: cv2.fillConvexPoly(on, chest.astype(np.int32), c), TRUNK)
    for (start, end), (colour, half) in list(LIMBS.items())[:4]:
        ends = [JOINTS[k].astype(int).tolist() for k in (start, end)]
        paint(lambda on, c, ends=ends, half=half: cv2.line(on, *ends, c, 2 * half), colour)
    paint(lambda on, c: cv2.rectangle(on, (118, 95), (138, 122), c, -1), SKIN)
    paint(lambda on, c: cv2.ellipse(on, (128, 66), (32, 42), 0, 0, 360, c, -1), HAIR)
    outline = mesh.round().astype(np.int32)
    paint(lambda on, c: cv2.fillPoly(on, [outline[list(OVAL)]], c), SKIN)
    for upper, lower in EYES:
        eye = mesh[[*upper, *lower[::-1]]]
        cv2.fillPoly(image, [(eye.mean(0) + 0.5 * (eye - eye.mean(0))).round().astype(np.int32)], IRIS)
    lips = outline[[61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91]]
    cv2.fillPoly(image, [lips], LIPS)
    return image, mask.astype(np.float32)


def motion_of(body: np.ndarray, face: np.ndarray | None = None, palms: np.ndarray | None = None) -> Motion:
    """body `[T, 18, 2]`, face `[T, 468, 2]`, palms `[T, 2, 21, 2]`; NaN where missed."""
    frames = len(body)
    face = np.full((frames, 468, 2), np.nan) if face is None else face
    palms = np.full((frames, 2, 21, 2), np.nan) if palms is None else palms

    def track(layout, xy: np.ndarray) -> Track:
        return Track(layout, xy.astype(np.float32), np.isfinite(xy).all(-1).astype(np.float32), HW, FPS)

    return Motion(track(BODY18, body), track(HANDS, palms), track(FACE468, face))


@pytest.fixture(scope="module")
def mesh() -> np.ndarray:
    return real_mesh()


@pytest.fixture(scope="module")
def reference(mesh) -> Reference:
    image, mask = draw_person(mesh)
    return Reference(image, motion_of(JOINTS[None], mesh[None]), mask)


@pytest.fixture(scope="module")
def renderer(reference) -> DraftRenderer:
    return DraftRenderer(reference)


def at(picture: np.ndarray, place) -> np.ndarray:
    """Median colour of the 3 x 3 pixels about a place (x, y)."""
    x, y = np.rint(place).astype(int)
    return np.median(picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3), 0)


def is_colour(found: np.ndarray, wanted, tolerance: float = 40) -> bool:
    return bool(np.abs(found.astype(float) - wanted).max() <= tolerance)


def between(body: np.ndarray, start: int, end: int, share: float = 0.5) -> np.ndarray:
    return body[start] + share * (body[end] - body[start])


def turned(body: np.ndarray, pivot: int, joints: tuple[int, ...], degrees: float) -> np.ndarray:
    """The body with `joints` turned clockwise on the picture about the joint `pivot`."""
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = body.astype(float)
    moved[list(joints)] = (body[list(joints)] - body[pivot]) @ rotation.T + body[pivot]
    return moved


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


class TestFace:
    def mouth(self, renderer, mesh, gap: float) -> np.ndarray:
        return renderer.render(motion_of(JOINTS[None], with_mouth(mesh, gap)[None]), 0)

    def test_shut_mouth_shows_no_inside(self, renderer, mesh):
        draft = self.mouth(renderer, mesh, 0)
        x, y = mesh[13].round().astype(int)
        assert draft[y - 3 : y + 4, x - 4 : x + 5].sum(-1).min() > 300

    def test_open_mouth_is_dark_between_the_lips(self, renderer, mesh):
        opened = with_mouth(mesh, 9)
        draft = self.mouth(renderer, mesh, 9)
        for share in (0.45, 0.6):
            assert at(draft, opened[13] + share * (opened[14] - opened[13])).sum() < 300
        assert is_colour(at(draft, (opened[0] + opened[13]) / 2), LIPS, 60)

    def test_upper_teeth_show_under_the_upper_lip(self, renderer, mesh):
        draft = self.mouth(renderer, mesh, 9)
        x, y = mesh[13].round().astype(int)
        assert draft[y : y + 3, x].sum(-1).max() > 400

    def test_inside_grows_with_the_gap(self, renderer, mesh):
        x, y = mesh[13].round().astype(int)
        drafts = [self.mouth(renderer, mesh, gap) for gap in (0, 4, 8, 12)]
        dark = [(draft[y - 4 : y + 14, x - 10 : x + 11].sum(-1) < 250).sum() for draft in drafts]
        assert dark == sorted(dark)
        assert dark[0] == 0 < dark[1] < dark[3]

    def test_lids_cover_the_eyes(self, renderer, mesh):
        blinking = mesh.copy()
        for upper, lower in EYES:
            blinking[list(upper)] = mesh[list(lower)]
        awake, asleep = (renderer.render(motion_of(JOINTS[None], face[None]), 0) for face in (mesh, blinking))
        for upper, lower in EYES:
            x, y = mesh[[*upper, *lower]].mean(0).round().astype(int)
            shown = [is_colour(draft[y, x], IRIS, 60) for draft in (awake, asleep)]
            assert shown == [True, False]
            assert is_colour(asleep[y - 1, x], SKIN, 50)

    def test_eyeballs_stay_while_lids_close_and_stretch_where_they_open_wide(self, mesh):
        large = 5 * mesh
        sheet = FaceSheet(large, face_triangles())
        for upper, lower in EYES:
            top, bottom = large[upper[4]], large[lower[4]]
            for share, wanted in ((0.25, lambda p: p), (-0.5, lambda p, b=bottom: b + (p - b) / 1.5)):
                target = large.copy()
                target[list(upper)] += share * (large[list(lower)] - large[list(upper)])
                patch = sheet.patch(target, geometry.IDENTITY, lambda xy: xy, (2000, 1300))
                place = (bottom + 0.8 * (target[upper[4]] - bottom)).round().astype(int)
                source = patch.source[place[1] - patch.window[0].start, place[0] - patch.window[1].start]
                assert np.abs(source - wanted(place)).max() < 0.1 * np.linalg.norm(top - bottom)

    def test_triangles_close_the_sheet_but_for_eyes_and_mouth(self):
        triangles = face_triangles()
        edges = {frozenset(edge) for t in triangles for edge in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0]))}
        assert set(triangles.ravel()) == set(range(468))
        holes = 3
        assert 468 - len(edges) + len(triangles) == 1 - holes

    def test_triangles_do_not_overlap(self, mesh):
        """On a real frontal face their areas add up to the face without eyes and mouth."""
        corners = mesh[face_triangles()]
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        total = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum() / 2
        openings = [[*upper, *lower[::-1]] for upper, lower in (*EYES, INNER_LIPS)]
        face, *holes = (cv2.contourArea(mesh[outline].astype(np.float32)) for outline in (list(OVAL), *openings))
        assert total == pytest.approx(face - sum(holes), rel=0.03)


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


class TestGeometry:
    def test_planted_maps_are_found(self):
        points = np.random.default_rng(1).uniform(0, 100, (6, 2))
        planted = np.array([[1.3, -0.4, 7], [0.2, 0.9, -3]])
        found = geometry.fit_affine(points, geometry.transform(planted, points), 0)
        np.testing.assert_allclose(found, planted, atol=1e-6)
        similar = np.array([[0.6, -0.8, 5], [0.8, 0.6, 1]])
        for stiffness in (0, 1):
            found = geometry.fit_affine(points, geometry.transform(similar, points), stiffness)
            np.testing.assert_allclose(found, similar, atol=1e-6)

    def test_two_points_give_a_similarity(self):
        source, target = np.array([[0.0, 0], [10, 0]]), np.array([[5.0, 5], [5, 25]])
        found = geometry.fit_affine(source, target, 0.05)
        np.testing.assert_allclose(found, [[0, -2, 5], [2, 0, 5]], atol=1e-4)

    def test_stretch_is_limited_about_the_centre(self):
        flat, centre = np.array([[1.0, 0, 0], [0, 0.01, 0]]), np.array([50.0, 80])
        limited = geometry.limit_stretch(flat, 0.4, 2.5, centre)
        np.testing.assert_allclose(np.linalg.svd(limited[:, :2])[1], [1, 0.4])
        np.testing.assert_allclose(geometry.transform(limited, centre), geometry.transform(flat, centre))

    def test_inverse_undoes(self):
        matrix, points = np.array([[1.3, -0.4, 7], [0.2, 0.9, -3]]), np.random.default_rng(2).normal(size=(5, 2))
        there = geometry.transform(matrix, points)
        np.testing.assert_allclose(geometry.transform(geometry.invert(matrix), there), points)

    def test_palm_may_show_its_back(self):
        palm = np.random.default_rng(3).uniform(0, 40, (21, 2))
        mirrored = palm * [-1, 1] + [100, 7]
        found = hands.palm_map(palm, mirrored, 1.0)
        assert np.linalg.det(found[:, :2]) < 0
        np.testing.assert_allclose(geometry.transform(found, palm), mirrored, atol=1e-6)

    def test_interpolation_holds_at_the_ends(self):
        values, known = np.array([[0.0], [9.0], [4.0], [9.0]]), np.array([0, 2])
        assert [skeleton.interpolated(values, known, t)[0] for t in range(4)] == [0, 2, 4, 4]
        assert np.isnan(skeleton.interpolated(values, np.array([], int), 1)).all()


class TestPicture:
    def test_known_colours_stay_and_spread(self):
        image = np.zeros((40, 60, 3), np.uint8)
        image[:, :30], image[:, 30:] = (200, 10, 10), (10, 10, 200)
        weight = np.zeros((40, 60), np.float32)
        weight[:, :5] = weight[:, 55:] = 1
        spread = spread_colour(image, weight)
        np.testing.assert_array_equal(spread[weight > 0], image[weight > 0])
        assert spread[20, 8, 0] > 120 > spread[20, 51, 0]

    def test_background_is_continued_behind_the_person(self):
        image = np.zeros((96, 64, 3), np.uint8)
        image[..., 0] = np.linspace(60, 180, 96)[:, None]
        mask = np.zeros((96, 64), np.float32)
        mask[30:70, 20:44] = 1
        shown = image.copy()
        shown[mask > 0] = (255, 255, 255)
        filled = fill_background(shown, mask)
        assert np.abs(filled[..., 0].astype(int) - image[..., 0]).max() < 25
        assert filled[..., 1:].max() < 25
        np.testing.assert_array_equal(filled[:20], shown[:20])

    def test_mask_moves_to_an_edge_of_colour_alone(self):
        """Red and green of the same brightness, and a mask that is six pixels off."""
        image = np.empty((60, 80, 3), np.uint8)
        image[:, :40], image[:, 40:] = (200, 60, 60), (60, 132, 60)
        mask = np.zeros((60, 80), np.float32)
        mask[:, :46] = 1
        edge = guided(mask, image, 12)
        assert edge[:, 36:40].min() > 0.7
        assert edge[:, 41:45].max() < 0.4

    def test_other_people_are_left_out(self):
        mask = np.zeros((50, 90), np.float32)
        mask[10:40, 5:30], mask[10:40, 50:80] = 1, 0.9
        chosen = only_person(mask, np.array([[60.0, 20], [np.nan, np.nan], [300, 20]]))
        assert chosen[20, 60] == pytest.approx(0.9)
        assert chosen[20, 10] == 0
        np.testing.assert_array_equal(only_person(mask, np.full((2, 2), np.nan)), mask)


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
