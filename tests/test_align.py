from dataclasses import replace

import numpy as np
import pytest

from apvgen.align import Analysis, align
from apvgen.config import AlignOptions
from apvgen.edits import Edits
from apvgen.fda import STABLE_LANDMARKS, Override

HW_OUT = (768, 512)
EXACT = AlignOptions(smoothing=0)


def without_face(analysis: Analysis, frames: slice) -> Analysis:
    face = analysis.driving.face
    xy, score, depth = face.xy.copy(), face.score.copy(), face.depth.copy()
    xy[frames], score[frames], depth[frames] = np.nan, 0, np.nan
    gone = replace(face, xy=xy, score=score, depth=depth)
    return replace(analysis, driving=replace(analysis.driving, face=gone))


@pytest.mark.parametrize("mode", ["stable", "head_pose"])
def test_the_head_lands_where_the_driver_has_it(analysis, mode):
    alignment = align(analysis, replace(EXACT, mode=mode), Edits(), HW_OUT)
    upper = list(STABLE_LANDMARKS)
    expected = 0.5 * analysis.driving.face.xy[:, upper] + [10, 20]

    np.testing.assert_allclose(alignment.target.face.xy[:, upper], expected, atol=0.01)
    np.testing.assert_allclose(alignment.body_fit.a, 0.5, atol=1e-5)
    assert alignment.target.hw == HW_OUT


def test_body_and_hands_go_through_the_same_map_as_the_face(analysis):
    alignment = align(analysis, EXACT, Edits(), HW_OUT)
    np.testing.assert_allclose(alignment.target.body.xy[0], analysis.reference.body.xy[0], atol=1e-2)
    assert not alignment.target.hands.frames_seen.any()


def test_short_gaps_are_bridged_evenly_and_long_gaps_have_no_face(analysis):
    whole = align(analysis, EXACT, Edits(), HW_OUT).target.face
    short = align(without_face(analysis, slice(2, 5)), EXACT, Edits(), HW_OUT).target.face
    assert short.frames_seen.all()
    np.testing.assert_allclose(short.xy[2:5].mean(1), whole.xy[2:5].mean(1), atol=1.0)
    long = align(without_face(analysis, slice(2, 9)), EXACT, Edits(), HW_OUT).target.face
    assert long.frames_seen.tolist() == [True] * 2 + [False] * 7 + [True] * 3
    assert np.isnan(long.xy[2:9]).all(), "a stale face was drawn"


def test_no_rotation_gives_the_frontal_face(analysis):
    frontal = align(analysis, replace(EXACT, head_rotation="none"), Edits(), HW_OUT).voice_face
    np.testing.assert_array_equal(frontal.xy, analysis.voice.vertices[..., :2])


def test_overrides_act_on_the_drawn_face_only(analysis):
    plain = align(analysis, EXACT, Edits(), HW_OUT).target
    moved = align(analysis, EXACT, Edits((Override(0, offset=(0.0, 1.0)),)), HW_OUT).target
    height = np.ptp(plain.face.xy[..., 1], axis=1)
    shift = (moved.face.xy - plain.face.xy)[..., 1]
    np.testing.assert_allclose(shift, np.repeat(height[:, None], 468, 1), rtol=1e-3)
    np.testing.assert_array_equal(moved.body.xy, plain.body.xy)


def test_without_body_fitting_the_whole_driving_picture_is_kept(analysis):
    alignment = align(analysis, replace(EXACT, fit_body=False), Edits(), HW_OUT)
    corners = alignment.body_fit.apply(np.array([[0.0, 0.0], [576.0, 1024.0]]))
    np.testing.assert_allclose(corners, [[40, 0], [472, 768]])


def test_parts_of_different_length_are_refused(analysis):
    with pytest.raises(ValueError, match="same number of frames"):
        replace(analysis, driving_index=np.arange(3))
