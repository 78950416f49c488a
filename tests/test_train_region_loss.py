"""Where the networks of a checkpoint err, on somebody whose every pixel is known."""

import numpy as np
import pytest
import torch

from apvgen.model.checkpoint import read_info
from train.objective import latent_mask
from train.region_loss import RegionMeter, regions_of
from train.synthetic.shots import shot

pytest_plugins = "train_fixtures"

HW = (128, 128)


@pytest.fixture(scope="module")
def truth():
    made = shot("speaking_dancer", 0, 2, HW, 4, split="held_out")
    return made, *made.frames()


@pytest.fixture
def meter(tiny):
    return RegionMeter(read_info(tiny), torch.device("cpu"))


def test_regions_lie_in_each_other_and_the_mouth_in_the_face(truth):
    made, _, mask = truth
    mouth, face, person = regions_of(made.motion, mask)
    assert 0 < mouth.sum() < face.sum() < person.sum()
    assert (mouth * face).sum() > 0.8 * mouth.sum()
    assert (face * person).sum() > 0.9 * face.sum()
    motion = made.motion
    motion.face.xy[1] = np.nan
    assert [region[1].any() for region in regions_of(motion, mask)] == [False, False, True]


def test_an_error_counts_where_it_is(truth, meter, monkeypatch):
    """A network that is always wrong by as much as there is mouth, and right elsewhere."""
    made, frames, mask = truth
    shares = latent_mask(torch.from_numpy(regions_of(made.motion, mask))[:, [0, 0, 2]], (16, 16))  # the pair: 0 and 2
    wrong = shares[:1, :, None].expand(1, 3, 4, 16, 16)
    monkeypatch.setattr(meter, "_squared", lambda *_: wrong)
    told = meter.measure(made, frames, mask)
    wanted = [(shares[0, 1:] * region[1:]).sum() / region[1:].sum() for region in shares]
    assert list(vars(told).values()) == pytest.approx([share.item() for share in wanted], rel=1e-5)
    assert told.mouth > told.face > told.person > 0


def test_the_same_networks_always_measure_the_same(truth, meter):
    first, second = (meter.measure(*truth) for _ in range(2))
    assert first == second
    assert all(np.isfinite(value) and value > 0 for value in vars(first).values())
