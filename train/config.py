"""Settings of a training run: frozen, and checked when built.

The flags of `python -m train.finetune` are these fields, and their help is what stands below each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from apvgen.config import FaceStyle, check_choice
from apvgen.sampler.settings import parse_schedule
from apvgen.types import HW
from train.examples import Kind

PresetName = Literal["paper", "debug", "demo"]
Precision = Literal["no", "bf16", "fp16"]
Trained = Literal["all", "to_out_v", "control", "lora"]
Optimiser = Literal["adamw", "adamw8bit"]
MapsName = Literal["paper", "measured"]
Schedule = Literal["constant_with_warmup", "cosine", "linear"]
WeightsType = Literal["float32", "bfloat16", "float16"]

SIDE_MULTIPLE = 64
"""Pixels: what the sides of a checkpoint's pictures are multiples of (`apvgen.model.checkpoint.CheckpointInfo`)."""
WINDOW_MULTIPLE = 32
"""Pixels: what a network that halves its latents twice can take, as the demo's does."""


@dataclass(frozen=True)
class DataSettings:
    """What is trained on."""

    folder: Annotated[Path, arg(name="data")]
    """Folder of shards, with face and body clips: of train.prepare or train.synthetic."""
    hw: HW = (768, 512)
    """Height and width in pixels, multiples of 64."""
    frames: int = 20
    """Of a clip, the reference picture not counted; 1 trains single pictures."""
    face_window: HW | None = None
    """Height and width around the face to which face clips are cut after encoding, multiples of 32, 64 for SVD: more
    faces in the same time. Not used with --no-fda, whose faces fill the frame."""
    stride: int = 1
    """Every which frame of a clip is taken."""
    draws: int = 0
    """FDA maps and frame ranges that a clip is seen with; 0: others every time."""
    maps: MapsName = "paper"
    """Where FDA puts faces: at the paper's averages, or at those in the data's fda.json (python -m
    train.fda_statistics)."""
    face_style: FaceStyle = "mesh"
    """How faces are drawn in pose frames, from now on: lines of the face mesh, as in the paper, or 68 dots."""
    leave_out_short: bool = False
    """Train without clips that are shorter than an example, instead of refusing them."""
    kept: Path | None = None
    """Folder that keeps each draw of a clip, and what VAE and image encoder make of it, for this run and the next;
    needs --draws."""
    workers: int = 4
    """Processes that load examples; 0: the training itself does."""

    def __post_init__(self) -> None:
        if any(side <= 0 or side % SIDE_MULTIPLE for side in self.hw):
            raise ValueError(f"hw must be multiples of {SIDE_MULTIPLE} px, not {self.hw[0]} x {self.hw[1]}")
        if self.face_window is not None and any(
            side <= 0 or side % WINDOW_MULTIPLE or side > whole
            for side, whole in zip(self.face_window, self.hw, strict=True)
        ):
            height, width = self.face_window
            raise ValueError(
                f"face_window must be multiples of {WINDOW_MULTIPLE} px no larger than hw, not {height} x {width}"
            )
        check_choice("maps", self.maps, MapsName)
        check_choice("face_style", self.face_style, FaceStyle)
        _check_least(self, frames=1, stride=1, draws=0, workers=0)
        if self.kept is not None and not self.draws:
            raise ValueError("a limited number of draws can be kept, not endless ones; add --draws 4, for example")


@dataclass(frozen=True)
class MethodSettings:
    """The paper's method, and its ablations."""

    fda: bool = True
    """Scale and place face clips as faces lie in body clips; without, the face fills the frame."""
    mixed_data: bool = True
    """Train a face batch, then a body batch; without, face batches only."""
    reference_training: bool = True
    """The reference of a face clip is outpainted, and counts; without, it is the scaled face on black."""
    body_only: bool = False
    """Train body batches only, as ControlNeXt was."""
    alpha: float = 0.1
    """Weight of a body batch's loss."""
    beta: float = 1.0
    """Weight of the loss on the reference picture, beside that on the other frames of a face batch."""
    mouth_weight: float = 1.0
    """How much more than the rest of a face clip the mouth counts, a few latents where the face is small."""
    reference_apart: float = 0.0
    """How far from the place of a face clip's frames its reference picture may show the face: 0 nowhere, as in the
    paper, 1 anywhere. More than 0 teaches to move faces; frames then count inside the face only."""
    noise_scale: float = 1.0
    """Times the published noise levels at which is trained; higher teaches more of the whole and less of the detail."""

    def __post_init__(self) -> None:
        if self.body_only and not self.mixed_data:
            raise ValueError("--body-only and --no-mixed-data (face clips only) exclude each other; leave one out")
        _check_least(self, alpha=0, beta=0)
        if not 0 <= self.reference_apart <= 1:
            raise ValueError(f"reference_apart must be 0 to 1, not {self.reference_apart}")
        if self.noise_scale <= 0 or self.mouth_weight <= 0:
            raise ValueError("noise_scale and mouth_weight must be positive")

    @property
    def kinds(self) -> tuple[Kind, Kind]:
        """Of the clips of an iteration's two optimiser steps; two of a single kind as well, so that runs compare."""
        if self.body_only:
            return "body", "body"
        return ("face", "body") if self.mixed_data else ("face", "face")


@dataclass(frozen=True)
class DropoutSettings:
    """Shares of examples trained without some of what the network is told, which guidance needs."""

    drop_embedding: float = 0.05
    """Without the reference picture's embedding."""
    drop_image: float = 0.05
    """Without the reference picture's latents."""
    drop_both: float = 0.05
    """Without embedding and latents."""
    drop_all: float = 0.0
    """Without these and the pose: what the unguided half sees when videos are made."""

    def __post_init__(self) -> None:
        _check_least(self, drop_embedding=0, drop_image=0, drop_both=0, drop_all=0)
        if sum(vars(self).values()) > 1:
            raise ValueError("the shares of dropped conditions must not exceed 1 together")


@dataclass(frozen=True)
class OptimiserSettings:
    """How weights change."""

    steps: int = 100_000
    """Iterations, each of two optimiser steps: a face batch and a body batch."""
    batch: int = 1
    """Clips of one process and forward pass."""
    accumulation: int = 1
    """Forward passes of an optimiser step."""
    learning_rate: float = 1e-5
    """The highest."""
    schedule: Schedule = "constant_with_warmup"
    """How the rate goes on after the warm-up; cosine and linear end at 0."""
    warm_up: int = 500
    """Iterations until the rate is reached."""
    optimiser: Optimiser = "adamw"
    """adamw8bit keeps its two means in a quarter of the memory; needs the package bitsandbytes."""
    weight_decay: float = 1e-2
    """Of AdamW, per step and unit of the learning rate."""
    clip_norm: float = 1.0
    """The longest gradient; longer ones are scaled down."""
    ema_decay: float = 0.9999
    """Of the running mean of weights that becomes the checkpoint; 0: none, the last weights do."""
    train: Trained = "all"
    """Which weights: all, attention values and outputs of the UNet, the control branch alone, or LoRA beside both."""
    lora_rank: int = 64
    """With --train lora."""
    seed: int = 0
    """Of all that is random in an example."""

    def __post_init__(self) -> None:
        check_choice("schedule", self.schedule, Schedule)
        check_choice("optimiser", self.optimiser, Optimiser)
        check_choice("train", self.train, Trained)
        _check_least(self, steps=1, batch=1, accumulation=1, warm_up=0, weight_decay=0, lora_rank=1, seed=0)
        if self.learning_rate <= 0 or self.clip_norm <= 0:
            raise ValueError("learning_rate and clip_norm must be positive")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be at least 0 and below 1, not {self.ema_decay}")


@dataclass(frozen=True)
class DeviceSettings:
    """How passes are computed. Which devices, how many, FSDP and DeepSpeed: `accelerate launch --config_file`."""

    precision: Precision = "bf16"
    """Of forward and backward passes; weights and their updates stay in float32."""
    gradient_checkpointing: bool = True
    """Compute activations again in the backward pass instead of keeping them: a third more time, far less memory."""

    def __post_init__(self) -> None:
        check_choice("precision", self.precision, Precision)


@dataclass(frozen=True)
class OutputSettings:
    """What a run leaves behind."""

    folder: Annotated[Path, arg(name="out")]
    """Training states, logs and validation videos. The same command again goes on where the last one stopped."""
    checkpoint: Path | None = None
    """Folder that the studio reads; left out: called like --out, among the studio's checkpoints."""
    weights: WeightsType = "float32"
    """Type of the checkpoint's numbers, VAE and image encoder included where they are copied into it."""
    include_base: bool | None = None
    """Copy VAE and image encoder into the checkpoint; None: if the one started from has them inside."""
    save_every: int = 1000
    """Iterations between training states; each renews the checkpoint too."""
    keep: int = 2
    """Training states that stay, the newest."""
    validate_every: int = 1000
    """Iterations between validation videos; 0: none."""
    validation: Path | None = None
    """Folder of shards whose first clips are shown; None: those of the training data."""
    validation_schedule: str = "align-your-steps-10"
    """Noise levels of validation videos."""
    tracker: str = "tensorboard"
    """Any that accelerate knows, or none."""

    def __post_init__(self) -> None:
        check_choice("weights", self.weights, WeightsType)
        _check_least(self, save_every=1, keep=1, validate_every=0)
        parse_schedule(self.validation_schedule)


@dataclass(frozen=True)
class TrainConfig:
    """Fine-tune a checkpoint on face and body clips."""

    init: Path
    """Checkpoint to start from: its folder, such as that of another run, or its name among the studio's."""
    data: Annotated[DataSettings, arg(name="")]
    output: Annotated[OutputSettings, arg(name="")]
    method: Annotated[MethodSettings, arg(name="")] = field(default_factory=MethodSettings)
    dropout: Annotated[DropoutSettings, arg(name="")] = field(default_factory=DropoutSettings)
    optimiser: Annotated[OptimiserSettings, arg(name="")] = field(default_factory=OptimiserSettings)
    device: Annotated[DeviceSettings, arg(name="")] = field(default_factory=DeviceSettings)
    preset: PresetName = "paper"
    """What the other settings are, where nothing is said."""
    estimate_only: bool = False
    """Say what a step takes in time and memory, and stop."""

    def hw_of(self, kind: Kind) -> HW:
        """Size of the pictures of a kind that the network sees."""
        window = self.data.face_window
        return window if kind == "face" and self.method.fda and window is not None else self.data.hw


def _check_least(settings: object, **least: float) -> None:
    for name, bound in least.items():
        if getattr(settings, name) < bound:
            raise ValueError(f"{name} must be at least {bound:g}, not {getattr(settings, name)}")
