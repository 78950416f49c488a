"""A lent GPU: everything that a backbone tells comes through, in order, and a stop arrives there."""

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_checkpoint import make_tiny_checkpoint

from apvgen.backbones.draft import Draft
from apvgen.backbones.options import PRESETS, RenderOptions
from apvgen.errors import Cancelled, RenderError
from apvgen.studio import zerogpu
from apvgen.studio.models import Models
from apvgen.studio.zerogpu import OnZeroGpu, available


class Counting:
    """Tells a stage and a look, then gives as many frames as are wanted; fails at frame `fails_at`."""

    name = "counting"

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at = fails_at
        self.given, self.stopped = 0, threading.Event()

    def describe(self):
        return {"fails_at": self.fails_at}

    def frames(self, shot, window, on_stage, on_look):
        try:
            on_stage("denoise", 1, 2)
            on_look(lambda: np.ones((2, 4, 4, 3), np.uint8))
            on_stage("denoise", 2, 2)
            for k in window:
                if k == self.fails_at:
                    raise RenderError("The latents are no longer numbers.")
                self.given += 1
                yield np.full((4, 4, 3), k, np.uint8)
        finally:
            self.stopped.set()


@pytest.fixture
def lent(monkeypatch) -> list[int]:
    """The seconds that were asked of a stand-in for the `spaces` package."""
    asked = []

    def gpu(task, duration):
        asked.append(duration)
        return task

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=gpu))
    return asked


def test_frames_stages_and_looks_arrive_in_order_and_the_time_is_the_estimate_and_a_half(lent):
    told, looks = [], []
    backbone = OnZeroGpu(Counting(), lambda _shot: 10.2)
    frames = list(backbone.frames(None, range(3, 6), lambda *s: told.append(s), lambda draw: looks.append(draw())))
    assert [frame[0, 0, 0] for frame in frames] == [3, 4, 5]
    assert told == [("denoise", 1, 2), ("denoise", 2, 2)]
    assert looks[0].shape == (2, 4, 4, 3)
    assert lent == [16]
    assert (backbone.name, backbone.describe()) == ("counting", {"fails_at": None})


def test_an_error_there_is_the_same_error_here(lent):
    with pytest.raises(RenderError, match="no longer numbers"):
        list(OnZeroGpu(Counting(fails_at=1), lambda _shot: 1).frames(None, range(3)))


def test_a_stop_here_ends_the_work_there(lent):
    def stop(_stage, done, _total):
        if done == 2:
            raise Cancelled("stop")

    inner = Counting()
    with pytest.raises(Cancelled):
        list(OnZeroGpu(inner, lambda _shot: 1).frames(None, range(10_000), stop))
    assert inner.stopped.wait(60)
    assert inner.given < 20


def test_without_the_package_no_gpu_is_lent(monkeypatch):
    monkeypatch.setitem(sys.modules, "spaces", None)
    monkeypatch.setitem(sys.modules, "spaces.config", None)
    assert not available()


def test_on_such_a_space_the_studio_renders_there_for_a_time_that_grows_with_the_clip(tmp_path, monkeypatch):
    monkeypatch.setattr(zerogpu, "available", lambda: True)
    options = RenderOptions("diffusion", str(make_tiny_checkpoint(tmp_path / "tiny")), PRESETS["fast"])
    backbone = Models().backbone(options, "mesh")
    assert isinstance(backbone, OnZeroGpu)
    assert isinstance(Models().backbone(RenderOptions(), "mesh"), Draft)
    short, long = (zerogpu.lent_seconds(options, Clip(frames)) for frames in (24, 2400))
    assert zerogpu.LOADING < short < long


class Clip:
    """As much of a shot as an estimate looks at."""

    hw = (768, 512)

    def __init__(self, frames):
        self.frames = frames

    def __len__(self):
        return self.frames
