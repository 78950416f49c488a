"""A look at latents without the decoder."""

from __future__ import annotations

import cv2
import numpy as np
import torch


def colours_of(latents: torch.Tensor, picture: np.ndarray) -> torch.Tensor:
    """The affine map from latents to colours that fits a picture best: float32 `[C + 1, 3]`, the last row its shift.

    So any VAE's latents can be looked at, also one that was trained from nothing. latents: `[C, h, w]`, of the picture;
    picture: RGB uint8 `[H, W, 3]`.
    """
    height, width = latents.shape[-2:]
    seen = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    wanted = torch.from_numpy(seen.reshape(-1, 3)).float() / 127.5 - 1
    # "gelsd" also has an answer for a picture of one colour, where many maps fit.
    return torch.linalg.lstsq(_with_one(latents[None].cpu())[0].flatten(0, 1), wanted, driver="gelsd").solution


def preview_frames(latents: torch.Tensor, colours: torch.Tensor) -> np.ndarray:
    """Small pictures of latents: float `[n, C, h, w]` to RGB uint8 `[n, h, w, 3]`, an eighth of the video's size.

    colours: of `colours_of`.
    """
    rgb = _with_one(latents) @ colours.to(latents.device)
    return (rgb * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def _with_one(latents: torch.Tensor) -> torch.Tensor:
    """`[n, C, h, w]` to float32 `[n, h, w, C + 1]`."""
    channels_last = latents.float().movedim(1, -1)
    return torch.cat([channels_last, torch.ones_like(channels_last[..., :1])], -1)
