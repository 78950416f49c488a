"""Face clips cut to the neighbourhood of the face: what lies beyond costs most of the time and has no loss."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from apvgen.types import HW
from train.batches import Batch
from train.encode import Encoded


def cut_to_faces(batch: Batch, known: Encoded, hw: HW) -> tuple[Batch, Encoded]:
    """A batch and its encodings, each example cut to `hw` pixels around the face that its poses show.

    Latents are cut, not made anew, so windows begin at whole latents and know a little of what lies beyond.
    hw: multiples of a latent's side, no larger than the pictures.
    """
    side = batch.frames.shape[-1] // known.latents.shape[-1]
    corners = [_corner(poses, hw, side) for poses in batch.poses]
    pixels = [(slice(top, top + hw[0]), slice(left, left + hw[1])) for top, left in corners]
    latents = [tuple(slice(part.start // side, part.stop // side) for part in window) for window in pixels]
    cut = {name: _windows(getattr(batch, name), pixels) for name in ("frames", "poses", "mask")}
    return replace(batch, **cut), replace(
        known, latents=_windows(known.latents, latents), image=_windows(known.image, latents)
    )


def _windows(arrays: torch.Tensor, windows: list[tuple[slice, slice]]) -> torch.Tensor:
    return torch.stack([array[..., rows, columns] for array, (rows, columns) in zip(arrays, windows, strict=True)])


def _corner(poses: torch.Tensor, hw: HW, side: int) -> tuple[int, int]:
    """Where a window of `hw` begins: around all that is drawn in `[S, 3, H, W]`, or in the middle of black pictures.

    Where the reference's face is too far away, the frames' come first: without them nothing would be left to learn.
    """
    return tuple(
        _start(poses[:1].amax((0, 1, 3 - axis)) > 0, poses[1:].amax((0, 1, 3 - axis)) > 0, length, side)
        for axis, length in enumerate(hw)
    )


def _start(reference: torch.Tensor, frames: torch.Tensor, length: int, side: int) -> int:
    """reference, frames: bool `[side of the picture]`, where something is drawn."""
    low, high = _ends(reference | frames)
    start = round((low + high - length) / 2 / side)
    if frames.any():
        low, high = _ends(frames)
        first, last = sorted((math.ceil((high - length) / side), low // side))
        start = min(max(start, first), last)
    return min(max(start * side, 0), len(frames) - length)


def _ends(drawn: torch.Tensor) -> tuple[int, int]:
    at = drawn.nonzero()
    return (at.min().item(), at.max().item() + 1) if len(at) else (0, len(drawn))
