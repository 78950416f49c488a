"""The sampler against the public pipeline's own numbers, step by step."""

import importlib.util
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from apvgen.model.controlnext import ControlNeXt
from apvgen.model.models import Models
from apvgen.model.unet import ControlledUNet
from apvgen.sampler.conditioning import clip_pixels, encode_reference
from apvgen.sampler.decode import decode, decode_pictures
from apvgen.sampler.denoise import sample
from apvgen.sampler.guidance import window_guidance
from apvgen.sampler.plan import Plan, make_plan
from apvgen.sampler.progress import StepInfo
from apvgen.sampler.settings import Decoding, Settings
from apvgen.sampler.sigmas import scheduler_for
from apvgen.sampler.velocity import ADDED_TIME_IDS

pytestmark = pytest.mark.golden


def synthetic_models(golden: Path, numbers: dict) -> Models:
    """The golden README's reduced networks, filled by its rule."""
    spec = importlib.util.spec_from_file_location("fill_weights", golden / "fill_weights.py")
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    configs = {
        name: json.loads((golden / "configs" / f"{name}_small.json").read_text())
        for name in ("unet", "vae", "image_encoder")
    }
    models = Models(
        ControlledUNet(**configs["unet"]).eval(),
        ControlNeXt().eval(),
        AutoencoderKLTemporalDecoder(**configs["vae"]).eval(),
        CLIPVisionModelWithProjection(CLIPVisionConfig(**configs["image_encoder"])).eval(),
    )
    for name, seed in {
        "unet": "unet",
        "control": "controlnext",
        "vae": "vae",
        "image_encoder": "image_encoder",
    }.items():
        rule.fill_(getattr(models, name), int(numbers[f"seed_{seed}"]))
    return models


def reference_settings(numbers: dict) -> Settings:
    return Settings(
        mode="reference",
        schedule=f"karras-{int(numbers['num_inference_steps'])}",
        guidance_min=float(numbers["min_guidance_scale"]),
        guidance_max=float(numbers["max_guidance_scale"]),
        window=int(numbers["frames_per_batch"]),
        overlap=int(numbers["overlap"]),
        noise_augmentation=float(numbers["noise_aug_strength"]),
    )


@dataclass(frozen=True)
class Run:
    """One render in reference mode. seen, given: sample and prediction of each UNet call, in order."""

    numbers: dict
    models: Models
    plan: Plan
    seen: list
    given: list
    final: np.ndarray

    @property
    def starts(self) -> list[int]:
        return [window.frames[0] for window in self.plan.windows]

    def noisy(self, step: int) -> np.ndarray:
        """The latents of all frames that the UNet saw in a step: `[F, 4, h, w]`."""
        sigma = self.numbers["sigmas"][step]
        latents = np.empty_like(self.final)
        for index, start in enumerate(self.starts):
            sample = self.seen[2 * (step * len(self.starts) + index)][0, :, :4].numpy()
            latents[start : start + len(sample)] = sample * np.sqrt(sigma**2 + 1)
        return latents


class Stop(Exception):
    """Ends a render early."""


def run_reference(golden: Path, name: str, steps: int) -> Run:
    numbers = dict(np.load(golden / "pipeline" / f"{name}.npz"))
    models, settings = synthetic_models(golden, numbers), reference_settings(numbers)
    conditioning = encode_reference(models, numbers["image"], settings)
    plan = make_plan(int(numbers["num_frames"]), settings, conditioning)
    seen, given = [], []
    models.unet.register_forward_pre_hook(lambda _unet, args: seen.append(args[0]))
    models.unet.register_forward_hook(lambda _unet, _args, output: given.append(output[0]))

    def stop(info: StepInfo) -> None:
        if info.step == steps:
            raise Stop

    final = torch.full(numbers["latents_final"][0].shape, torch.nan)
    with suppress(Stop):
        final = sample(models, conditioning, poses_of(numbers), plan, initial_noise(numbers), stop)
    return Run(numbers, models, plan, seen, given, final.numpy())


def poses_of(numbers: dict):
    return lambda indices: numbers["control_frames"][list(indices)]


def initial_noise(numbers: dict) -> torch.Tensor:
    return torch.from_numpy(numbers["initial_latents"][0])


def off_by(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference, as the golden README counts it for latents."""
    return np.abs(ours - theirs).max() / max(1, np.abs(theirs).max())


@pytest.fixture(scope="module")
def run_b(golden) -> Run:
    """Three windows, the last one moved back; guidance 1 to 3 along each."""
    return run_reference(golden, "pipeline_b", steps=3)


@pytest.fixture(scope="module")
def run_a(golden) -> Run:
    """The first step only (and a call of the second): other size, overlap and guidance."""
    return run_reference(golden, "pipeline_a", steps=1)


def test_windows_start_where_the_public_pipeline_has_them(run_a, run_b):
    for run in (run_a, run_b):
        assert run.starts == run.numbers["window_starts"].tolist()


def test_latents_after_every_step(run_b):
    after = run_b.numbers["latents_after_step"][:, 0]
    for step in (1, 2):
        assert off_by(run_b.noisy(step), after[step - 1]) < 1e-4
    assert off_by(run_b.final, after[2]) < 1e-4
    assert off_by(run_b.final, run_b.numbers["latents_final"][0]) < 1e-4


def test_latents_after_the_first_step_of_another_setting(run_a):
    first = run_a.seen[2 * len(run_a.starts)][0, :, :4].numpy() * np.sqrt(run_a.numbers["sigmas"][1] ** 2 + 1)
    assert off_by(first, run_a.numbers["latents_after_step"][0, 0, : len(first)]) < 1e-4


def test_first_unet_call_sees_the_same_in_both_halves(run_a, run_b):
    for run in (run_a, run_b):
        unconditional, conditional = run.numbers["first_unet_input"]
        assert off_by(run.seen[0][0].numpy(), conditional) < 1e-4
        assert off_by(run.seen[1][0].numpy(), unconditional) < 1e-4


def test_first_unet_call_predicts_the_same_in_both_halves(run_a, run_b):
    for run in (run_a, run_b):
        unconditional, conditional = run.numbers["first_unet_output"]
        assert np.abs(run.given[0][0].numpy() - conditional).max() < 1e-4
        assert np.abs(run.given[1][0].numpy() - unconditional).max() < 1e-4


def test_each_window_after_the_first_step_before_the_merge(run_a, run_b):
    for run in (run_a, run_b):
        settings = run.plan.settings
        for index, (window, theirs) in enumerate(
            zip(run.plan.windows, run.numbers["window_latents_step0"], strict=True)
        ):
            scheduler = scheduler_for(settings.schedule)
            conditional, unconditional = (part[0] for part in run.given[2 * index : 2 * index + 2])
            guidance = torch.from_numpy(window_guidance(window, run.plan.frames, settings))[:, None, None, None]
            latents = initial_noise(run.numbers)[list(window.frames)] * scheduler.init_noise_sigma
            time = scheduler.timesteps[0]
            scheduler.scale_model_input(latents, time)
            velocity = unconditional + guidance * (conditional - unconditional)
            assert off_by(scheduler.step(velocity, time, latents).prev_sample.numpy(), theirs[0]) < 1e-4


def test_what_the_networks_are_told_about_the_picture(run_a, run_b):
    for run in (run_a, run_b):
        seen = encode_reference(run.models, run.numbers["image"], run.plan.settings)
        assert np.abs(seen.embedding[0].numpy() - run.numbers["image_embeds"]).max() < 1e-4
        assert np.abs(seen.image_latents.numpy() - run.numbers["image_latents"][0]).max() < 1e-4
        assert np.allclose(ADDED_TIME_IDS, run.numbers["added_time_ids"])


@pytest.mark.parametrize(("name", "chunk"), [("run_a", 2), ("run_a", 4), ("run_b", 3)])
def test_decoded_frames(request, name, chunk):
    run = request.getfixturevalue(name)
    latents = torch.from_numpy(run.numbers["latents_final"][0])
    pictures = torch.stack(list(decode_pictures(run.models.vae, latents, Decoding(chunk, overlap=0))))
    theirs = run.numbers[f"frames_np_chunk{chunk}"][0]
    assert np.abs(pictures.permute(0, 2, 3, 1).numpy() - theirs).max() < 1e-4


def test_end_to_end_pictures(run_b):
    frames = np.stack(list(decode(run_b.models.vae, torch.from_numpy(run_b.final), Decoding(3, overlap=0))))
    theirs = run_b.numbers["frames_np_chunk3"][0, 1:]
    assert np.abs(frames / 255 - theirs).max() < 0.5 / 255 + 1e-3


def test_what_clip_sees(golden):
    numbers = np.load(golden / "pipeline" / "clip_preprocess.npz")
    assert np.allclose(clip_pixels(numbers["image"], 224), numbers["pixel_values"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("steps", [4, 25, 30])
def test_noise_levels(golden, steps):
    numbers = np.load(golden / "pipeline" / "scheduler_tables.npz")
    scheduler = scheduler_for(f"karras-{steps}")
    assert np.allclose(scheduler.sigmas, numbers[f"sigmas_{steps}"], rtol=1e-5)
    assert np.allclose(scheduler.timesteps, numbers[f"timesteps_{steps}"], rtol=1e-5)
    assert np.isclose(scheduler.init_noise_sigma, numbers[f"init_noise_sigma_{steps}"], rtol=1e-5)
