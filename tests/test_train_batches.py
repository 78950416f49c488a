from dataclasses import replace

import numpy as np
import pytest
import torch
from train_toys import STREAMS

from apvgen.errors import InputError, MediaError
from train.batches import BatchPlan, collate, load_batches
from train.config import OptimiserSettings

KINDS = ("face", "body")


def settings(**changed: int) -> OptimiserSettings:
    return OptimiserSettings(**{"steps": 4, "batch": 2, "accumulation": 1} | changed)


def test_iterations_alternate_and_each_kind_goes_through_its_own_stream():
    places = list(BatchPlan(KINDS, settings(steps=2)))
    assert places == [
        [("face", 0), ("face", 1)],
        [("body", 0), ("body", 1)],
        [("face", 2), ("face", 3)],
        [("body", 2), ("body", 3)],
    ]


def test_two_steps_on_one_kind_see_no_clip_twice():
    positions = [place[1] for batch in BatchPlan(("face", "face"), settings(accumulation=3)) for place in batch]
    assert positions == list(range(4 * 2 * 3 * 2))


def test_processes_share_out_what_one_with_a_larger_batch_sees():
    whole = list(BatchPlan(KINDS, settings(batch=4, accumulation=2)))
    parts = [list(BatchPlan(KINDS, settings(batch=2, accumulation=2), rank=rank, ranks=2)) for rank in range(2)]
    for batch, *shares in zip(whole, *parts, strict=True):
        assert sorted(batch) == sorted(place for share in shares for place in share)


def test_a_plan_from_the_middle_is_the_rest_of_the_whole_plan():
    whole, rest = BatchPlan(KINDS, settings(accumulation=2)), BatchPlan(KINDS, settings(accumulation=2), start=3)
    assert list(rest) == list(whole)[-len(rest) :]
    assert len(whole) == len(list(whole)) == 16


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_order_whatever_loads_them(workers):
    batches = list(load_batches(STREAMS, BatchPlan(KINDS, settings(steps=2)), workers))
    assert [(batch.kind, batch.positions) for batch in batches] == [
        ("face", (0, 1)),
        ("body", (0, 1)),
        ("face", (2, 3)),
        ("body", (2, 3)),
    ]
    frames = STREAMS["face"][3].frames
    assert torch.equal(batches[2].frames[1], torch.from_numpy(frames).permute(0, 3, 1, 2))


def test_examples_of_two_sizes_are_refused_by_name():
    small = replace(STREAMS["body"][0], frames=np.zeros((2, 64, 32, 3), np.uint8), key="small")
    with pytest.raises(InputError, match=r"body-1, small differ in size"):
        collate([(("body", 1), STREAMS["body"][1]), (("body", 2), small)])


def test_an_example_with_nothing_to_learn_from_is_refused_by_name():
    blank = replace(STREAMS["face"][0], mask=np.zeros((2, 128, 128), np.float32), key="blank")
    with pytest.raises(InputError, match="blank has an empty mask"):
        collate([(("face", 0), blank)])


class Damaged:
    def __getitem__(self, position):
        raise MediaError("The video of clip 7 cannot be decoded.")


@pytest.mark.parametrize("workers", [0, 1])
def test_damage_that_a_loading_process_finds_stays_one_sentence(workers):
    with pytest.raises(MediaError, match=r"^The video of clip 7 cannot be decoded\.$"):
        next(load_batches({"face": Damaged()}, BatchPlan(("face",), settings()), workers))
