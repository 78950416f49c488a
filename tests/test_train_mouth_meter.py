"""Reading how far a drawn mouth is open: right on people never seen, sharp or soft, and blind to all but pixels."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.torch import save_file

from apvgen.errors import CheckpointError
from train import mouth_meter
from train.keypoint_meter import KeypointMeter
from train.mouth_meter import MOUTH_HW, load_mouth_meter, main, mouth_pictures, opening
from train.synthetic.shots import shot
from train.synthetic.world import portrait

HW = (384, 256)


@pytest.fixture(scope="module")
def meter(tmp_path_factory):
    path = tmp_path_factory.mktemp("meter") / "mouths.safetensors"
    done = CliRunner().invoke(main, ["--out", str(path), "--clips", "48", "--steps", "600"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return load_mouth_meter(path)


@pytest.fixture(scope="module")
def speakers():
    made = [shot("speaking_dancer", 0, index, HW, 12, Fraction(5), split="held_out") for index in range(5)]
    assert all(each.opening.std() > 0.01 for each in made)
    return [(each, each.frames()[0]) for each in made]


def follows(read, made):
    return float(np.corrcoef(read, made.opening)[0, 1])


def test_openings_of_strangers_are_read_from_sharp_and_soft_pictures(meter, speakers):
    for made, frames in speakers:
        soft = np.stack([cv2.GaussianBlur(frame, None, 2) for frame in frames])
        for pictures in (frames, soft):
            read = opening(meter, pictures, made.motion)
            assert follows(read, made) > 0.9
            assert np.abs(read - made.opening).mean() < 0.02


def test_a_still_face_moved_along_with_the_truth_is_not_taken_for_speech(meter, speakers):
    """The keypoints say where to look; what the truth's mouth does must not come in by them."""
    found = []
    for made, _ in speakers:
        still = np.repeat(portrait(made.figure.person, HW).image[None], 12, 0)
        found.append(follows(opening(meter, still, made.motion), made))
    assert abs(np.mean(found)) < 0.4


def test_the_place_looked_at_does_not_depend_on_the_lips(speakers):
    made, frames = speakers[0]
    motion = made.motion
    seen = mouth_pictures(frames, motion)
    assert seen.shape == (12, *MOUTH_HW, 3)
    for point in (61, 291, 0, 17, 13, 14, 152):
        motion.face.xy[:, point] += 5
    np.testing.assert_array_equal(mouth_pictures(frames, motion), seen)


def test_turning_and_scaling_the_picture_changes_nothing_seen(speakers):
    made, frames = speakers[0]
    motion = made.motion
    turn = cv2.getRotationMatrix2D((128, 80), 20, 1.3)
    turned = np.stack([cv2.warpAffine(frame, turn, HW[::-1]) for frame in frames])
    before = mouth_pictures(frames, motion)
    motion.face.xy[:] = motion.face.xy @ turn[:, :2].T + turn[:, 2]
    assert np.abs(mouth_pictures(turned, motion) - before).mean() < 6


def test_no_face_has_no_opening(meter, speakers):
    made, frames = speakers[0]
    motion = made.motion
    motion.face.xy[3] = np.nan
    assert np.flatnonzero(np.isnan(opening(meter, frames, motion))).tolist() == [3]


def test_another_networks_weights_are_told(tmp_path):
    save_file(KeypointMeter().state_dict(), tmp_path / "joints.safetensors")
    with pytest.raises(CheckpointError, match=r"joints\.safetensors is not what python -m train\.mouth_meter writes"):
        load_mouth_meter(tmp_path / "joints.safetensors")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CheckpointError, match=r"make it with python -m train\.mouth_meter"):
        load_mouth_meter(tmp_path / "none.safetensors")


def test_what_is_learned_from_is_made_worse_but_tells_the_same():
    openings = np.linspace(0, 0.1, 11)
    flat = np.broadcast_to((50 + 1500 * openings)[:, None, None, None], (11, *MOUTH_HW, 3)).astype(np.float32)
    pictures, told = mouth_meter.Mouths(flat, openings).worsened(256, np.random.default_rng(0))
    assert pictures.shape == (256, 3, *MOUTH_HW)
    assert 0 <= pictures.min() <= pictures.max() <= 255
    assert np.corrcoef(pictures.mean((1, 2, 3)), told)[0, 1] > 0.9
    assert (pictures.std((1, 2, 3)) > 1).float().mean() > 0.7
