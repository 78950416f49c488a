"""Costs against known operations, the published architecture's numbers and memory as it is really taken."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder
from tiny_checkpoint import make_tiny_checkpoint
from torch import nn

from apvgen.backbones.controlnext_svd import fitted
from apvgen.backbones.options import PRESETS, RenderOptions
from apvgen.errors import CheckpointError, RenderError
from apvgen.estimate import MEGAPIXELS_A_SECOND, drawn, estimate, pace
from apvgen.estimate.cost import cost_of
from apvgen.estimate.diffusion import networks_cost, remember_render, render_cost
from apvgen.model.checkpoint import PARTS, read_info
from apvgen.model.controlnext import ControlNeXt
from apvgen.model.unet import ControlledUNet
from apvgen.sampler.devices import resources
from apvgen.sampler.settings import Decoding, Memory, Settings

HW = (128, 64)
DECODING = Decoding(4, 1)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("APVGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return read_info(make_tiny_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny"))


def test_operations_and_memory_of_two_layers_are_counted():
    first, second = nn.Linear(100, 1000, device="meta"), nn.Linear(1000, 10, device="meta")
    cost = cost_of([first, second], lambda: second(first(torch.empty(50, 100))))
    assert cost.flops == 2 * 50 * (100 * 1000 + 1000 * 10)
    assert cost.values == 50 * 100 + 50 * 1000  # input and output of the first: the input is gone by the second


def test_what_is_no_longer_used_is_not_counted():
    def chain() -> None:
        x = torch.empty(1000)
        for _ in range(20):
            x = x + 1

    assert cost_of([], chain).values == 2000


def test_attention_needs_no_matrix_of_weights():
    query = (1, 4, 512, 16)
    cost = cost_of([], lambda: nn.functional.scaled_dot_product_attention(*(torch.empty(query) for _ in range(3))))
    assert cost.values == 4 * 4 * 512 * 16
    assert cost.flops == 2 * 2 * 4 * 512 * 512 * 16


def test_the_published_architecture_costs_what_is_known():
    """TFLOP at 768 x 512, counted elsewhere: UNet of 24 frames 47.9 with cross attention in full, control of 24 frames
    3.6, decoder 4.6 a frame, of about 0.8 GB in half precision.
    """
    with torch.device("meta"):
        unet, control = ControlledUNet(), ControlNeXt()
        vae = AutoencoderKLTemporalDecoder(
            down_block_types=("DownEncoderBlock2D",) * 4, block_out_channels=(128, 256, 512, 512), layers_per_block=2
        )
    for module in (unet, control, vae):
        nn.Module.to(module.eval(), "meta")
    called = cost_of(
        [unet],
        lambda: unet(torch.empty(1, 24, 8, 96, 64), torch.tensor(1.0), torch.empty(1, 1, 1024), torch.empty(1, 3)),
    )
    assert called.flops / 1e12 == pytest.approx(47.9, rel=0.05)
    assert called.flops / 1e12 < 47.9  # cross attention to one token is spared
    controlled = cost_of([control], lambda: control(torch.empty(24, 3, 768, 512), torch.tensor(1.0)))
    assert controlled.flops / 1e12 == pytest.approx(3.6, rel=0.02)
    decoded = cost_of([vae], lambda: vae.decode(torch.empty(2, 4, 96, 64), num_frames=2))
    assert decoded.flops / 2e12 == pytest.approx(4.6, rel=0.01)
    assert 2 * decoded.values / 2e9 == pytest.approx(0.8, rel=0.05)


def test_a_render_is_its_calls(checkpoint):
    settings = Settings(schedule="karras-3", window=6, overlap=1)
    cost = render_cost(checkpoint, settings, DECODING, 20, HW)
    folders = tuple(checkpoint.part(part) for part in PARTS)
    networks = networks_cost(folders, HW, 6, 4)
    windows, decoded = 5, 27  # of 5 own frames, one shared; 21 frames in 7 chunks of up to 4 that share 1
    poses = 21  # those of the window before are kept
    expected = 3 * (2 * windows * networks.unet.flops + poses * networks.control.flops)
    assert cost.flops == pytest.approx(expected + decoded * networks.decode.flops / 4)
    assert cost.weights["unet"] == sum(p.numel() for p in _unet(checkpoint).parameters())


def _unet(checkpoint):
    from apvgen.model.parts import empty_part

    return empty_part(checkpoint.part("unet"), "unet")


def test_more_work_costs_more(checkpoint):
    def cost(name: str, frames: int = 20, hw=HW):
        return render_cost(checkpoint, fitted(PRESETS[name], checkpoint.window, frames + 1), DECODING, frames, hw)

    assert cost("fast").flops < cost("balanced").flops < cost("paper").flops
    assert cost("fast", 40).flops == pytest.approx(2 * cost("fast").flops, rel=0.25)
    assert cost("fast", hw=(256, 128)).flops > 3.9 * cost("fast").flops
    assert cost("fast", 40).sampling == cost("fast").sampling
    unguided = Settings(schedule="karras-25", guidance_min=1, guidance_max=1)
    unguided = fitted(unguided, checkpoint.window, 21)
    assert render_cost(checkpoint, unguided, DECODING, 20, HW).flops < 0.7 * cost("paper").flops


def test_offloading_needs_less_than_everything(checkpoint):
    cost = render_cost(checkpoint, Settings(), DECODING, 20, HW)
    assert cost.resident(offload=True) < cost.resident(offload=False)
    assert cost.resident(offload=False) > sum(cost.weights.values())


def test_settings_that_do_not_fit_and_absent_checkpoints_raise(checkpoint, monkeypatch, tmp_path):
    with pytest.raises(RenderError, match="window of 30"):
        render_cost(checkpoint, Settings(window=30), DECODING, 10, HW)
    monkeypatch.setenv("APVGEN_CHECKPOINTS", str(tmp_path))
    with pytest.raises(CheckpointError, match="--checkpoint"):
        estimate(RenderOptions("diffusion"), 10, HW)


@pytest.mark.parametrize("renderer", ["draft", "stick"])
def test_a_drawing_is_guessed_until_one_was_timed(renderer):
    how = RenderOptions(renderer)
    guess = estimate(how, 100, (500, 400))
    assert not guess.measured
    assert guess.seconds == pytest.approx(20 / MEGAPIXELS_A_SECOND[renderer])
    drawn(renderer, 100, (500, 400), 7.0)
    timed = estimate(how, 200, (500, 400))
    assert (timed.measured, timed.seconds) == (True, pytest.approx(14))
    assert timed.bytes_there > 0


def test_a_diffusion_is_probed_until_one_was_timed(checkpoint, cache):
    how = RenderOptions("diffusion", str(checkpoint.folder), memory=Memory(device="cpu"))
    assert not estimate(how, 10, HW).measured
    found = resources(how.memory)
    remember_render(checkpoint, found, fitted(how.sampling, checkpoint.window, 11), 10, HW, 8.0)
    timed = estimate(how, 10, HW)
    assert (timed.measured, timed.seconds) == (True, pytest.approx(8))
    assert estimate(replace(how, sampling=PRESETS["paper"]), 10, HW).seconds > 10
    (kind,) = json.loads((cache / "pace.json").read_text())
    assert "in float32" in kind


def test_short_work_and_damaged_or_closed_caches_are_no_pace(cache, monkeypatch, tmp_path):
    pace.remember("a", 100, 1.9)
    assert pace.recall("a") is None
    pace.remember("a", 100, 4.0)
    pace.remember("b", 100, 10.0)
    assert (pace.recall("a"), pace.recall("b")) == (25, 10)
    for damaged in ("{", "[1]", '{"a": "fast"}', '{"a": -1.0}'):
        (cache / "pace.json").write_text(damaged)
        assert pace.recall("a") is None
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("APVGEN_CACHE", str(tmp_path / "file"))
    pace.remember("a", 100, 4.0)
    assert pace.recall("a") is None
