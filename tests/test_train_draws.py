import numpy as np
import torch

from train.config import DropoutSettings
from train.draws import draw, picture_noise

SHAPE, DROPOUT = (3, 4, 2, 2), DropoutSettings(0.1, 0.2, 0.3, 0.15)


def test_an_example_s_draws_are_its_own_in_any_company():
    alone, together = draw(0, "face", [7], SHAPE, DROPOUT), draw(0, "face", [5, 7], SHAPE, DROPOUT)
    for name, values in vars(alone).items():
        assert torch.equal(values[0], vars(together)[name][1])


def test_draws_differ_by_seed_kind_and_position():
    places = [(0, "face", 1), (0, "face", 2), (0, "body", 1), (1, "face", 1)]
    levels = {draw(seed, kind, [position], SHAPE, DROPOUT).sigma.item() for seed, kind, position in places}
    assert len(levels) == len(places)


def test_conditions_are_dropped_as_often_as_asked_and_together_as_asked():
    drawn = draw(0, "body", range(8000), (1, 1, 1, 1), DROPOUT)
    kept = torch.stack([drawn.keep_embedding, drawn.keep_image, drawn.keep_pose], 1)
    cases = {(0, 1, 1): 0.1, (1, 0, 1): 0.2, (0, 0, 1): 0.3, (0, 0, 0): 0.15, (1, 1, 1): 0.25}
    for case, share in cases.items():
        found = (kept == torch.tensor(case)).all(1).float().mean().item()
        assert abs(found - share) < 0.02, case


def test_nothing_is_dropped_where_nothing_is_asked():
    drawn = draw(0, "body", range(100), (1, 1, 1, 1), DropoutSettings(0, 0, 0, 0))
    assert (drawn.keep_embedding * drawn.keep_image * drawn.keep_pose).all()


def test_the_noise_of_a_picture_belongs_to_its_identity():
    assert np.array_equal(picture_noise("a", (3, 8, 8)), picture_noise("a", (3, 8, 8)))
    assert not np.array_equal(picture_noise("a", (3, 8, 8)), picture_noise("b", (3, 8, 8)))
    assert abs(picture_noise("a", (3, 64, 64)).std() - 1) < 0.02


def test_a_scale_changes_the_noise_levels_and_nothing_else():
    plain, scaled = (draw(0, "face", [1, 2], SHAPE, DROPOUT, scale) for scale in (1.0, 2.0))
    torch.testing.assert_close(scaled.sigma, 2 * plain.sigma)
    assert torch.equal(scaled.noise, plain.noise)
