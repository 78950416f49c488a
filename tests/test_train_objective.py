import math

import pytest
import torch

from train.objective import (
    SIGMA_RANGE,
    face_losses,
    latent_mask,
    masked_mean,
    noised,
    sigma_at,
    timestep_of,
    velocity_target,
)

SHAPE = (3, 4, 2, 6, 5)
SIGMA = torch.tensor([0.01, 1.0, 300.0])


def random(seed: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def k_diffusion_sigma(share: float) -> float:
    """`rand_cosine_interpolated` for one draw, written down from its formulas."""

    def log_snr(side: int) -> float:
        shift = 2 * math.log(side / 64)
        smallest, largest = (-2 * math.log(sigma / 0.5) - shift for sigma in (0.002, 700))
        start, end = (math.atan(math.exp(-0.5 * bound)) for bound in (largest, smallest))
        return -2 * math.log(math.tan(start + share * (end - start))) + shift

    return math.exp(-((1 - share) * log_snr(32) + share * log_snr(64)) / 2) * 0.5


def test_noise_levels_are_those_of_k_diffusion_seen_from_the_other_end():
    shares = torch.linspace(0.001, 0.999, 101, dtype=torch.float64)
    expected = torch.tensor([k_diffusion_sigma(1 - share) for share in shares.tolist()])
    torch.testing.assert_close(sigma_at(shares), expected, rtol=1e-5, atol=0)


def test_noise_levels_rise_over_the_whole_range():
    levels = sigma_at(torch.linspace(0, 1, 1001))
    assert (levels.diff() > 0).all()
    assert levels[[0, -1]].tolist() == pytest.approx(SIGMA_RANGE, rel=1e-4)


def test_scaled_noise_levels_end_at_the_highest():
    shares = torch.linspace(0, 1, 101)
    scaled = sigma_at(shares, 3.0)
    torch.testing.assert_close(scaled, (3 * sigma_at(shares)).clamp(max=SIGMA_RANGE[1]))


def test_noise_levels_drawn_have_the_distribution_of_independent_draws():
    theirs = torch.tensor([k_diffusion_sigma((index + 0.5) / 4000) for index in range(4000)]).log()
    ours = sigma_at(torch.rand(4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).log()
    levels = torch.linspace(0.05, 0.95, 10)
    # Quantiles of 4000 draws vary by less than this, nearest the long tails the most.
    torch.testing.assert_close(ours.quantile(levels), theirs.quantile(levels), atol=0.15, rtol=0)


def test_the_squared_velocity_error_is_the_weighted_error_of_denoised_latents():
    latents, noise, predicted = (random(seed) for seed in range(3))
    level = SIGMA.double().view(-1, 1, 1, 1, 1)
    noisy = latents + level * noise
    denoised = noisy / (level**2 + 1) - level / (level**2 + 1).sqrt() * predicted
    weighted = (1 + level**2) / level**2 * (denoised - latents) ** 2
    torch.testing.assert_close(
        (predicted - velocity_target(latents, noise, SIGMA)) ** 2, weighted, rtol=1e-4, atol=1e-6
    )


def test_a_prediction_of_the_target_denoises_perfectly_and_costs_nothing():
    latents, noise = random(0), random(1)
    target = velocity_target(latents, noise, SIGMA)
    level = SIGMA.double().view(-1, 1, 1, 1, 1)
    scaled = noised(latents, noise, SIGMA)
    torch.testing.assert_close((scaled - level * target) / (level**2 + 1).sqrt(), latents, rtol=1e-4, atol=1e-4)
    assert masked_mean((target - target) ** 2, torch.ones(3, 4, 6, 5)).tolist() == [0, 0, 0]


def test_what_the_network_sees_has_a_variance_of_one():
    latents, noise = random(0, (3, 8, 4, 32, 32)), random(1, (3, 8, 4, 32, 32))
    torch.testing.assert_close(
        noised(latents, noise, SIGMA).var((1, 2, 3, 4)), torch.ones(3).double(), atol=0.02, rtol=0
    )


def test_networks_are_told_a_quarter_of_the_logarithm():
    assert timestep_of(torch.tensor([math.e**4, 1.0])).tolist() == pytest.approx([1, 0])


def test_the_masked_mean_knows_nothing_outside_of_the_mask():
    squared, mask = random(0) ** 2, torch.zeros(3, 4, 6, 5)
    mask[:, :, 1:4, 2:5] = 1
    changed = torch.where(mask[:, :, None] > 0, squared, 1e6)
    torch.testing.assert_close(masked_mean(squared, mask), masked_mean(changed, mask))
    torch.testing.assert_close(masked_mean(squared, mask), squared[..., 1:4, 2:5].mean((1, 2, 3, 4)))


def test_the_masked_mean_does_not_depend_on_the_mask_s_size():
    for side in (1, 3, 5):
        mask = torch.zeros(3, 4, 6, 5)
        mask[..., :side, :side] = 1
        torch.testing.assert_close(masked_mean(torch.full(SHAPE, 2.5), mask), torch.full((3,), 2.5))


def test_masks_shrink_by_area():
    mask = torch.zeros(1, 1, 16, 24)
    mask[..., :12, 4:] = 1
    assert latent_mask(mask, (2, 3))[0, 0].tolist() == [[0.5, 1, 1], [0.25, 0.5, 0.5]]


def test_each_face_loss_pulls_on_its_own_frames_inside_its_own_mask():
    predicted, mask = random(0).requires_grad_(), torch.zeros(3, 4, 6, 5)
    mask[:, 1:, 2:4, 1:3] = 1
    mask[:, 0] = 1
    face, reference = face_losses(predicted**2, mask)
    (of_face,) = torch.autograd.grad(face.sum(), predicted, retain_graph=True)
    (of_reference,) = torch.autograd.grad(reference.sum(), predicted)
    inside = (mask[:, :, None] > 0).expand(SHAPE)
    assert of_face[:, 0].abs().max() == 0
    assert torch.equal(of_face[:, 1:] != 0, inside[:, 1:])
    assert of_reference[:, 1:].abs().max() == 0
    assert (of_reference[:, 0] != 0).all()
