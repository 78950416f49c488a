"""Noise that depends on nothing but the seed and the frame."""

from __future__ import annotations

import numpy as np
import torch

LATENTS, PICTURE = 0, 1
"""Streams of one seed, so that the noise of latents and of the reference picture are independent."""


def frame_noise(seed: int, frames: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal noise of frames 0 to `frames` - 1: float32 `[frames, *shape]` on the CPU.

    A frame's noise is the same in any clip, window and re-render, and on every device.
    """
    noise = np.empty((frames, *shape), np.float32)
    for frame in range(frames):
        _generator(seed, LATENTS, frame).standard_normal(dtype=np.float32, out=noise[frame])
    return torch.from_numpy(noise)


def picture_noise(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal noise for the reference picture: float32 `shape` on the CPU."""
    return torch.from_numpy(_generator(seed, PICTURE).standard_normal(shape, np.float32))


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
