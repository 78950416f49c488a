"""Can this machine make the planned render, and how long will it take?"""

from __future__ import annotations

import shutil
from pathlib import Path

from apvgen.backbones.options import RenderOptions
from apvgen.config import Options
from apvgen.errors import ApvgenError
from apvgen.preflight.finding import Finding

DISK_AMBER = 2 * 1024**3
"""Bytes that `doctor` wants to be free, too."""

VIDEO_BITS_A_PIXEL = 0.2
"""Of a finished video. Measured: a draft of the dance takes 0.06, the noisiest real video at hand 0.13."""

LATENT_BYTES_A_PIXEL = 4 * 4 / 64
"""Four float32 channels, an eighth of the picture's side: kept in the project, so that an edit renders only its own
frames again."""

_GB = 1e9


def check_renderer(how: RenderOptions) -> Finding:
    """Whether the renderer has what it needs; no value."""
    if how.renderer != "diffusion":
        return Finding("green", "renderer", f"The {how.renderer} needs no weights.")
    from apvgen.backbones.controlnext_svd import find_checkpoint

    try:
        found = find_checkpoint(how.checkpoint)
    except ApvgenError as error:
        return Finding("red", "renderer", str(error))
    return Finding("green", "renderer", f"The checkpoint {found.name} is here (licence: {found.licence}).")


def check_disk(folder: Path, options: Options, frames: int, how: RenderOptions) -> Finding:
    """value: gigabytes that the render writes, at most. folder: on the disk that it writes to."""
    pixels = frames * options.hw[0] * options.hw[1]
    # A new video lies beside the old one until it is whole.
    need = 2 * pixels * VIDEO_BITS_A_PIXEL / 8
    need += 2 * pixels * LATENT_BYTES_A_PIXEL if how.renderer == "diffusion" else 0
    free = shutil.disk_usage(folder).free
    sentence = f"The render writes at most {_size(need)}, {_size(free)} are free"
    if free < need:
        return Finding("red", "disk", f"{sentence}; free some space.", value=need / _GB)
    if free < DISK_AMBER + need:
        return Finding("amber", "disk", f"{sentence}, which other work may need; free some space.", value=need / _GB)
    return Finding("green", "disk", f"{sentence}.", value=need / _GB)


def _size(count: float) -> str:
    return f"{count / _GB:.1f} GB" if count >= _GB else f"{max(1, round(count / 1e6))} MB"
