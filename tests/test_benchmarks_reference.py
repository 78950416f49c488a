"""The baseline that the sampler is timed against is the public pipeline: its golden numbers, all of its waste."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder

from apvgen.model.controlnext import ControlNeXt
from apvgen.model.models import Models
from apvgen.model.unet import ControlledUNet
from apvgen.sampler.settings import Settings
from benchmarks._jobs import Job
from benchmarks._reference_pipeline import ReferencePipeline


@pytest.fixture(scope="module")
def expected(golden) -> np.lib.npyio.NpzFile:
    return np.load(golden / "pipeline" / "pipeline_b.npz")


@pytest.fixture(scope="module")
def models(golden, fill_weights, expected) -> Models:
    unet = ControlledUNet(**config(golden, "unet_small"))
    vae = AutoencoderKLTemporalDecoder(**config(golden, "vae_small"))
    networks = {"unet": unet, "controlnext": ControlNeXt(), "vae": vae}
    for name, network in networks.items():
        fill_weights.fill_(network.eval(), int(expected[f"seed_{name}"]))
    return Models(unet, networks["controlnext"], vae, image_encoder=None)


@pytest.fixture(scope="module")
def job(expected) -> Job:
    number = {name: expected[name].item() for name in expected if expected[name].ndim == 0}
    settings = Settings(
        "reference",
        f"karras-{number['num_inference_steps']}",
        number["min_guidance_scale"],
        number["max_guidance_scale"],
        window=number["frames_per_batch"],
        overlap=number["overlap"],
    )
    tensor = {name: torch.from_numpy(expected[name]) for name in ("image_latents", "image_embeds", "initial_latents")}
    return Job(
        expected["control_frames"],
        tensor["image_latents"],
        tensor["image_embeds"],
        tensor["initial_latents"][0],
        settings,
        decode_chunk=3,
    )


def config(golden: Path, name: str) -> dict:
    return json.loads((golden / "configs" / f"{name}.json").read_text())


@pytest.mark.golden
def test_latents_and_work_are_the_public_pipelines(models, job, expected):
    computed = []
    handle = models.control.register_forward_pre_hook(lambda _, given: computed.append(len(given[0])))
    latents = ReferencePipeline(models).sample(job)
    handle.remove()
    golden_latents = expected["latents_final"][0]
    np.testing.assert_allclose(latents.numpy(), golden_latents, rtol=0, atol=1e-4 * np.abs(golden_latents).max())
    windows, halves = 3, 2
    assert computed == [halves * job.settings.window] * windows * job.settings.steps


@pytest.mark.golden
def test_decoded_frames_are_the_public_pipelines(models, job, expected):
    frames = ReferencePipeline(models).decode(job, torch.from_numpy(expected["latents_final"][0]))
    np.testing.assert_allclose(frames, expected["frames_np_chunk3"][0], rtol=0, atol=1e-4)
