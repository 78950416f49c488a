"""What a person chooses about rendering; nothing here changes an analysis. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from apvgen.model.checkpoint import CheckpointInfo
from apvgen.sampler.settings import Memory, Settings

RendererName = Literal["draft", "stick", "diffusion"]
PresetName = Literal["fast", "balanced", "paper"]

GUIDED = (0.3, 20.0)
"""Noise levels that `fast` and `balanced` guide: the middle, where content forms. Above, guidance costs variety, below,
it changes nothing that shows (Kynkaanniemi et al. 2024, for images); six of ten published steps lie inside."""

PRESETS: dict[PresetName, Settings] = {
    "fast": Settings(schedule="align-your-steps", guidance_interval=GUIDED),
    "balanced": Settings(schedule="align-your-steps-18", guidance_interval=GUIDED),
    "paper": Settings(schedule="karras-25"),
}


@dataclass(frozen=True)
class RenderOptions:
    """The backbone and its settings.

    renderer: `draft` warps the photo, `stick` shows the pose, `diffusion` is ControlNeXt-SVD and needs a checkpoint.
    checkpoint: a folder, or a name from `python -m apvgen checkpoints list`.
    sampling, memory: of the diffusion renderer only.
    """

    renderer: RendererName = "draft"
    checkpoint: str | None = None
    sampling: Settings = field(default_factory=lambda: PRESETS["balanced"])
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        if self.renderer not in get_args(RendererName):
            raise ValueError(f"renderer must be one of {', '.join(get_args(RendererName))}, not {self.renderer!r}")


def advised(settings: Settings, checkpoint: CheckpointInfo) -> Settings:
    """The settings with guidance and initial noise filled in: as the checkpoint advises, or else as usual."""
    open_ones = {
        "guidance_min": checkpoint.guidance,
        "guidance_max": checkpoint.guidance,
        "initial_noise": checkpoint.initial_noise,
    }
    filled = replace(settings, **{name: to for name, to in open_ones.items() if getattr(settings, name) is None})
    low, high = filled.guidance
    return replace(filled, guidance_min=low, guidance_max=high, initial_noise=filled.begins_from)
