"""Latents to pictures, a few frames at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder

from apvgen.errors import RenderError
from apvgen.sampler.devices import decoding_advice, execution_device, memory_limit_explained, released
from apvgen.sampler.settings import Decoding
from apvgen.sampler.taper import cut_ranges, full_ranges, tapered_shares


def decode(vae: AutoencoderKLTemporalDecoder, latents: torch.Tensor, decoding: Decoding) -> Iterator[np.ndarray]:
    """The frames of the video, RGB uint8 `[H, W, 3]`, one at a time; the reference, frame 0, is left out.

    latents: float `[F, 4, h, w]`, as `denoise` returns them. One chunk is held at a time.
    Raises MemoryLimitError, RenderError for pictures that are not numbers.
    """
    for frame, picture in enumerate(decode_pictures(vae, latents, decoding)):
        if frame:
            yield (picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def decode_pictures(
    vae: AutoencoderKLTemporalDecoder, latents: torch.Tensor, decoding: Decoding
) -> Iterator[torch.Tensor]:
    """All frames, the reference included: float32 `[3, H, W]` in [0, 1] on the CPU.

    Two chunks in a row are faded into each other over what they share: the temporal decoder sees only its chunk, and
    frames jump where one ends.
    """
    chunks = cut_ranges(len(latents), decoding.chunk, decoding.overlap)
    shares = tapered_shares(chunks, len(latents))
    unfinished = torch.zeros(0, 1, 1, 1)
    with released(vae):
        for chunk, share, following in zip(chunks, shares, [*chunks[1:], None], strict=True):
            pictures = _decode_chunk(vae, latents[chunk.start : chunk.stop], decoding)
            pictures *= torch.from_numpy(share)[:, None, None, None]
            pictures[: len(unfinished)] += unfinished
            finished = len(chunk) if following is None else following.start - chunk.start
            yield from pictures[:finished]
            unfinished = pictures[finished:]


@torch.no_grad()
def _decode_chunk(vae: AutoencoderKLTemporalDecoder, latents: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """float `[n, 4, h, w]` to float32 `[n, 3, H, W]` in [0, 1] on the CPU."""
    scaled = latents.to(execution_device(vae), torch.float32) / vae.config.scaling_factor
    side = max(latents.shape[-2:]) * _scale(vae)
    with memory_limit_explained("decoding the video", decoding_advice(decoding, side)):
        if decoding.tile is None:
            pictures = _decode(vae, scaled)
        else:
            pictures = _decode_tiles(vae, scaled, decoding.tile // _scale(vae))
    if not torch.isfinite(pictures).all():
        raise RenderError("The decoded pictures are not numbers; use --dtype float32 or another checkpoint.")
    return (pictures / 2 + 0.5).clamp_(0, 1)


def _scale(vae: AutoencoderKLTemporalDecoder) -> int:
    """Pixels a latent."""
    return 2 ** (len(vae.config.block_out_channels) - 1)


def _decode(vae: AutoencoderKLTemporalDecoder, latents: torch.Tensor) -> torch.Tensor:
    return vae.decode(latents.to(vae.dtype), num_frames=len(latents)).sample.float().cpu()


def _decode_tiles(vae: AutoencoderKLTemporalDecoder, latents: torch.Tensor, tile: int) -> torch.Tensor:
    """As `_decode`, in tiles of at most `tile` latents a side that share a quarter with their neighbours, faded."""
    scale = _scale(vae)
    height, width = latents.shape[-2:]
    canvas = torch.zeros(len(latents), 3, height * scale, width * scale)
    for (rows, down), (columns, across) in product(_tiles(height, tile, scale), _tiles(width, tile, scale)):
        part = _decode(vae, latents[:, :, rows.start : rows.stop, columns.start : columns.stop])
        place = (slice(rows.start * scale, rows.stop * scale), slice(columns.start * scale, columns.stop * scale))
        canvas[:, :, *place] += part * torch.from_numpy(down[:, None] * across)
    return canvas


def _tiles(length: int, tile: int, scale: int) -> list[tuple[range, np.ndarray]]:
    """Ranges of latents along one side, each with its share in every pixel."""
    size = min(tile, length)
    ranges = full_ranges(length, size, size // 4)
    pixels = [range(part.start * scale, part.stop * scale) for part in ranges]
    return list(zip(ranges, tapered_shares(pixels, length * scale), strict=True))
