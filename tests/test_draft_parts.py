"""The parts of the draft renderer: maps, filled pictures, masks."""

import numpy as np
import pytest

from apvgen.draft import geometry, hands, skeleton
from apvgen.draft.fill import fill_background, spread_colour
from apvgen.keypoints.mask import guided, only_person


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
        drop = -np.diff(guided(mask, image, 12)[30])
        assert drop.argmax() == 39
        assert drop[39] > 0.3 > 0.1 > drop[45]

    def test_other_people_are_left_out(self):
        mask = np.zeros((50, 90), np.float32)
        mask[10:40, 5:30], mask[10:40, 50:80] = 1, 0.9
        chosen = only_person(mask, np.array([[60.0, 20], [np.nan, np.nan], [300, 20]]))
        assert chosen[20, 60] == pytest.approx(0.9)
        assert chosen[20, 10] == 0
        np.testing.assert_array_equal(only_person(mask, np.full((2, 2), np.nan)), mask)
