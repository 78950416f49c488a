"""Options of a render, frozen and checked when built. Free of torch, so that a command line can read the defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from apvgen.config import check_choice

Mode = Literal["blended", "reference"]
DtypeName = Literal["auto", "float32", "bfloat16", "float16"]

DEFAULT_WINDOW = 24
"""Frames of one UNet call: dvlab-research/ControlNeXt, ControlNeXt-SVD-v2/script.sh."""

DEFAULT_GUIDANCE = 3.0
"""Of the public example, dvlab-research/ControlNeXt, ControlNeXt-SVD-v2/script.sh."""

KARRAS, ALIGN_YOUR_STEPS = "karras", "align-your-steps"
ALIGN_YOUR_STEPS_COUNT = 10
"""Steps of the published table; other counts are interpolated in it."""


def parse_schedule(name: str) -> tuple[str, int]:
    """Family and number of steps of a schedule: `karras-25`, `align-your-steps`, `align-your-steps-20`.

    Raises ValueError for an unknown family or fewer steps than one.
    """
    found = re.fullmatch(rf"({KARRAS}(?=-)|{ALIGN_YOUR_STEPS})(?:-(-?\d+))?", name)
    if not found:
        raise ValueError(f"the schedule must be {KARRAS}-25 (any number of steps) or {ALIGN_YOUR_STEPS}, not {name!r}")
    family, steps = found[1], int(found[2] or ALIGN_YOUR_STEPS_COUNT)
    if not 1 <= steps <= 1000:
        raise ValueError(f"a schedule must have between 1 and 1000 steps, not {steps} as {name} says")
    return family, steps


@dataclass(frozen=True)
class Settings:
    """How latents are sampled. Two renders of equal settings, inputs and weights are equal.

    mode: `blended` is the better one: each window starts with the reference picture, the rest fades from window to
        window. `reference` is the maths of the public pipeline (dvlab-research/ControlNeXt), for comparison.
    schedule: noise levels, see `parse_schedule`.
    guidance_min, guidance_max: classifier-free guidance, linear from min to max along the video; in `reference` mode
        along every window, where a frame gets different guidance from two windows. 1 is none, at half the work.
        None: what the checkpoint advises, or the public example's. See `guidance`.
    guidance_interval: noise levels (above lo, up to hi) that are guided, or None for all of them
        (Kynkäänniemi et al. 2024); the others take half the work.
    window: frames of one UNet call, the reference's included. None: 24, or the whole clip where that is shorter.
    overlap: frames that two windows in a row share. None: a quarter of the window.
    control_scale: strength of the pose.
    initial_noise: deviation of the noise that sampling begins from, as a share of what the network was trained on.
        Less gives calmer and softer pictures, at 0 one that no seed changes: what a weak network is sure of.
        None: what the checkpoint advises, or 1. See `begins_from`.
    noise_augmentation: deviation of the noise added to the reference picture, whose range is [-1, 1], before it is
        encoded as the condition. The network is told 0.02 whatever is chosen, as in the public pipeline.
    """

    mode: Mode = "blended"
    schedule: str = "karras-25"
    guidance_min: float | None = None
    guidance_max: float | None = None
    guidance_interval: tuple[float, float] | None = None
    window: int | None = None
    overlap: int | None = None
    seed: int = 0
    control_scale: float = 1.0
    initial_noise: float | None = None
    noise_augmentation: float = 0.02

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, Mode)
        parse_schedule(self.schedule)
        self._check_guidance()
        self._check_windows()
        _check_range("control scale", self.control_scale, 0, 10)
        _check_range("initial noise", self.begins_from, 0, 1)
        _check_range("noise augmentation", self.noise_augmentation, 0, 1)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"a seed must lie between 0 and 2^63, not {self.seed}")

    @property
    def steps(self) -> int:
        return parse_schedule(self.schedule)[1]

    @property
    def guidance(self) -> tuple[float, float]:
        """Guidance of the first frame and of the last."""
        low, high = self.guidance_min, self.guidance_max
        return DEFAULT_GUIDANCE if low is None else low, DEFAULT_GUIDANCE if high is None else high

    @property
    def begins_from(self) -> float:
        """Share of the noise that sampling begins from."""
        return 1.0 if self.initial_noise is None else self.initial_noise

    def _check_guidance(self) -> None:
        low, high = self.guidance
        _check_range("guidance_min", low, 1, 100)
        _check_range("guidance_max", high, low, 100)
        if self.guidance_interval is not None and not 0 <= self.guidance_interval[0] < self.guidance_interval[1]:
            raise ValueError(
                f"the guidance interval must be two noise levels, the lower one first, not {self.guidance_interval}"
            )

    def _check_windows(self) -> None:
        window = DEFAULT_WINDOW if self.window is None else self.window
        if window < 2:
            raise ValueError(f"a window must have at least 2 frames, the reference and one more, not {window}")
        if self.overlap is not None and not 0 <= self.overlap <= window - 2:
            raise ValueError(
                f"the overlap must lie between 0 and {window - 2} frames for a window of {window}, not {self.overlap}"
            )


@dataclass(frozen=True)
class Decoding:
    """How latents become pictures.

    chunk: frames that the temporal decoder sees together; more costs memory and flickers less.
    overlap: frames that two chunks in a row share and fade over; 0 is the public pipeline.
    tile: longest side in pixels that is decoded at once, or None for whole pictures. Tiles bound memory at any picture
        size, but each is normalised by itself, so brightness may vary a little between them.
    """

    chunk: int = 8
    overlap: int = 2
    tile: int | None = None

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise ValueError(f"the VAE chunk must have at least 1 frame, not {self.chunk}")
        if not 0 <= self.overlap < self.chunk:
            raise ValueError(
                f"the VAE overlap must lie between 0 and {self.chunk - 1} frames "
                f"for chunks of {self.chunk}, not {self.overlap}"
            )
        if self.tile is not None and (self.tile < 128 or self.tile % 64):
            raise ValueError(f"a VAE tile must be a multiple of 64 px, at least 128, not {self.tile}")


@dataclass(frozen=True)
class Memory:
    """Where a render runs and how much memory it may take; what is None or `auto` is chosen for the device found.

    device: `auto`, or a device by torch's name (`cuda:1`).
    offload: keep only the network at work on the device.
    vae_chunk, vae_overlap, vae_tile: see `Decoding`.
    """

    device: str = "auto"
    dtype: DtypeName = "auto"
    offload: bool | None = None
    vae_chunk: int | None = None
    vae_overlap: int | None = None
    vae_tile: int | None = None

    def __post_init__(self) -> None:
        check_choice("dtype", self.dtype, DtypeName)
        self.decoding(default_chunk=8)

    def decoding(self, default_chunk: int) -> Decoding:
        """The decoding asked for, the rest filled in; a quarter of a chunk fades into the next."""
        chunk = default_chunk if self.vae_chunk is None else self.vae_chunk
        overlap = chunk // 4 if self.vae_overlap is None else self.vae_overlap
        return Decoding(chunk, overlap, self.vae_tile)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, not {value}")
