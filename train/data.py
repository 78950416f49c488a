"""The data of a run, opened as its settings say."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from statistics import mode

from train.batches import Examples
from train.config import TrainConfig
from train.dataset import BodyExamples, ExampleOptions, FaceExamples
from train.examples import Kind
from train.fda_statistics import PAPER, read_maps
from train.kept_examples import KeptExamples
from train.shards import open_shards

_CLASSES = {"face": FaceExamples, "body": BodyExamples}


def open_examples(config: TrainConfig, folder: Path | None = None) -> dict[Kind, Examples]:
    """The streams of the kinds that a run trains on. folder: other shards than those of the settings.

    Raises InputError and MediaError for data that does not fit, each in a sentence that names shard and clip.
    """
    shards = open_shards(folder or config.data.folder)
    options, kept = _options(config), config.data.kept
    examples = KeptExamples(kept / "examples") if kept else None
    return {kind: _CLASSES[kind](shards, options, examples) for kind in dict.fromkeys(config.method.kinds)}


def frame_rate(examples: Mapping[Kind, FaceExamples | BodyExamples], stride: int) -> Fraction:
    """Frames a second that the network sees, of most clips."""
    return mode(entry.fps for stream in examples.values() for entry in stream.entries) / stride


def _options(config: TrainConfig) -> ExampleOptions:
    data, method = config.data, config.method
    return ExampleOptions(
        hw=data.hw,
        frames=data.frames,
        stride=data.stride,
        fda=method.fda,
        outpaint=method.reference_training,
        maps=read_maps(data.folder) if data.maps == "measured" else PAPER,
        draws=data.draws,
        mouth=method.mouth_weight,
        apart=method.reference_apart,
        style=data.face_style,
        seed=config.optimiser.seed,
        leave_out_short=data.leave_out_short,
    )
