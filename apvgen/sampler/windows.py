"""Which frames go through the UNet together, and how much each window counts in a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from apvgen.errors import RenderError
from apvgen.sampler.settings import DEFAULT_WINDOW, Settings
from apvgen.sampler.taper import full_ranges, tapered_shares


@dataclass(frozen=True)
class Window:
    """The frames of one UNet call, by their number in the sequence.

    frames: whose latents are seen. poses: whose poses are.
    shares: how much this window counts in each frame, in [0, 1]; over all windows they sum to one, except for frame 0
        of `blended` windows, which is known and has none.
    """

    frames: tuple[int, ...]
    poses: tuple[int, ...]
    shares: tuple[float, ...]

    @property
    def sampled(self) -> tuple[int, ...]:
        """The frames that this window has a share in."""
        return tuple(frame for frame, share in zip(self.frames, self.shares, strict=True) if share)


def plan_windows(frames: int, settings: Settings) -> tuple[Window, ...]:
    """All windows of a sequence of `frames` (the reference included), from first to last, all of one size.

    Raises RenderError where the settings do not fit the clip.
    """
    size = _window_size(frames, settings)
    if settings.mode == "reference":
        return _reference_windows(frames, size, _overlap(settings, size))
    return _blended_windows(frames, size, _overlap(settings, size - 1))


def _window_size(frames: int, settings: Settings) -> int:
    if frames < 2:
        raise RenderError(f"A sequence of {frames} frames has nothing to render beside the reference picture.")
    if settings.window is None:
        return min(DEFAULT_WINDOW, frames)
    if settings.window > frames:
        raise RenderError(
            f"A window of {settings.window} frames is longer than the clip, which has {frames} with the reference; "
            f"use a window of at most {frames}."
        )
    return settings.window


def _overlap(settings: Settings, own: int) -> int:
    """Frames shared by windows that have `own` frames each; a window made smaller by a short clip cannot share all."""
    wanted = own // 4 if settings.overlap is None else settings.overlap
    return min(wanted, own - 1)


def _blended_windows(frames: int, size: int, overlap: int) -> tuple[Window, ...]:
    """Frame 0 and `size - 1` others each, as the network was trained: the reference comes first."""
    parts = full_ranges(frames - 1, size - 1, overlap)
    return tuple(
        Window(numbers, numbers, (0.0, *share.tolist()))
        for numbers, share in zip(map(_with_reference, parts), tapered_shares(parts, frames - 1), strict=True)
    )


def _with_reference(part: range) -> tuple[int, ...]:
    return (0, *(place + 1 for place in part))


def _reference_windows(frames: int, size: int, overlap: int) -> tuple[Window, ...]:
    """The public pipeline's: a window's first frame gets pose 0, and counts in the first window only."""
    parts = full_ranges(frames, size, overlap)
    counted = [part if part.start == 0 else part[1:] for part in parts]
    times = np.bincount([place for part in counted for place in part], minlength=frames)
    if not times.all():
        raise RenderError(
            f"In reference mode an overlap of {overlap} leaves frame {int(times.argmin())} without a window; "
            "use an overlap of at least 1."
        )
    return tuple(
        Window(tuple(part), (0, *part[1:]), tuple(1 / int(times[i]) if i in kept else 0.0 for i in part))
        for part, kept in zip(parts, counted, strict=True)
    )


def windows_for(windows: Iterable[Window], redo: Sequence[bool]) -> tuple[Window, ...]:
    """The windows that sample any frame of `redo` (bool `[F]`)."""
    return tuple(window for window in windows if any(redo[frame] for frame in window.sampled))
