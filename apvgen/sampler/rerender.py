"""Rendering a part again while the rest stays as it is, to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from apvgen.errors import RenderError
from apvgen.sampler.settings import Decoding
from apvgen.sampler.taper import cut_ranges


@dataclass(frozen=True)
class Held:
    """Finished latents, and the frames to sample anew between them.

    latents: float `[F, 4, h, w]`, as `denoise` returned them.
    redo: bool `[F]`. In `blended` mode frame 0, the reference, stays whatever `redo` says.
    """

    latents: torch.Tensor
    redo: np.ndarray

    def __post_init__(self) -> None:
        if self.redo.dtype != bool or self.redo.shape != (len(self.latents),):
            raise RenderError(
                f"What to render again must be given as {len(self.latents)} booleans, one a stored frame, "
                f"not {self.redo.dtype} {list(self.redo.shape)}."
            )

    def beside(self, latents: torch.Tensor) -> torch.Tensor:
        """`latents` where they are sampled anew, and elsewhere what is held."""
        anew = torch.from_numpy(self.redo).to(latents.device)[:, None, None, None]
        return torch.where(anew, latents, self.latents.to(latents))

    def restore_(self, latents: torch.Tensor, sigma: float, noise: torch.Tensor) -> None:
        """Set the held frames of `latents` to what they were, plus their own noise at level `sigma`, in place.

        Imputation by replacement (Song et al. 2021, score-based SDEs), with each frame's own noise instead of fresh
        noise: the straight line to a finished frame is the path of a sampler that knows the frame from the start.
        """
        frames = np.flatnonzero(~self.redo)
        known = self.latents[frames].to(latents)
        if sigma:  # Adding nothing would still turn -0 into 0.
            known = known + sigma * noise[frames].to(latents)
        latents[frames] = known


def redo_frames(frames: int, edited: range, decoding: Decoding) -> np.ndarray:
    """What to sample anew after the poses of frames `edited` changed: bool `[frames]`, frame 0 never.

    All frames of every chunk of the decoder that shows an edited frame: their pictures change in any case.
    """
    marked = np.zeros(frames, bool)
    marked[edited.start : edited.stop] = True
    redo = changed_pictures(marked, decoding)
    redo[0] = False
    return redo


def changed_pictures(redo: np.ndarray, decoding: Decoding) -> np.ndarray:
    """The frames whose decoded pictures may differ when the latents of `redo` do: bool `[F]`.

    All others are equal to the byte. Without an overlap these are the frames of `redo` (and frame 0 with frame 1).
    """
    changed = np.zeros_like(redo)
    for chunk in _chunks_with(redo, decoding):
        changed[chunk.start : chunk.stop] = True
    return changed


def _chunks_with(marked: np.ndarray, decoding: Decoding) -> Sequence[range]:
    chunks = cut_ranges(len(marked), decoding.chunk, decoding.overlap)
    return [chunk for chunk in chunks if marked[chunk.start : chunk.stop].any()]
