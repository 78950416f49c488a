"""Where face and mouth are in a picture, and how much a mouth counts."""

import numpy as np
import pytest
from training_clips import motion

from train.face_regions import face_area, mouth_weights

CORNERS, UPPER, LOWER = (61, 291), 0, 17


@pytest.fixture
def talking():
    made = motion(3, (100, 80))
    made.face.xy[:, CORNERS] = [[30, 60], [50, 60]]
    made.face.xy[:, UPPER] = [40, 55]
    made.face.xy[:, LOWER] = [[40, 65], [40, 75], [40, 65]]
    return made


def test_lips_and_a_quarter_of_their_width_around_them_count_more(talking):
    weights = mouth_weights(talking, 8)
    assert weights.dtype == np.float32
    assert set(np.unique(weights)) == {1, 8}
    for picture, bottom in zip(weights, (70, 80, 70), strict=True):
        rows, columns = (np.flatnonzero((picture == 8).any(axis)) for axis in (1, 0))
        assert (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) == (50, bottom, 25, 55)


def test_a_mouth_beyond_the_edge_and_an_unknown_one_do_no_harm(talking):
    talking.face.xy[0] -= [45, 0]
    talking.face.xy[1] -= [200, 0]
    talking.face.xy[2] = np.nan
    weights = mouth_weights(talking, 8)
    assert (weights[0, 50:70, :10] == 8).all()
    assert (weights[0, :, 10:] == 1).all()
    assert (weights[1:] == 1).all()


def test_a_face_is_all_inside_its_outline_and_nothing_where_none_is_known(talking):
    talking.face.xy[1] = np.nan
    talking.face.xy[0] = [40, 50]
    talking.face.xy[0, :4] = [[10, 20], [60, 20], [60, 70], [10, 70]]
    area = face_area(talking)
    assert area[0, 20:71, 10:61].all()
    assert area[0].sum() == 51 * 51
    assert not area[1].any()
