"""Where the networks of a checkpoint err, on somebody whose every pixel is known."""

import numpy as np
import pytest
import torch

from apvgen.model.checkpoint import load_models, read_info
from train import region_loss
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
    return RegionMeter(load_models(read_info(tiny), "cpu", torch.float32), "mesh")


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
    """A network that always answers with the truth, but for the latents of the mouth."""
    made, frames, mask = truth
    mouth = torch.from_numpy(np.pad(regions_of(made.motion, mask)[0], [(1, 0), (0, 0), (0, 0)]))
    monkeypatch.setattr(
        meter,
        "_squared",
        lambda known, _poses, _sigma: (
            region_loss.latent_mask(mouth[None, :3], known.latents.shape[-2:])[:, :, None]
            .gt(0.5)
            .float()
            .expand(known.latents.shape)
        ),
    )
    told = meter.measure(made, frames, mask)
    assert told.mouth > told.face > told.person > 0


def test_the_same_networks_always_measure_the_same(truth, meter):
    first, second = (meter.measure(*truth) for _ in range(2))
    assert first == second
    assert all(np.isfinite(value) and value > 0 for value in vars(first).values())
