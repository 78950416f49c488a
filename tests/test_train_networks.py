import pytest
import torch
from tiny_checkpoint import tiny_models

from apvgen.estimate.cost import PeakMemory
from train.config import OptimiserSettings
from train.networks import (
    Denoiser,
    checkpoint_gradients,
    idle_parameters,
    make_trainable,
    parts_of,
    trained_parameters,
    without_adapters,
)

pytest_plugins = "train_fixtures"
pytestmark = pytest.mark.usefixtures("one_thread")

FRAMES = 3


def denoiser() -> Denoiser:
    models = tiny_models()
    return Denoiser(models.unet, models.control).train()


def inputs(keep_pose: float = 1.0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(1, FRAMES, 8, 16, 16, generator=generator),
        torch.tensor([0.1]),
        torch.randn(1, 1, 16, generator=generator),
        torch.rand(1, FRAMES, 3, 128, 128, generator=generator),
        torch.tensor([keep_pose]),
    )


@pytest.mark.parametrize("train", ["all", "to_out_v", "control", "lora"])
def test_every_weight_that_is_trained_gets_a_gradient_and_no_other(train):
    model = make_trainable(denoiser(), OptimiserSettings(train=train, lora_rank=2))
    model(*inputs()).square().sum().backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert any("control." in name for name in trained)


@pytest.mark.parametrize(
    ("train", "allowed"),
    [("to_out_v", ("attn1.to_v", "attn2.to_v", "attn1.to_out", "attn2.to_out")), ("control", ()), ("lora", ("lora_",))],
)
def test_of_the_unet_only_what_was_asked_for_is_trained(train, allowed):
    model = make_trainable(denoiser(), OptimiserSettings(train=train, lora_rank=2))
    of_unet = [name for name, parameter in model.named_parameters() if parameter.requires_grad and "unet." in name]
    assert bool(of_unet) == bool(allowed)
    assert all(any(part in name for part in allowed) for name in of_unet)


def test_idle_weights_change_nothing():
    model = denoiser().eval()
    before = model(*inputs())
    with torch.no_grad():
        for parameter in idle_parameters(model.unet):
            parameter.uniform_(-9, 9)
    assert torch.equal(model(*inputs()), before)


def test_gradient_checkpointing_changes_memory_alone():
    gradients, peaks, names = [], [], []
    for again in (False, True):
        model = make_trainable(denoiser(), OptimiserSettings())
        if again:
            checkpoint_gradients(model)
        with PeakMemory([model]) as memory:
            model(*inputs()).square().sum().backward()
        gradients.append([parameter.grad for parameter in trained_parameters(model)])
        peaks.append(memory.peak)
        names.append(list(model.state_dict()))
    for kept, again in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, again, rtol=1e-4, atol=1e-5)
    assert peaks[1] < 0.7 * peaks[0]
    assert names[0] == names[1]


def test_an_example_without_pose_is_what_the_sampler_s_unguided_half_computes():
    model = denoiser().eval()
    sample, timestep, embedding, _, _ = inputs()
    unguided = model.unet(sample, timestep, embedding, torch.tensor([[6, 127, 0.02]])).sample
    torch.testing.assert_close(model(*inputs(keep_pose=0)), unguided)
    assert not torch.allclose(model(*inputs()), unguided)


def test_adapters_become_part_of_the_weights_in_a_copy():
    model = make_trainable(denoiser(), OptimiserSettings(train="lora", lora_rank=2)).eval()
    with torch.no_grad():
        for parameter in trained_parameters(model):
            parameter.add_(0.05)
    merged, names = without_adapters(model), set(denoiser().state_dict())
    torch.testing.assert_close(merged(*inputs()), model(*inputs()), rtol=1e-4, atol=1e-5)
    assert set(merged.state_dict()) == names
    assert set(model.state_dict()) != names


def test_parts_have_the_names_of_their_own_networks():
    model = denoiser()
    unet, control = parts_of(model.state_dict())
    assert (unet.keys(), control.keys()) == (model.unet.state_dict().keys(), model.control.state_dict().keys())
