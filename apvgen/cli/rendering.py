"""The options of a render, and what they mean together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import click

from apvgen.backbones.options import PRESETS, PresetName, RendererName, RenderOptions
from apvgen.cli.options import setting, stack
from apvgen.errors import InputError
from apvgen.sampler.settings import DtypeName, Memory, parse_schedule

_DEFAULTS = RenderOptions()
_SAMPLING = ("schedule", "guidance_interval", "window", "overlap", "control_scale", "initial_noise")
_MEMORY = ("device", "dtype", "offload", "vae_chunk", "vae_tile")

render_options = stack(
    setting("--renderer", _DEFAULTS.renderer, "What makes the pictures.", type=click.Choice(get_args(RendererName))),
    setting("--checkpoint", "the only one there is", "Folder or name of a checkpoint, for diffusion."),
    setting("--preset", "balanced", "Of sampling; what follows changes it.", type=click.Choice(get_args(PresetName))),
    setting("--schedule", "the preset's", "Noise levels: karras-25, align-your-steps-10, any number of steps."),
    setting("--steps", "the schedule's", "Number of steps.", type=int),
    setting(
        "--guidance",
        "the checkpoint's, or 3 3",
        "Guidance at the first and at the last frame; 1 is none.",
        type=(float, float),
    ),
    setting("--guidance-interval", "the preset's", "Noise levels to guide, low and high.", type=(float, float)),
    setting("--window", 24, "Frames of one call of the network.", type=int),
    setting("--overlap", "a quarter", "Frames that two windows share.", type=int),
    setting("--control-scale", 1.0, "Strength of the pose.", type=float),
    setting("--initial-noise", "the checkpoint's, or 1", "Share of the noise that sampling begins from.", type=float),
    setting("--device", "best found", "cuda, cuda:1, mps or cpu."),
    setting("--dtype", "by device", "Number format of the networks.", type=click.Choice(get_args(DtypeName))),
    setting("--offload/--no-offload", "by memory", "Keep only the network at work on the device.", type=bool),
    setting("--vae-chunk", "by memory", "Frames decoded together.", type=int),
    setting("--vae-tile", "whole pictures", "Pixels a side decoded at once.", type=int),
)

watermark_option = click.option("--watermark", is_flag=True, help="Write into the picture that it is AI generated.")


def chosen(given: dict[str, Any], seed: int) -> RenderOptions:
    """Take the render options out of `given`; raises InputError, one sentence, for values out of range.

    seed: of the noise that sampling starts from.
    """
    names = ("renderer", "checkpoint", "preset", "steps", "guidance", *_SAMPLING, *_MEMORY)
    picked = {name: value for name in names if (value := given.pop(name)) is not None}
    try:
        sampling = PRESETS[picked.pop("preset", "balanced")]
        schedule, steps = picked.pop("schedule", sampling.schedule), picked.pop("steps", None)
        if steps is not None:
            schedule = f"{parse_schedule(schedule)[0]}-{steps}"
        low, high = picked.pop("guidance", (sampling.guidance_min, sampling.guidance_max))
        changes = {name: picked.pop(name) for name in _SAMPLING if name in picked}
        memory = Memory(**{name: picked.pop(name) for name in _MEMORY if name in picked})
        sampling = replace(sampling, schedule=schedule, guidance_min=low, guidance_max=high, seed=seed, **changes)
        return RenderOptions(**picked, sampling=sampling, memory=memory)
    except ValueError as error:
        raise InputError(f"A render option is out of range: {error}.") from error
