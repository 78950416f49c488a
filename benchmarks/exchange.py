"""Other tools' tracks: frames read and written a second, and what a face of 68 points costs against the whole mesh."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from apvgen import face68, head
from apvgen.exchange import Reading, echomimic, openpose, read_motion, wholebody
from apvgen.inputs import at_fps
from apvgen.tracks import load_motion
from apvgen.types import Motion

EXAMPLE = Path(__file__).parents[1] / "assets" / "example" / "motion.npz"
FORMATS: dict[str, tuple[Callable[[Motion, Path], None], str]] = {
    "openpose": (openpose.write, "poses"),
    "openpose_zip": (openpose.write, "poses.zip"),
    "wholebody": (wholebody.write, "poses.npz"),
    "echomimic": (echomimic.write, "poses"),
}
REPEATS = 5


def run() -> dict[str, object]:
    """Medians."""
    motion = at_fps(load_motion(EXAMPLE), echomimic.FPS)
    speeds = {name: _speed(motion, write, place) for name, (write, place) in FORMATS.items()}
    return {"frames": len(motion), **speeds, "head_rotation_of_68_points_off_by_degrees": _rotation_error(motion)}


def _speed(motion: Motion, write: Callable[[Motion, Path], None], name: str) -> dict[str, float]:
    written, read = [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / name
            began = time.perf_counter()
            write(motion, place)
            between = time.perf_counter()
            read_motion(place, Reading())
            written.append(between - began)
            read.append(time.perf_counter() - between)
    return {
        "written_frames_per_second": round(len(motion) / median(written)),
        "read_frames_per_second": round(len(motion) / median(read)),
    }


def _rotation_error(motion: Motion) -> dict[str, float]:
    """Against the rotation that the whole mesh with its depth gives."""
    face = motion.face
    xy, score = face68.to_mesh(*face68.from_mesh(face.xy, face.score))
    neutral = np.concatenate([face.xy[0], face.depth[0][:, None]], -1)[:468].astype(float)
    sparse = head.driving_rotation(replace(face, xy=xy, score=score, depth=None), neutral)
    between = sparse @ head.driving_rotation(face, neutral).transpose(0, 2, 1)
    degrees = np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    return {"median": round(float(np.median(degrees)), 2), "max": round(float(degrees.max()), 2)}
