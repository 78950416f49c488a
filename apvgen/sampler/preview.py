"""A look at latents without the decoder."""

from __future__ import annotations

import numpy as np
import torch

RGB_OF_LATENTS = ((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473))
"""Latent channel -> RGB in [-1, 1], fitted for Stable Diffusion's encoder, which SVD kept:
https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204."""


def preview_frames(latents: torch.Tensor) -> np.ndarray:
    """Small pictures of latents: float `[n, 4, h, w]` to RGB uint8 `[n, h, w, 3]`, an eighth of the video's size."""
    factors = torch.tensor(RGB_OF_LATENTS, dtype=torch.float32, device=latents.device)
    rgb = torch.einsum("nchw,cr->nhwr", latents.float(), factors)
    return (rgb * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
