"""`export` and `import`: poses for other tools, and from them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apvgen.cli.options import FPS, Size, json_option, project_option
from apvgen.cli.progress import progress
from apvgen.types import HW

if TYPE_CHECKING:
    from apvgen.exchange.export import Format, Source

_FORMATS = ("pose-video", "wan-s2v", "openpose", "openpose-coco", "wholebody", "echomimic")
_SOURCES = ("drawn", "detected")
_place = click.Path(path_type=Path)


@click.command()
@project_option(required=True)
@click.option("--format", "form", type=click.Choice(_FORMATS), required=True, help="Of the tool that is to take it.")
@click.option("--out", type=_place, required=True, help="A .mp4 (videos), .npz (wholebody), else a folder or .zip.")
@click.option(
    "--pose",
    "source",
    type=click.Choice(_SOURCES),
    default="drawn",
    show_default=True,
    help="Fitted to the photo, with the talking face; or as found in the driving video.",
)
@json_option
def export(folder: Path, form: Format, out: Path, source: Source, as_json: bool) -> None:
    """Write a project's pose for another tool, and beside it the photo that goes with it.

    \b
    pose-video     video as this project draws poses, with the voice
    wan-s2v        video for Wan2.2-S2V's --pose_video: 16 frames/s, no face
    openpose       OpenPose's JSON, one file a frame, BODY_25
    openpose-coco  the same with the 18 points of COCO, as ControlNet's tools expect
    wholebody      COCO-WholeBody's 133 points (.npz with keypoints and scores)
    echomimic      EchoMimicV2's folder of .npy files, 24 frames/s
    """
    from apvgen import project
    from apvgen.exchange.export import export as write

    with progress(as_json) as on_progress:
        done = write(project.load(folder), form, out, source, on_progress)
    photo = None if done.photo is None else str(done.photo)
    summary = {"path": str(done.path), "photo": photo, "frames": done.frames, "fps": str(done.fps)}
    beside = f"; the photo to go with it: {photo}" if photo else ""
    _say(as_json, summary, f"Exported: {out} ({done.frames} frames at {float(done.fps):g} a second){beside}.")


@click.command("import")
@click.argument("source", type=_place)
@click.option("--out", type=_place, required=True, help="Motion file to write (.npz), for --driving.")
@click.option("--fps", type=FPS, help="Frames a second, whatever the track says.")
@click.option("--size", type=Size(), help="Height and width of its picture, px, where it does not say.")
@click.option("--person", type=click.IntRange(0), default=0, help="0 is the largest person, 1 the next.")
@json_option
def import_(source: Path, out: Path, fps: Fraction | None, size: HW | None, person: int, as_json: bool) -> None:
    """Turn another tool's track into a motion file.

    SOURCE: a folder or .zip of OpenPose's JSON or EchoMimicV2's .npy files, or a COCO-WholeBody .npz. --driving takes
    these as they are too; import where their frame rate or picture size must be given.
    """
    from apvgen import tracks
    from apvgen.errors import OutputError
    from apvgen.exchange import Reading, read_motion

    if out.suffix.lower() != ".npz":
        raise OutputError(f"{out} would be a motion file under another name: let the name end in .npz.")
    motion = read_motion(source, Reading(person=person, fps=fps, hw=size))
    tracks.save_motion(out, motion)
    shares = {part: float(getattr(motion, part).frames_seen.mean()) for part in ("body", "hands", "face")}
    known = {"motion": str(out), "frames": len(motion), "fps": str(motion.fps), "size": list(motion.hw)}
    found = ", ".join(f"{part} in {100 * share:.0f} %" for part, share in shares.items())
    text = f"Imported: {out} ({len(motion)} frames at {float(motion.fps):g} a second; {found})."
    _say(as_json, known | {f"share_with_{part}": share for part, share in shares.items()}, text)


def _say(as_json: bool, summary: dict[str, object], text: str) -> None:
    click.echo(json.dumps(summary) if as_json else text)
