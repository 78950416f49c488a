"""What a render computes: its windows, and the frames that are known from the start."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from apvgen.errors import RenderError
from apvgen.sampler.conditioning import Conditioning
from apvgen.sampler.rerender import Held
from apvgen.sampler.settings import Settings
from apvgen.sampler.windows import Window, plan_windows, windows_for


@dataclass(frozen=True)
class Plan:
    """The windows to run, from first to last, and what is held: at every noise level set to what it is known to be."""

    frames: int
    settings: Settings
    windows: tuple[Window, ...]
    held: Held | None

    def restore_(self, latents: torch.Tensor, sigma: float, noise: torch.Tensor) -> None:
        """Set the held frames, if any, to what they are at noise level `sigma`, in place."""
        if self.held is not None:
            self.held.restore_(latents, sigma, noise)


def make_plan(frames: int, settings: Settings, conditioning: Conditioning, held: Held | None = None) -> Plan:
    """Plan a sequence of `frames`, the reference included; see `denoise.denoise` for `held`.

    In `blended` mode frame 0 is held too: it is the reference picture, so its latents need no sampling, and every
    window sees in its first place exactly what the network saw there in training.
    Raises RenderError where settings or stored latents do not fit the clip.
    """
    windows = plan_windows(frames, settings)
    if held is not None:
        _check_fits(held, (frames, *conditioning.reference.shape))
    if settings.mode == "blended":
        held = _with_reference(frames, conditioning, held)
    if held is not None:
        windows = windows_for(windows, held.redo)
    return Plan(frames, settings, windows, held)


def _check_fits(held: Held, shape: tuple[int, ...]) -> None:
    if tuple(held.latents.shape) != shape:
        raise RenderError(
            f"The stored latents {list(held.latents.shape)} do not fit this render, which has {list(shape)}; "
            "render the whole clip."
        )


def _with_reference(frames: int, conditioning: Conditioning, held: Held | None) -> Held:
    if held is None:
        # Only the first of these views is ever read: they cost no memory.
        held = Held(conditioning.reference.expand(frames, -1, -1, -1), np.ones(frames, bool))
    redo = held.redo.copy()
    redo[0] = False
    return replace(held, redo=redo)
