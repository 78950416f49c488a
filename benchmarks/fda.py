"""What each FDA mode keeps of the voice's lip opening, on a real dance and on a person who talks while driving."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import get_args

from apvgen import pipeline, project
from apvgen.config import AlignOptions, FdaMode, Options
from apvgen.edits import Edits
from benchmarks._inputs import MEDIA, real_media

DRIVERS = {"dance": "driving/dance_576x1024_29fps.mp4", "talking": "talking/speech_pair_30fps.mp4"}


def run() -> dict[str, object]:
    """Share of the lip gap kept, 1 = all, for every driver and mode."""
    inputs = real_media()
    if inputs is None:
        return {"skipped": "no real media beside the repository"}
    animator = pipeline.Animator(Options())
    with tempfile.TemporaryDirectory() as folder:
        return {
            driver: _kept(animator, {**inputs, "driving": MEDIA / path}, Path(folder) / driver)
            for driver, path in DRIVERS.items()
        }


def _kept(animator: pipeline.Animator, inputs: dict[str, Path], folder: Path) -> dict[str, float]:
    made = animator.analyse(inputs, folder)
    kept = {mode: _lip_gap_kept(made, mode) for mode in get_args(FdaMode)}
    return kept | {"share_with_face": project.load(folder).settings.report["share_with_face"]}


def _lip_gap_kept(made: project.Project, mode: FdaMode) -> float:
    realigned = pipeline.realign(made, replace(AlignOptions(), mode=mode), Edits())
    return round(realigned.settings.report["lip_gap_kept"], 3)
