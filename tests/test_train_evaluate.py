"""Measuring on the drawn world, where the truth is known: the truth itself gets full marks, others' frames do not."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from train import evaluate
from train.evaluate import Cases, Meters, Score, correlation, score, summary
from train.keypoint_meter import CELL, SEEN_HW, KeypointMeter, heat_loss, measure, places
from train.region_loss import RegionLoss
from train.synthetic.shots import shot

HW = (384, 256)
TRUTHFUL = Meters(None, None)


@pytest.fixture(scope="module")
def case():
    truth = shot("speaking_dancer", 0, 2, HW, 10, split="held_out")
    return truth, *truth.frames()


@pytest.fixture(autouse=True)
def exact_meter(monkeypatch, case):
    """Meters that find every joint, and the mouth, as the truth has it."""
    body = case[0].motion.body
    monkeypatch.setattr(evaluate, "measure", lambda _meter, frames: (body.xy / [256, 384])[: len(frames)])
    monkeypatch.setattr(evaluate, "opening", lambda _meter, frames, _motion: case[0].opening[: len(frames)])


def test_the_truth_gets_full_marks(case):
    truth, frames, mask = case
    told = score(frames, truth, frames, mask, TRUTHFUL)
    assert (told.identity, told.error) == (1, 0)
    assert told.akd == pytest.approx(0, abs=1e-6)
    assert told.motion == pytest.approx(1, abs=1e-4)
    assert told.lips == pytest.approx(1)


def test_somebody_else_is_not_taken_for_the_person(case):
    truth, frames, mask = case
    other = shot("speaking_dancer", 0, 3, HW, 10, split="held_out").frames()[0]
    told = score(other, truth, frames, mask, TRUTHFUL)
    assert told.identity == 0
    assert told.error > 0.05


def test_lips_that_stay_still_follow_nothing_and_silence_is_left_out():
    moving = np.sin(np.arange(20.0))
    assert correlation(2 * moving + 1, moving) == pytest.approx(1)
    assert correlation(np.ones(20), moving) == 0
    assert np.isnan(correlation(moving, np.full(20, 0.01)))
    seen = np.where(np.arange(20) == 3, np.nan, moving)
    assert correlation(seen, moving) == pytest.approx(1)  # a frame without a face says nothing
    assert np.isnan(correlation(np.full(20, np.nan), moving))


def test_every_case_is_rendered_and_measured_with_its_losses(case, monkeypatch):
    monkeypatch.setattr(evaluate, "shot", lambda *_, **__: case[0])
    monkeypatch.setattr(evaluate, "render", lambda *_: case[1])
    regions = SimpleNamespace(measure=lambda *_: RegionLoss(0.3, 0.2, 0.1))
    (told,) = evaluate.evaluate(None, replace(TRUTHFUL, regions=regions), Cases(HW, range(1), 10))
    assert (told.mouth_loss, told.face_loss, told.person_loss, told.error) == (0.3, 0.2, 0.1, 0)
    (told,) = evaluate.evaluate(None, TRUTHFUL, Cases(HW, range(1), 10))
    assert np.isnan(told.mouth_loss)


def test_means_leave_out_what_is_unknown_and_intervals_hold_them():
    scores = [Score(k / 10, float("nan") if k % 2 else 0.5, 1.0, 0.1, 1.0) for k in range(11)]
    told = summary(scores)
    assert told["akd"]["mean"] == pytest.approx(0.5)
    assert told["akd"]["low"] < 0.5 < told["akd"]["high"]
    # Deviation of the mean of 11 draws of that spread: 0.095; the interval reaches about twice as far.
    assert told["akd"]["high"] - told["akd"]["low"] == pytest.approx(4 * 0.095, rel=0.15)
    assert (told["lips"]["cases"], told["lips"]["mean"], told["identity"]["low"]) == (6, 0.5, 1)


def test_a_peak_between_cells_is_read_between_them():
    heat = torch.full((1, 18, 48, 32), -20.0)
    heat[:, :, 10, 5] = heat[:, :, 10, 6] = 5.0
    assert torch.allclose(places(heat), torch.tensor([5.5, 10.0]).expand(1, 18, 2), atol=1e-3)


def test_heat_at_the_right_place_costs_least_and_unknown_joints_nothing():
    xy = torch.full((1, 18, 2), float("nan"))
    xy[0, 3] = torch.tensor([(7 + 0.5) * CELL / SEEN_HW[1], (20 + 0.5) * CELL / SEEN_HW[0]])
    right, wrong = torch.zeros(1, 18, 48, 32), torch.zeros(1, 18, 48, 32)
    right[0, 3, 20, 7] = wrong[0, 3, 7, 20] = right[0, 5, 1, 1] = 30.0
    assert heat_loss(right, xy) == pytest.approx(0, abs=1e-3)
    assert heat_loss(wrong, xy) > 20


def test_joints_come_back_normalised_to_the_frame():
    torch.manual_seed(0)
    found = measure(KeypointMeter().eval(), np.zeros((2, 96, 64, 3), np.uint8))
    assert found.shape == (2, 18, 2)
    assert ((found >= 0) & (found <= 1)).all()
