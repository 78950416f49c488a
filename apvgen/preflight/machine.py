"""Can this machine make the planned render, and how long will it take?"""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from apvgen.backbones.options import RenderOptions
from apvgen.config import Options
from apvgen.errors import ApvgenError
from apvgen.estimate import Estimate, estimate
from apvgen.preflight.finding import Finding, level_above

DISK_AMBER = 2 * 1024**3
"""Bytes that `doctor` wants to be free, too."""

VIDEO_BITS_A_PIXEL = 0.2
"""Of a finished video. Measured: a draft of the dance takes 0.06, the noisiest real video at hand 0.13."""

LATENT_BYTES_A_PIXEL = 4 * 4 / 64
"""Four float32 channels, an eighth of the picture's side: kept in the project, so that an edit renders only its own
frames again."""

TIME_AMBER, TIME_RED = 30 * 60, 12 * 3600
"""Seconds: longer than one sits and waits, and longer than a night."""

MEMORY_AMBER = 0.8
"""Share of the free memory: what is left is soon taken by other programs."""

SIZE_AMBER = 2.5
"""Times as many pixels, or as few, as a checkpoint was trained on."""

_NAMES = {"draft": "draft", "stick": "stick figure"}
_GB = 1e9


def check_machine(how: RenderOptions, options: Options, frames: int) -> tuple[Finding, ...]:
    """Whether the renderer has what it needs; if so, also time (value: seconds) and memory (value: gigabytes)."""
    try:
        expected = estimate(how, frames, options.hw)
    except ApvgenError as error:
        return (Finding("red", "renderer", str(error)),)
    return _ready(how, options), check_time(expected, how), check_memory(expected, how)


def _ready(how: RenderOptions, options: Options) -> Finding:
    if how.renderer != "diffusion":
        return Finding("green", "renderer", f"The {_NAMES[how.renderer]} needs no weights.")
    from apvgen.backbones.controlnext_svd import find_checkpoint

    found = find_checkpoint(how.checkpoint)
    here = f"The checkpoint {found.name} is here (licence: {found.licence})"
    ratio = math.prod(options.hw) / math.prod(found.hw)
    if max(ratio, 1 / ratio) <= SIZE_AMBER:
        return Finding("green", "renderer", f"{here}.")
    (height, width), (own_height, own_width) = options.hw, found.hw
    advice = f"was trained on {own_width} × {own_height} px, not {width} × {height}: analyse again at about that size"
    return Finding("amber", "renderer", f"{here}, but {advice}.", value=ratio)


def check_time(expected: Estimate, how: RenderOptions) -> Finding:
    """value: seconds."""
    level = level_above(expected.seconds, TIME_AMBER, TIME_RED)
    source = "as renders on this machine went" if expected.measured else "a rough guess: none was timed on this machine"
    advice = "" if level == "green" else f"; {_quicker(how)}"
    sentence = f"The render takes about {duration(expected.seconds)} on {expected.device} ({source}){advice}."
    return Finding(level, "time", sentence, value=expected.seconds)


def check_memory(expected: Estimate, how: RenderOptions) -> Finding:
    """value: gigabytes needed at the peak."""
    share = expected.bytes_needed / max(expected.bytes_there, 1)
    level = level_above(share, MEMORY_AMBER, 1)
    advice = "" if level == "green" else f"; {_smaller(how)}"
    sizes = f"about {_size(expected.bytes_needed)} of memory, {_size(expected.bytes_there)} are free"
    sentence = f"The render needs {sizes} on {expected.device}{advice}."
    return Finding(level, "memory", sentence, value=expected.bytes_needed / _GB)


def _quicker(how: RenderOptions) -> str:
    if how.renderer == "diffusion":
        return "use the fast preset, fewer frames or a smaller size, or the draft"
    return "use fewer frames or a smaller size"


def _smaller(how: RenderOptions) -> str:
    if how.renderer == "diffusion":
        return "use --offload, --dtype bfloat16, a smaller --vae-chunk or --window, or a smaller size"
    return "close other programs or use a smaller size"


def duration(seconds: float) -> str:
    """A time span in words, no more exact than an estimate is."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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
