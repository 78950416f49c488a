import math
from dataclasses import replace

import pytest
import torch
from train_toys import STREAMS, accelerator_for, toy_config, with_group

from apvgen.model.checkpoint import read_info
from train.batches import BatchPlan, load_batches
from train.loop import DivergedError, Run, iterations, losses_of, weighted
from train.networks import trained_parameters
from train.session import prepare

pytest_plugins = "train_fixtures"
pytestmark = pytest.mark.usefixtures("one_thread", "fresh_accelerator")
RATE = 1e-5


@pytest.fixture
def made(tiny, tmp_path):
    def make(**optimiser: object) -> Run:
        config = toy_config(tiny, tmp_path, **optimiser)
        return prepare(config, read_info(tiny), accelerator_for(config))

    return make


def batches(run: Run, start: int = 0):
    return load_batches(STREAMS, BatchPlan(run.config.method.kinds, run.config.optimiser, start), 0)


def weights(run: Run) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in trained_parameters(run.model)])


def test_iterations_tell_what_happened(made):
    run = made(steps=2)
    facts = list(iterations(run, batches(run), 0))
    assert [fact.step for fact in facts] == [1, 2]
    assert set(facts[0].losses) == {"face", "reference", "body"}
    assert set(facts[0].gradients) == {"face", "body"}
    assert facts[0].learning_rate == 0  # the first of a warm-up of two
    assert facts[1].learning_rate == pytest.approx(run.config.optimiser.learning_rate / 2)
    assert all(math.isfinite(figure) for fact in facts for figure in fact.figures().values())


def test_training_on_one_example_lowers_its_loss(made):
    run = made(steps=4, warm_up=0)
    first, *_, last = iterations(run, list(batches(run))[:2] * 4, 0)
    assert last.losses["face"] < 0.5 * first.losses["face"]
    assert last.losses["reference"] < 0.5 * first.losses["reference"]


def test_the_loss_of_a_batch_is_the_paper_s(made):
    run = made()
    run = replace(run, config=with_group(run.config, "method", alpha=0.25, beta=3.0))
    face, body = (losses_of(run, batch) for batch in list(batches(run))[:2])
    assert weighted(face, run.config) == face["face"] + 3 * face["reference"]
    assert weighted(body, run.config) == 0.25 * body["body"]


def test_without_reference_training_the_reference_counts_as_any_frame(made):
    run = made()
    batch = next(iter(batches(run)))
    batch.mask[:, 0] = batch.mask[:, 1]
    with_it, area = losses_of(run, batch), batch.mask[0].sum((1, 2))
    without = losses_of(replace(run, config=with_group(run.config, "method", reference_training=False)), batch)
    shares = area / area.sum()
    expected = with_it["reference"] * shares[0] + with_it["face"] * shares[1:].sum()
    assert set(without) == {"face"}
    torch.testing.assert_close(without["face"], expected)


def test_pixels_outside_of_a_face_s_mask_teach_nothing(made):
    run = made()
    batch, *_ = batches(run)
    known = run.latents.of(batch)
    changed = known.latents.clone()
    changed[:, 1:, :, :3] += 100
    outside = batch.mask[:, 1:, :24].max()
    run.latents.of = lambda _: replace(known, latents=changed)
    run.model.forward = lambda sample, *_: torch.zeros_like(sample[:, :, :4])
    odd = losses_of(run, batch)["face"]
    run.latents.of = lambda _: known
    assert outside == 0
    assert losses_of(run, batch)["face"] == odd


def test_only_face_clips_are_cut_to_the_face_window(made):
    run = made()
    windowed = replace(run, config=with_group(run.config, "data", face_window=(64, 64)))
    seen = []
    run.model.register_forward_pre_hook(lambda _, inputs: seen.append((*inputs[0].shape[-2:], *inputs[3].shape[-2:])))
    for batch in list(batches(run))[:2]:
        losses_of(windowed, batch)
    height, width = run.config.data.hw
    whole = (height // 8, width // 8, height, width)
    assert seen == [(8, 8, 64, 64), whole]
    seen.clear()
    losses_of(replace(windowed, config=with_group(windowed.config, "method", fda=False)), next(batches(run)))
    assert seen == [whole]  # without FDA the face fills the frame


def test_accumulated_batches_are_one_larger_batch(made):
    steps = {}
    for batch, accumulation in ((2, 1), (1, 2)):
        run = made(steps=2, batch=batch, accumulation=accumulation, warm_up=0, learning_rate=RATE)
        steps[accumulation] = list(iterations(run, batches(run), 0))
        steps[accumulation].append(weights(run))
    for whole, parts in zip(steps[1][:2], steps[2][:2], strict=True):
        assert parts.losses == pytest.approx(whole.losses, rel=1e-5)
        assert parts.gradients == pytest.approx(whole.gradients, rel=1e-4)
    # Adam's steps have the size of the rate whatever the gradient's: where that is nothing, their sign is chance.
    assert (steps[1][2] - steps[2][2]).abs().quantile(0.95) < RATE / 100


def test_frozen_networks_and_weights_stay_as_they_are(made):
    run = made(steps=1, train="control", warm_up=0)
    encoder = run.latents.encoder
    frozen = [*encoder.vae.parameters(), *encoder.image_encoder.parameters(), *run.model.unet.parameters()]
    before, control = [parameter.clone() for parameter in frozen], weights(run)
    list(iterations(run, batches(run), 0))
    assert all(map(torch.equal, before, frozen))
    assert not torch.equal(control, weights(run))


def test_the_running_mean_follows_the_weights(made):
    run = made(steps=3, warm_up=0)
    expected = mean = weights(run)
    for fact in iterations(run, batches(run), 0):
        keep = run.average.get_decay(fact.step)
        expected = keep * expected + (1 - keep) * weights(run)
    mean = torch.cat([shadow.flatten() for shadow in run.average.shadow_params])
    torch.testing.assert_close(mean, expected, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_no_number_stops_before_the_weights_change(made):
    run = made(warm_up=0)
    passes = iterations(run, batches(run), 0)
    next(passes)
    before = weights(run)
    with torch.no_grad():
        run.model.unet.conv_out.bias.fill_(math.nan)
    with pytest.raises(DivergedError, match=r"loss of step 2 is not a number.*--learning-rate"):
        next(passes)
    after = weights(run)
    known = ~after.isnan()
    assert torch.equal(before[known], after[known])


def test_a_gradient_that_is_no_number_stops_before_the_weights_change(made):
    run = made(warm_up=0)
    before = weights(run)
    next(run.model.control.parameters()).register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(DivergedError, match="gradient of step 1"):
        next(iterations(run, batches(run), 0))
    assert torch.equal(before, weights(run))
