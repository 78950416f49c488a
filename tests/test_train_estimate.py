from pathlib import Path

import pytest
import torch
from train_toys import toy_config, with_group

from apvgen.errors import MemoryLimitError
from apvgen.estimate import pace
from apvgen.estimate.cost import PeakMemory
from apvgen.model.checkpoint import load_models, read_info
from train import estimate
from train.networks import Denoiser

pytest_plugins = "train_fixtures"
pytestmark = pytest.mark.usefixtures("one_thread")

CPU, BYTES = torch.device("cpu"), 4


@pytest.fixture(scope="module")
def counted(tiny, tmp_path_factory):
    config = toy_config(tiny, tmp_path_factory.mktemp("counted"))
    return config, estimate.iteration_cost(config, read_info(tiny))


def test_counted_memory_is_that_of_a_real_pass(tiny, counted):
    config, cost = counted
    models = load_models(read_info(tiny), "cpu", torch.float32)
    model = Denoiser(models.unet, models.control).train()
    frames, (height, width) = config.data.frames + 1, config.data.hw
    inputs = (
        torch.zeros(1, frames, 8, height // 8, width // 8),
        torch.zeros(1),
        torch.zeros(1, 1, 16),
        torch.zeros(1, frames, 3, height, width),
        torch.ones(1),
    )
    with PeakMemory([model]) as memory:
        model(*inputs).square().mean().backward()
    assert cost.passes == pytest.approx(memory.peak, rel=0.05)


def test_weights_and_means_are_counted_by_what_is_trained(tiny, counted):
    config, cost = counted
    models = load_models(read_info(tiny), "cpu")
    control = sum(parameter.numel() for parameter in models.control.parameters())
    changed = with_group(config, "optimiser", train="control", ema_decay=0, accumulation=2)
    only = estimate.iteration_cost(changed, read_info(tiny))
    everything = [parameter.numel() for network in vars(models).values() for parameter in network.parameters()]
    assert only.kept == BYTES * (sum(everything) + 2 * control)
    assert cost.kept > only.kept
    assert only.flops / 2 < cost.flops < only.flops
    assert only.passes < cost.passes


def test_faces_cut_to_a_window_cost_less(tiny, counted):
    config, cost = counted
    cut = estimate.iteration_cost(with_group(config, "data", face_window=(64, 64)), read_info(tiny))
    assert cost.flops / 2 < cut.flops < cost.flops
    assert cut.passes == cost.passes


def test_too_little_memory_names_what_to_change(counted, monkeypatch):
    monkeypatch.setattr(estimate, "free_memory", lambda _: 1e6)
    with pytest.raises(MemoryLimitError, match=r"needs about .* GB, .*use --gradient-checkpointing, --precision bf16"):
        estimate.report(counted[1], counted[0], CPU)


def test_estimates_learn_from_runs(counted, monkeypatch, tmp_path):
    config, cost = counted
    monkeypatch.setattr(pace, "_path", lambda: tmp_path / "pace.json")
    assert "computed, not measured" in estimate.report(cost, config, CPU)
    estimate.remember_run(cost, config, CPU, (10, 70.0))
    assert "about 7 s (as runs before took)" in estimate.report(cost, config, CPU)


def test_every_engine_s_settings_are_read_by_accelerate():
    from accelerate.commands.config.config_args import load_config_from_file

    files = sorted((Path(estimate.__file__).parent / "configs").glob("*.yaml"))
    kinds = {path.stem: load_config_from_file(str(path)).distributed_type.value for path in files}
    assert kinds == {
        "deepspeed_zero2": "DEEPSPEED",
        "fsdp": "FSDP",
        "gpus": "MULTI_GPU",
        "nodes": "MULTI_GPU",
        "one_gpu": "NO",
    }
