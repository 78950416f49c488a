"""The sampler's loop: what is computed how often, how windows join, what a partial render leaves alone."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from sampler_toys import plain_poses, toy_conditioning, toy_models
from tiny_checkpoint import tiny_models

from apvgen.errors import Cancelled, RenderError
from apvgen.sampler.conditioning import encode_reference
from apvgen.sampler.control import ControlFeatures
from apvgen.sampler.denoise import denoise, sample
from apvgen.sampler.guidance import is_guided, window_guidance
from apvgen.sampler.noise import frame_noise
from apvgen.sampler.plan import make_plan
from apvgen.sampler.rerender import Held, changed_pictures, redo_frames
from apvgen.sampler.settings import Decoding, Settings
from apvgen.sampler.sigmas import scheduler_for

FRAMES, HW = 12, (64, 64)
SETTINGS = Settings(schedule="karras-3", window=6, overlap=2, seed=3)
UNGUIDED = replace(SETTINGS, guidance_min=1, guidance_max=1)


@pytest.fixture(scope="module")
def models():
    return tiny_models(seed=1)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*HW, 3), np.uint8)


@pytest.fixture(scope="module")
def conditioning(models, image):
    return encode_reference(models, image, SETTINGS)


def poses(indices) -> np.ndarray:
    """Different noise for every pose."""
    return np.stack([np.random.default_rng(index).integers(0, 256, (*HW, 3), np.uint8) for index in indices])


@pytest.fixture(scope="module")
def rendered(models, conditioning) -> torch.Tensor:
    return denoise(models, conditioning, poses, FRAMES, SETTINGS)


def follow_pose(control, _call):
    """Finished latents: the brightness of the frame's pose, which is 2 i / 255 for pose i; -1 without one."""
    return torch.full((6,), -1.0) if control is None else control.flatten()


def naive(models, conditioning, settings: Settings) -> torch.Tensor:
    """The blended sampler as its definition says it, in float64: nothing shared, nothing cached, both halves always."""
    plan = make_plan(FRAMES, settings, conditioning)
    noise = frame_noise(settings.seed, FRAMES, tuple(conditioning.reference.shape)).double()
    sigmas = scheduler_for(settings.schedule).sigmas.double()
    latents = noise * (sigmas[0] ** 2 + 1) ** 0.5
    for sigma, lower in pairwise(sigmas):
        time = (sigma.log() / 4).float()
        latents[0] = conditioning.reference + sigma * noise[0]
        velocity = torch.zeros_like(latents)
        for window in plan.windows:
            frames = list(window.frames)
            control = models.control(torch.from_numpy(poses(frames)).permute(0, 3, 1, 2).double() / 255, time)
            picture = conditioning.image_latents.expand(len(frames), -1, -1, -1)
            sample = torch.cat([latents[frames] / (sigma**2 + 1) ** 0.5, picture], 1)[None].repeat(2, 1, 1, 1, 1)
            sample[0, :, 4:] = 0
            embedding = torch.cat([0 * conditioning.embedding, conditioning.embedding]).double()
            added_time_ids = torch.tensor([[6, 128, 0.02]] * 2)
            strength = torch.tensor([0.0] * len(frames) + [1.0] * len(frames))[:, None, None, None]
            halves = models.unet(sample, time, embedding, added_time_ids, control.repeat(2, 1, 1, 1), strength).sample
            guidance = torch.from_numpy(window_guidance(window, FRAMES, settings))
            guidance = guidance if is_guided(float(sigma), settings) else torch.ones_like(guidance)
            guided = halves[0] + guidance[:, None, None, None] * (halves[1] - halves[0])
            velocity[frames] += torch.tensor(window.shares)[:, None, None, None] * guided
        denoised = latents / (sigma**2 + 1) - velocity * sigma / (sigma**2 + 1) ** 0.5
        latents = latents + (latents - denoised) / sigma * (lower - sigma)
    latents[0] = conditioning.reference
    return latents


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, UNGUIDED, replace(SETTINGS, guidance_min=1.5, guidance_interval=(0.1, 100.0), overlap=0)],
    ids=["guided", "unguided", "ramp, interval, no overlap"],
)
@torch.no_grad()
def test_equals_the_definition(conditioning, settings):
    # A random network of this size turns the rounding of float32 into 1e-4.
    precise = tiny_models(seed=1)
    precise.unet.double(), precise.control.double()
    ours = denoise(precise, conditioning, poses, FRAMES, settings)
    theirs = naive(precise, conditioning, settings)
    assert (ours - theirs).abs().max() < 1e-5 * max(1, theirs.abs().max())


def test_every_frame_gets_its_own_pose(rendered):
    latents = denoise(toy_models(follow_pose), toy_conditioning(), plain_poses, FRAMES, UNGUIDED)
    assert torch.allclose(latents[1:, 0, 0, 0], 2 * torch.arange(1, FRAMES) / 255, atol=1e-4)
    assert torch.equal(latents[0], toy_conditioning().reference)


def test_guidance_leads_away_from_the_unconditional_half():
    settings = replace(SETTINGS, guidance_min=2, guidance_max=2)
    latents = denoise(toy_models(follow_pose), toy_conditioning(), plain_poses, FRAMES, settings)
    pose = 2 * torch.arange(1, FRAMES) / 255
    assert torch.allclose(latents[1:, 0, 0, 0], -1 + 2 * (pose + 1), atol=1e-3)


def test_control_features_are_computed_once_per_frame_and_step():
    models, drawn = toy_models(follow_pose), []

    def drawing(indices):
        drawn.extend(indices)
        return plain_poses(indices)

    denoise(models, toy_conditioning(), drawing, FRAMES, SETTINGS)
    assert sum(models.control.calls) == FRAMES * SETTINGS.steps
    assert sorted(drawn) == sorted(list(range(FRAMES)) * SETTINGS.steps)


def test_many_pictures_are_computed_in_parts():
    models = toy_models(lambda _control, _call: torch.zeros(FRAMES))
    denoise(models, toy_conditioning(), plain_poses, FRAMES, replace(SETTINGS, window=FRAMES))
    assert models.control.calls == [8, 4] * SETTINGS.steps


def test_control_features_of_one_window_at_most_are_held():
    features = ControlFeatures(toy_models(follow_pose).control, plain_poses, HW, torch.tensor(0.1))
    windows = make_plan(100, SETTINGS, toy_conditioning()).windows
    for window in windows:
        features.keep_only(window.poses)
        assert torch.allclose(features.of(window.poses).flatten() * 255, 2 * torch.tensor(window.poses).float())
        assert len(features) == len(window.poses)


@pytest.mark.parametrize(
    ("settings", "calls"),
    [
        (SETTINGS, {"with": 9, "without": 9}),
        (UNGUIDED, {"with": 9, "without": 0}),
        (replace(SETTINGS, guidance_interval=(10, 100)), {"with": 9, "without": 3}),
    ],
    ids=["both halves", "no guidance", "one of three levels"],
)
def test_halves_that_do_not_count_are_not_computed(settings, calls):
    models = toy_models(follow_pose)
    denoise(models, toy_conditioning(), plain_poses, FRAMES, settings)
    assert sum(control is not None for control in models.unet.calls) == calls["with"]
    assert sum(control is None for control in models.unet.calls) == calls["without"]


def test_windows_that_disagree_leave_no_seam():
    """Each window wants to be brighter by 1 than the one before: with two frames in common that is a third a frame."""

    def windows_differ(_control, call):
        return torch.full((6,), float((call - 1) % 3))

    jumps = {}
    for mode in ("blended", "reference"):
        settings = replace(UNGUIDED, mode=mode, overlap=2 if mode == "blended" else 1)
        latents = denoise(toy_models(windows_differ), toy_conditioning(), plain_poses, FRAMES, settings)
        jumps[mode] = latents[1:, 0, 0, 0].diff().abs().max().item()
    assert jumps["blended"] < 0.34
    assert jumps["reference"] > 0.9


def test_one_window_equals_the_reference_mode_but_for_the_known_first_frame(models, conditioning):
    settings = replace(SETTINGS, window=FRAMES, overlap=0)
    plan = make_plan(FRAMES, settings, conditioning)
    theirs = make_plan(FRAMES, replace(settings, mode="reference", overlap=1), conditioning)
    noise = frame_noise(0, FRAMES, tuple(conditioning.reference.shape))
    free = replace(plan, held=None, windows=(replace(plan.windows[0], shares=(1.0,) * FRAMES),))
    ours, reference = (sample(models, conditioning, poses, each, noise) for each in (free, theirs))
    assert torch.equal(ours, reference)


def test_sampling_begins_from_the_share_of_the_noise_that_is_asked_for(models, conditioning):
    half = replace(UNGUIDED, initial_noise=0.5)
    noise = frame_noise(UNGUIDED.seed, FRAMES, tuple(conditioning.reference.shape))
    expected = sample(models, conditioning, poses, make_plan(FRAMES, UNGUIDED, conditioning), noise / 2)
    assert torch.equal(denoise(models, conditioning, poses, FRAMES, half), expected)


def test_without_initial_noise_the_seed_changes_nothing(models, conditioning):
    calm = replace(UNGUIDED, initial_noise=0.0)
    ours, other = (denoise(models, conditioning, poses, FRAMES, replace(calm, seed=seed)) for seed in (0, 1))
    assert torch.equal(ours, other)


def test_progress_counts_every_call(models, conditioning):
    seen = []
    denoise(models, conditioning, poses, FRAMES, SETTINGS, on_step=seen.append)
    assert [info.calls for info in seen] == list(range(1, 19))
    assert {info.total_calls for info in seen} == {18}
    assert [(info.step, info.window) for info in seen[::2]] == [
        (step, window) for step in range(3) for window in range(3)
    ]
    assert all(info.denoised.shape == (FRAMES, 4, 8, 8) for info in seen)
    assert torch.equal(seen[0].denoised[5], conditioning.reference)


def test_cancelling_stops_after_that_call_of_the_unet():
    models = toy_models(follow_pose)

    def stop(info):
        if info.calls == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        denoise(models, toy_conditioning(), plain_poses, FRAMES, SETTINGS, on_step=stop)
    assert len(models.unet.calls) == 5


def test_latents_that_are_not_numbers_name_the_step():
    def breaks(_control, call):
        return torch.full((6,), float("nan") if call == 7 else 0.0)

    with pytest.raises(RenderError, match=r"no longer numbers after step 3 of 3; use --dtype float32"):
        denoise(toy_models(breaks), toy_conditioning(), plain_poses, FRAMES, UNGUIDED)


def test_pose_frames_of_another_kind_are_refused(models, conditioning):
    with pytest.raises(ValueError, match=r"pose frames must be uint8 \[6, 64, 64, 3\], not float32 \[6, 3, 64, 64\]"):
        denoise(models, conditioning, lambda n: np.zeros((len(n), 3, *HW), np.float32), FRAMES, SETTINGS)


def test_a_render_repeats_to_the_byte(models, conditioning, rendered):
    assert torch.equal(denoise(models, conditioning, poses, FRAMES, SETTINGS), rendered)
    assert not torch.equal(denoise(models, conditioning, poses, FRAMES, replace(SETTINGS, seed=4)), rendered)


def test_redoing_everything_is_rendering(models, conditioning, rendered):
    held = Held(rendered, np.ones(FRAMES, bool))
    assert torch.equal(denoise(models, conditioning, poses, FRAMES, SETTINGS, held=held), rendered)


@pytest.mark.parametrize("redone", [{4}, {1}, {11}, {2, 3, 9}, {0}, set()])
def test_held_frames_come_back_to_the_byte(models, conditioning, rendered, redone):
    redo = np.isin(np.arange(FRAMES), list(redone))
    again = denoise(models, conditioning, lambda n: 255 - poses(n), FRAMES, SETTINGS, held=Held(rendered, redo))
    redo[0] = False
    assert again[~redo].numpy().tobytes() == rendered[~redo].numpy().tobytes()
    assert all(not torch.equal(again[frame], rendered[frame]) for frame in np.flatnonzero(redo))


def test_only_windows_with_redone_frames_are_run(rendered):
    models = toy_models(follow_pose)
    redo = np.isin(np.arange(FRAMES), [1, 2])
    stored = torch.zeros_like(rendered)
    latents = denoise(models, toy_conditioning(), plain_poses, FRAMES, UNGUIDED, held=Held(stored, redo))
    assert len(models.unet.calls) == UNGUIDED.steps
    assert torch.allclose(latents[1:3, 0, 0, 0], torch.tensor([2, 4]) / 255, atol=1e-4)


def test_a_redone_frame_sees_the_held_ones_at_its_own_noise_level(rendered):
    """What the UNet sees of a held frame is the stored frame plus the frame's own noise."""
    noise = frame_noise(SETTINGS.seed, FRAMES, (4, 8, 8))
    held = Held(rendered, np.arange(FRAMES) == 3)
    for sigma in (700.0, 0.5):
        seen = torch.zeros_like(rendered)
        held.restore_(seen, sigma, noise)
        assert torch.equal(seen[5], rendered[5] + sigma * noise[5])
        assert not seen[3].any()


def test_a_look_shows_held_frames_as_they_are(rendered):
    shown = Held(rendered, np.arange(FRAMES) == 3).beside(torch.zeros_like(rendered))
    assert [bool(frame.any()) for frame in shown] == [t != 3 for t in range(FRAMES)]


def test_stored_latents_of_another_clip_are_refused(models, conditioning, rendered):
    held = Held(rendered, np.ones(FRAMES, bool))
    with pytest.raises(RenderError, match="do not fit this render"):
        denoise(models, conditioning, poses, FRAMES + 1, SETTINGS, held=held)
    with pytest.raises(RenderError, match="as 12 booleans"):
        Held(rendered, np.ones(FRAMES))


@pytest.mark.parametrize("decoding", [Decoding(4, 0), Decoding(4, 1), Decoding(8, 2), Decoding(1, 0)])
@pytest.mark.parametrize("edited", [range(1, 2), range(3, 9), range(11, 12)])
def test_an_edit_is_rounded_outward_to_chunks(decoding, edited):
    redo = redo_frames(FRAMES, edited, decoding)
    changed = changed_pictures(redo, decoding)
    assert redo[list(edited)].all()
    assert not (redo & ~changed).any()
    assert not redo[0]
    if not decoding.overlap:
        assert np.array_equal(redo[1:], changed[1:])
        assert redo.sum() <= len(edited) + 2 * (decoding.chunk - 1)
