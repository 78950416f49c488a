"""How strongly each frame is guided, and at which noise levels."""

from __future__ import annotations

import numpy as np

from apvgen.sampler.settings import Settings
from apvgen.sampler.windows import Window


def window_guidance(window: Window, frames: int, settings: Settings) -> np.ndarray:
    """Guidance of each frame of a window: float32 `[n]`.

    `reference`: linear along the window. `blended`: linear along the video, so that a frame is guided alike by all
    windows that it is in; SVD's ramp against drift away from a first frame would pulse once a window.
    """
    first, last = settings.guidance
    if settings.mode == "reference":
        return np.linspace(first, last, len(window.frames), dtype=np.float32)
    along = np.asarray(window.frames, np.float32) / (frames - 1)
    return np.float32(first) + along * np.float32(last - first)


def is_guided(sigma: float, settings: Settings) -> bool:
    """Whether both halves of guidance are computed at a noise level (Kynkäänniemi et al. 2024)."""
    if settings.guidance[1] == 1:
        return False
    low, high = settings.guidance_interval or (0, float("inf"))
    return low < sigma <= high
