"""What a watcher of the sampler is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class StepInfo:
    """How far sampling is, after a call of the UNet. step, window: from 0.

    calls, total_calls: of the UNet, in the whole render; their ratio is the progress.
    denoised: float32 `[F, 4, h, w]`, the latest estimate of the finished latents, for `preview.preview_frames`.
    """

    step: int
    steps: int
    window: int
    windows: int
    calls: int
    total_calls: int
    denoised: torch.Tensor


OnStep = Callable[[StepInfo], None]


def unwatched(_info: StepInfo) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Progress:
    """Counts calls of the UNet. halves: how many each window takes, 1 or 2, by step."""

    on_step: OnStep
    windows: int
    halves: tuple[int, ...]

    def report(self, step: int, denoised: torch.Tensor, window: int, half: int) -> None:
        """Tell the watcher that a call ended: half 0 is the conditional one."""
        before = sum(self.halves[:step]) * self.windows + window * self.halves[step]
        total = sum(self.halves) * self.windows
        self.on_step(StepInfo(step, len(self.halves), window, self.windows, before + half + 1, total, denoised))
