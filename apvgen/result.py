"""A finished video with its sound, and beside it a file that says how it was made."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apvgen import project
from apvgen.files import complete_or_absent
from apvgen.media import content_hash, write_video
from apvgen.progress import OnProgress
from apvgen.project import Project
from apvgen.types import Audio


@dataclass(frozen=True)
class Rendered:
    """A finished video, the settings file beside it, and what it took."""

    video: Path
    settings: Path
    frames: int
    seconds: float


@dataclass(frozen=True)
class Handling:
    """What happens around a backbone.

    reuse: what it computed is kept in the project, and only frames that edits have touched since are made anew; the
    result then depends on the renders before. watermark: the picture says that it is synthetic.
    """

    reuse: bool = False
    watermark: bool = False


AS_IT_COMES = Handling()


def write_result(
    made: Project,
    out: Path,
    frames: Iterator[np.ndarray],
    sound: Audio,
    stage: tuple[str, int, OnProgress],
    made_by: dict[str, object] | None = None,
) -> Rendered:
    """Stream frames into a video with sound, and the project's settings into a file of the same name beside it.

    stage: what the frames are, how many, and who is told of each. made_by: what a backbone says of itself.
    Raises OutputError.
    """
    name, total, on_progress = stage
    started = time.monotonic()
    options = made.settings.options
    rendering = {"rendering": made_by} if made_by else {}
    settings = {"made_as": name, "seed": options.seed, **rendering, **project.as_json(made.settings)}
    video = write_video(out, _counted(frames, total, name, on_progress), options.fps, sound, settings)
    beside = out.with_suffix(".json")
    with complete_or_absent(beside) as temporary:
        temporary.write_text(json.dumps({**settings, "video_sha256": content_hash(video)}, indent=2) + "\n", "utf-8")
    return Rendered(video, beside, total, time.monotonic() - started)


def _counted(frames: Iterator[np.ndarray], total: int, stage: str, on_progress: OnProgress) -> Iterator[np.ndarray]:
    for done, frame in enumerate(frames, 1):
        yield frame
        on_progress(stage, done, total)
