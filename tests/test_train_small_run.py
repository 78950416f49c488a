"""Runs of small networks: a stop changes nothing, the mean follows the weights, numbers that are none end the run."""

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from train.small_run import Pace, SmallRun, finish

PACE = Pace(12, 0.05, warm_up=3, averaging=0.5)


def new_run():
    torch.manual_seed(0)
    return SmallRun(nn.Linear(3, 1), PACE)


def loss_of(network, step):
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
    return mse_loss(network(inputs), inputs.sum(1, keepdim=True))


def weights(run):
    return torch.cat([parameter.flatten() for part in (run.network, run.average) for parameter in part.parameters()])


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    straight, stopped, again = new_run(), new_run(), new_run()
    list(straight.steps(loss_of))
    steps = stopped.steps(loss_of)
    for _ in range(5):
        next(steps)
    stopped.save(tmp_path / "state.pt")
    finish(again, tmp_path / "state.pt", lambda _start: loss_of)
    assert again.step == 12
    assert torch.equal(weights(again), weights(straight))


def test_the_mean_lies_between_first_and_last_weights_and_gets_no_gradient():
    run = new_run()
    first = weights(run)
    losses = list(run.steps(loss_of))
    assert losses[-1] < losses[0]
    trained, mean = weights(run).chunk(2)
    assert ((mean - trained).abs() < (first[:4] - trained).abs()).all()
    assert not any(parameter.requires_grad for parameter in run.average.parameters())


def test_a_loss_that_is_no_number_ends_the_run_before_the_weights_change():
    run = new_run()
    before = weights(run)
    with pytest.raises(FloatingPointError, match="the loss of step 0 is nan; lower the learning rate"):
        next(run.steps(lambda network, _step: network.weight.sum() * float("nan")))
    assert torch.equal(weights(run), before)
