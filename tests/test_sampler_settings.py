"""Options are refused in one sentence when they are built; schedules and noise are what they say."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from apvgen.sampler.noise import frame_noise, picture_noise
from apvgen.sampler.settings import Decoding, Memory, Settings, parse_schedule
from apvgen.sampler.sigmas import scheduler_for


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"mode": "fast"}, "mode must be one of blended, reference, not 'fast'"),
        ({"schedule": "karras"}, "the schedule must be karras-25 .* not 'karras'"),
        ({"schedule": "euler-20"}, "not 'euler-20'"),
        ({"schedule": "karras-0"}, "between 1 and 1000 steps, not 0 as karras-0 says"),
        ({"schedule": "align-your-steps-0"}, "not 0 as"),
        ({"schedule": "karras--3"}, "between 1 and 1000 steps, not -3 as"),
        ({"guidance_min": 0.5}, "guidance_min must lie between 1 and 100, not 0.5"),
        ({"guidance_min": 3, "guidance_max": 2}, "guidance_max must lie between 3 and 100, not 2"),
        ({"guidance_max": float("nan")}, "guidance_max must lie"),
        ({"guidance_interval": (3, 1)}, "two noise levels, the lower one first"),
        ({"window": 1}, "at least 2 frames"),
        ({"window": 8, "overlap": 8}, "the overlap must lie between 0 and 6 frames for a window of 8, not 8"),
        ({"window": 8, "overlap": -1}, "not -1"),
        ({"overlap": 23}, "between 0 and 22 frames for a window of 24, not 23"),
        ({"seed": -1}, "a seed must lie"),
        ({"control_scale": -1}, "control scale must lie"),
        ({"initial_noise": 1.5}, "initial noise must lie between 0 and 1, not 1.5"),
        ({"noise_augmentation": 2}, "noise augmentation must lie between 0 and 1, not 2"),
    ],
)
def test_bad_settings(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Settings(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"vae_chunk": 0}, "at least 1 frame"),
        ({"vae_chunk": 4, "vae_overlap": 4}, "between 0 and 3 frames for chunks of 4, not 4"),
        ({"vae_tile": 100}, "a multiple of 64 px, at least 128, not 100"),
    ],
)
def test_bad_memory_options(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Memory(**options)


def test_a_quarter_of_a_chunk_fades_unless_chosen_otherwise():
    assert Memory().decoding(8) == Decoding(8, 2)
    assert Memory(vae_chunk=2).decoding(8) == Decoding(2, 0)
    assert Memory(vae_overlap=1, vae_tile=256).decoding(14) == Decoding(14, 1, 256)


def test_options_are_read_without_torch():
    code = "import sys, apvgen.sampler; assert 'torch' not in sys.modules and 'diffusers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("karras-25", ("karras", 25)),
        ("karras-7", ("karras", 7)),
        ("align-your-steps", ("align-your-steps", 10)),
        ("align-your-steps-20", ("align-your-steps", 20)),
    ],
)
def test_schedule_names(name, parsed):
    assert parse_schedule(name) == parsed
    assert Settings(schedule=name).steps == parsed[1]


def test_align_your_steps_is_the_published_table():
    published = [700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0]
    assert np.allclose(scheduler_for("align-your-steps").sigmas, published, rtol=1e-6)


def test_align_your_steps_is_interpolated_in_the_logarithm():
    sigmas = scheduler_for("align-your-steps-19").sigmas.double()
    assert np.allclose(sigmas[:-1:2], scheduler_for("align-your-steps").sigmas[:-1], rtol=1e-5)
    assert np.allclose(sigmas[1], (700 * 54.5) ** 0.5, rtol=1e-5)


@pytest.mark.parametrize("schedule", ["karras-1", "karras-2", "karras-40", "align-your-steps-1", "align-your-steps-33"])
def test_noise_levels_fall_from_700_to_0(schedule):
    scheduler = scheduler_for(schedule)
    sigmas = scheduler.sigmas
    assert len(sigmas) == Settings(schedule=schedule).steps + 1
    assert np.isclose(sigmas[0], 700)
    assert sigmas[-1] == 0
    assert (sigmas.diff() < 0).all()
    assert torch.allclose(scheduler.timesteps, 0.25 * sigmas[:-1].log())


def test_a_frames_noise_does_not_depend_on_the_clip():
    short, long = frame_noise(5, 3, (4, 8, 8)), frame_noise(5, 9, (4, 8, 8))
    assert torch.equal(short, long[:3])
    assert not torch.equal(frame_noise(6, 3, (4, 8, 8)), short)


def test_noise_is_normal_and_independent_between_frames_and_streams():
    noise = torch.stack([*frame_noise(0, 20, (4, 32, 32)), picture_noise(0, (4, 32, 32))]).flatten(1)
    assert torch.allclose(torch.corrcoef(noise), torch.eye(len(noise)), atol=0.07)
    assert noise.mean().abs() < 0.02
    assert abs(noise.std() - 1) < 0.02
