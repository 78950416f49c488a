"""The skeleton tables against their sources and against geometry."""

import json
from pathlib import Path

import numpy as np
import pytest

from apvgen import layouts


def test_limbs_join_all_points_without_a_ring():
    for layout in (layouts.BODY18, layouts.HANDS):
        joined = {0}
        for _ in layout.limbs:
            joined |= {b for limb in layout.limbs for a, b in (limb, limb[::-1]) if a in joined}
        assert joined == set(range(layout.shape[-1]))
        assert len(layout.limbs) == layout.shape[-1] - 1


def test_every_part_has_a_colour():
    assert len(set(layouts.BODY18_COLOURS)) == layouts.BODY18.points
    assert len(set(layouts.HAND21_COLOURS)) == len(layouts.HAND21_LIMBS)


@pytest.mark.golden
def test_mesh_lines_are_the_published_ones_in_their_order(golden: Path):
    published = json.loads((golden / "aniportrait/face_edges.json").read_text())["edges"]
    ours = [(list(colour), *edge) for colour, edges in layouts.FACE_MESH_EDGES for edge in edges]
    assert ours == [(line["colour"], line["start"], line["end"]) for line in published]


MIRRORED_68 = [
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), *(45, 44, 43, 42, 47, 46),
    *(39, 38, 37, 36, 41, 40), *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *(67, 66, 65),
]  # fmt: skip


def _canonical_68(golden: Path) -> np.ndarray:
    """iBUG-68 points of MediaPipe's canonical face, centimetres, x to the person's left, y up."""
    vertices = np.load(golden / "aniportrait/canonical_face_geometry.npz")["vertices"]
    return vertices[np.array(layouts.FACE68_FROM_MESH)].mean(1)


@pytest.mark.golden
def test_the_68_points_are_symmetric_on_the_canonical_face(golden: Path):
    points = _canonical_68(golden)
    np.testing.assert_allclose(points[MIRRORED_68] * (-1, 1, 1), points, atol=1e-4)


@pytest.mark.golden
def test_the_68_points_run_along_the_outlines_that_ibug_names(golden: Path):
    points = _canonical_68(golden)
    jaw, brows, bridge, right_eye, mouth = points[:17], points[17:27], points[27:31], points[36:42], points[48:60]
    assert (np.diff(jaw[:, 0]) > 0).all()
    assert (np.diff(brows[:, 0]) > 0).all()
    assert jaw[:, 1].argmin() == 8
    assert (np.diff(bridge[:, 1]) < 0).all()
    assert brows[:5, 1].min() > right_eye[:, 1].max()
    for outline in (right_eye, mouth):
        x, y = (outline - outline.mean(0))[:, :2].T
        assert (np.diff(np.unwrap(np.arctan2(y, x))) < 0).all()
    lips_apart = np.linalg.norm(points[[61, 62, 63]] - points[[67, 66, 65]], axis=1)
    assert lips_apart.max() < 1
