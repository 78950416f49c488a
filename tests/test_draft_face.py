"""The face of a draft: mouth, eyes and mesh triangles."""

import cv2
import numpy as np
import pytest
from stick_person import IRIS, JOINTS, LIPS, SKIN, at, is_colour, motion_of, with_mouth

from apvgen.draft import geometry
from apvgen.draft.face import EYES, INNER_LIPS, OVAL, FaceSheet
from apvgen.keypoints.mesh import face_triangles


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
