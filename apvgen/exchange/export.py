"""A project's pose in the format of another tool, and the photo that goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np

from apvgen import pipeline, project
from apvgen.errors import InputError, OutputError
from apvgen.exchange import echomimic, files, openpose, video, wholebody
from apvgen.files import complete_or_absent
from apvgen.inputs import MOTION_SUFFIX, at_fps, read_voice
from apvgen.media import check_output, write_video
from apvgen.progress import OnProgress, silent
from apvgen.project import Project
from apvgen.types import Motion

Format = Literal["pose-video", "wan-s2v", "openpose", "openpose-coco", "wholebody", "echomimic"]
Source = Literal["drawn", "detected"]

VIDEOS = {"pose-video": video.pose_video, "wan-s2v": video.wan_video}
_TRACKS: dict[str, Callable[[Motion, Path], None]] = {
    "openpose": partial(openpose.write, body="body25"),
    "openpose-coco": partial(openpose.write, body="coco18"),
    "wholebody": wholebody.write,
    "echomimic": echomimic.write,
}


@dataclass(frozen=True)
class Exported:
    """What was written: a file or folder, and beside it the photo in the pixels of the pose, or None.

    frames, fps: of what was written, which may have another rate than the project.
    """

    path: Path
    photo: Path | None
    frames: int
    fps: Fraction


def export(
    made: Project, form: Format, out: Path, source: Source = "drawn", on_progress: OnProgress = silent
) -> Exported:
    """Write a project's pose for another tool.

    out: a video `.mp4` for pose-video and wan-s2v, an `.npz` for wholebody, else a new folder or a `.zip`.
    source: the pose as drawn, on the photo's person and with the talking face, in output pixels, and beside it the
    photo cut likewise (`NAME-photo.png`); or what was detected in the driving video, in its pixels.
    Raises OutputError for a place that cannot be written, ProjectError for a project that is not analysed.
    """
    check_place(form, out)
    analysis, alignment = project.load_tracks(made)
    motion = alignment.target if source == "drawn" else analysis.driving
    if form in VIDEOS:
        drawn = VIDEOS[form](motion, made.settings.options.face_style)
        frames, fps = _write_video(made, drawn, out, (form, on_progress))
    else:
        motion = at_fps(motion, echomimic.FPS) if form == "echomimic" else motion
        _TRACKS[form](motion, out)
        frames, fps = len(motion), motion.fps
    if source == "detected":
        return Exported(out, None, frames, fps)
    photo = pipeline.load_reference(made, analysis).image
    return Exported(out, _write_photo(out, squared(photo) if form == "echomimic" else photo), frames, fps)


def check_place(form: Format, out: Path) -> None:
    """Raise InputError for an unknown format, OutputError for a place that it cannot be written to."""
    if form not in get_args(Format):
        raise InputError(f"{form} is no format; choose one of {', '.join(get_args(Format))}.")
    if form in VIDEOS:
        check_output(out)
    elif form == "wholebody":
        if out.suffix.lower() != MOTION_SUFFIX or out.is_dir():
            raise OutputError(f"{out} would be an .npz under another name: let the name end in .npz.")
    else:
        files.check_place(out)


def squared(picture: np.ndarray) -> np.ndarray:
    """A picture where EchoMimicV2's poses expect it: scaled into the middle of a black square, RGB uint8."""
    height, width, top, bottom, left, right = echomimic.square(picture.shape[:2])
    canvas = np.zeros((echomimic.SIDE, echomimic.SIDE, 3), np.uint8)
    canvas[top:bottom, left:right] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return canvas


def _write_video(
    made: Project,
    drawn: tuple[Iterator[np.ndarray], int, Fraction],
    out: Path,
    stage: tuple[str, OnProgress],
) -> tuple[int, Fraction]:
    pictures, frames, fps = drawn
    name, on_progress = stage
    voice = read_voice(made.input_path("voice"), made.settings.options)
    metadata = {"made_as": name, **project.as_json(made.settings)}
    write_video(out, _told(pictures, frames, on_progress), fps, voice, metadata)
    return frames, fps


def _told(pictures: Iterator[np.ndarray], frames: int, on_progress: OnProgress) -> Iterator[np.ndarray]:
    for done, picture in enumerate(pictures, 1):
        yield picture
        on_progress("export", done, frames)


def _write_photo(out: Path, photo: np.ndarray) -> Path:
    place = out.with_name(f"{out.stem}-photo.png")
    with complete_or_absent(place) as temporary:
        cv2.imwrite(str(temporary), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
    return place
