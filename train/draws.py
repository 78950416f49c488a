"""All that is random when an example is trained on, drawn from its place in the data alone.

Therefore two processes see what one with twice the batch sees, and a run that was stopped what a straight one sees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch

from train.config import DropoutSettings
from train.examples import Kind
from train.objective import sigma_at

_STREAMS: dict[Kind, int] = {"face": 0, "body": 1}


@dataclass(frozen=True)
class Draws:
    """Of B examples. noise: float32 `[B, S, 4, h, w]`. sigma: float32 `[B]`, noise levels.

    keep_embedding, keep_image, keep_pose: float32 `[B]`, 0 where the network is not told of it, else 1.
    """

    noise: torch.Tensor
    sigma: torch.Tensor
    keep_embedding: torch.Tensor
    keep_image: torch.Tensor
    keep_pose: torch.Tensor

    def to(self, device: torch.device) -> Draws:
        """The same on a device."""
        return Draws(*(getattr(self, field.name).to(device) for field in fields(self)))


def draw(
    seed: int,
    kind: Kind,
    positions: Sequence[int],
    shape: tuple[int, ...],
    dropout: DropoutSettings,
    noise_scale: float = 1.0,
) -> Draws:
    """The draws of the examples at `positions` of the stream of a kind.

    shape: of one's latents, `(S, 4, h, w)`. noise_scale: as in `MethodSettings`.
    """
    generators = [_generator(seed, _STREAMS[kind], position) for position in positions]
    shares = torch.tensor([generator.random() for generator in generators], dtype=torch.float64)
    kept = torch.tensor([_kept(generator.random(), dropout) for generator in generators])
    noise = np.stack([generator.standard_normal(shape, np.float32) for generator in generators])
    return Draws(torch.from_numpy(noise), sigma_at(shares, noise_scale), *kept.unbind(1))


def picture_noise(identity: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal noise for an example's reference picture, float32: always the same for the same picture."""
    digest = hashlib.sha256(identity.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16])).standard_normal(shape, np.float32)


def _kept(share: float, dropout: DropoutSettings) -> tuple[float, float, float]:
    """Which of embedding, image and pose stay, for a uniform draw in [0, 1)."""
    cases = (
        (dropout.drop_embedding, (0.0, 1.0, 1.0)),
        (dropout.drop_image, (1.0, 0.0, 1.0)),
        (dropout.drop_both, (0.0, 0.0, 1.0)),
        (dropout.drop_all, (0.0, 0.0, 0.0)),
    )
    for probability, kept in cases:
        if share < probability:
            return kept
        share -= probability
    return 1.0, 1.0, 1.0


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
