"""The control branch: the published checkpoint's layout and numbers, and what the sampler and training rely on."""

import json

import numpy as np
import pytest
import torch

from apvgen.model.controlnext import ControlNeXt

SMALL = {"stem_channels": (8, 8, 16), "block_channels": (16, 32), "time_channels": (16, 32), "out_channels": 24}


@pytest.fixture
def branch() -> ControlNeXt:
    torch.manual_seed(0)
    return ControlNeXt(**SMALL).eval()


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.rand(3, 3, 64, 48, generator=torch.Generator().manual_seed(1))


NOISE_LEVEL = torch.tensor(0.7)


@pytest.mark.golden
def test_layout_is_the_published_checkpoints(golden):
    with torch.device("meta"):
        published = ControlNeXt()
    shapes = {key: list(value.shape) for key, value in published.state_dict().items()}
    assert shapes == json.loads((golden / "manifests" / "controlnext_svd_v2.json").read_text())


@pytest.mark.golden
def test_numbers_are_the_reference_codes(golden, fill_weights):
    expected = np.load(golden / "controlnext" / "controlnext_module.npz")
    published = ControlNeXt().eval()
    fill_weights.fill_(published, int(expected["seed"]))
    with torch.no_grad():
        features = published(
            torch.from_numpy(expected["control_frames"]).flatten(0, 1), torch.from_numpy(expected["timestep"])
        )
    np.testing.assert_allclose(features.numpy(), expected["output"], rtol=0, atol=1e-4)


def test_size_follows_the_picture_and_channels_the_configuration(branch, frames):
    assert branch(frames, NOISE_LEVEL).shape == (3, 24, 64 // 8 - 1, 48 // 8 - 1)


def test_depth_follows_the_configuration():
    shallow = ControlNeXt((8, 8, 8), (16,), (4,), (16, 32), 24)
    assert shallow(torch.rand(1, 3, 64, 48), NOISE_LEVEL).shape == (1, 24, 64 // 4 - 2, 48 // 4 - 2)


@torch.no_grad()
def test_a_frame_does_not_depend_on_its_company(branch, frames):
    together = branch(frames, NOISE_LEVEL)
    torch.testing.assert_close(branch(frames[1:2], NOISE_LEVEL), together[1:2])


@torch.no_grad()
def test_every_frame_can_have_its_own_noise_level(branch, frames):
    levels = torch.tensor([0.1, 0.7, 1.5])
    features = branch(frames, levels)
    torch.testing.assert_close(features[2:], branch(frames[2:], levels[2]))
    assert (features[0] - branch(frames, levels[2])[0]).abs().max() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.03), (torch.float16, 0.004)])
def test_half_precision_stays_close(branch, frames, dtype, tolerance):
    exact = branch(frames, NOISE_LEVEL)
    halved = branch.to(dtype)(frames.to(dtype), NOISE_LEVEL)
    assert halved.dtype == dtype
    assert (halved.float() - exact).std() < tolerance * exact.std()


def test_gradient_checkpointing_gives_the_same_gradients(branch, frames):
    def gradients() -> list[torch.Tensor]:
        branch.zero_grad()
        branch(frames, NOISE_LEVEL).square().mean().backward()
        return [parameter.grad.clone() for parameter in branch.parameters()]

    plain = gradients()
    branch.enable_gradient_checkpointing()
    assert all(gradient.any() for gradient in plain)
    torch.testing.assert_close(gradients(), plain)


@torch.no_grad()
def test_compiles_into_one_graph(branch, frames):
    compiled = torch.compile(branch, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(frames, NOISE_LEVEL), branch(frames, NOISE_LEVEL))


@torch.no_grad()
def test_saved_and_loaded_with_its_widths(branch, frames, tmp_path):
    branch.save_pretrained(tmp_path)
    torch.testing.assert_close(ControlNeXt.from_pretrained(tmp_path)(frames, NOISE_LEVEL), branch(frames, NOISE_LEVEL))
