"""Videos of what the network can do so far, by the product's own sampler, always from the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import torch
from torch import nn

from apvgen.media import write_video
from apvgen.model.models import Models
from apvgen.sampler.conditioning import encode_reference
from apvgen.sampler.decode import decode
from apvgen.sampler.denoise import denoise
from apvgen.sampler.settings import Memory, Settings
from train.examples import Example
from train.export import averaged
from train.loop import Run
from train.networks import Denoiser

_CHUNK = 4
"""Frames that the decoder sees together."""


def validate(run: Run, examples: list[Example], step: int, fps: Fraction) -> None:
    """Render examples with the weights so far: an mp4 each in the run's folder, and frames of it in the tracker.

    In each, from left to right: the reference picture, the pose, what was made of them, and the truth.
    Raises OutputError for a full disk, RenderError for pictures that are not numbers.
    """
    with averaged(run), _in_evaluation(run.model):
        for number, example in enumerate(examples):
            name = f"{example.kind}-{number}"
            frames = list(_side_by_side(example, render(run, example)))
            write_video(run.config.output.folder / "videos" / f"step-{step:08d}-{name}.mp4", frames, fps)
            _show(run, name, frames, step)


def _show(run: Run, name: str, frames: list[np.ndarray], step: int) -> None:
    for tracker in run.accelerator.trackers:
        if hasattr(tracker, "log_images"):
            how = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
            tracker.log_images({f"video/{name}": contact_sheet(frames)}, step=step, **how)


def render(run: Run, example: Example) -> Iterator[np.ndarray]:
    """The frames of an example after its reference, RGB uint8 `[H, W, 3]`, as the network makes them."""
    bare: Denoiser = run.accelerator.unwrap_model(run.model)
    encoder = run.latents.encoder
    models = Models(bare.unet, bare.control, encoder.vae, encoder.image_encoder)
    count = len(example.frames)
    settings = Settings(schedule=run.config.output.validation_schedule, window=max(count, 2), overlap=0)
    known = encode_reference(models, example.frames[0], settings)
    with run.accelerator.autocast():
        latents = denoise(models, known, lambda wanted: example.poses[list(wanted)], count, settings)
    return decode(models.vae, latents, Memory().decoding(_CHUNK))


def contact_sheet(video: list[np.ndarray], columns: int = 4) -> np.ndarray:
    """Some frames of a video below each other, evenly spread: for trackers that show pictures, `[1, H, W, 3]`."""
    chosen = np.linspace(0, len(video) - 1, min(columns, len(video))).round().astype(int)
    return np.concatenate([video[index] for index in chosen])[None]


def _side_by_side(example: Example, made: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for pose, frame, truth in zip(example.poses[1:], made, example.frames[1:], strict=True):
        yield np.concatenate([example.frames[0], pose, frame, truth], axis=1)


@contextmanager
def _in_evaluation(model: nn.Module) -> Iterator[None]:
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train()
