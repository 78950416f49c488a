"""The draft renderer on real photos, a real dance and a real voice: speed, and what detectors find in its pictures."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from apvgen import pipeline, project
from apvgen.config import Options
from apvgen.draft import DraftRenderer
from apvgen.fda import lip_gap
from apvgen.media import VideoReader, write_video
from apvgen.types import Motion
from benchmarks._inputs import MEDIA, real_media

FOREHEAD, CHIN = 10, 152


def run() -> dict[str, object]:
    """For every photo: median frames a second of rendering 768 x 512, and `figures` of the video that was written."""
    inputs = real_media()
    if inputs is None:
        return {"skipped": "no real media beside the repository"}
    animator = pipeline.Animator(Options())
    photos = sorted((MEDIA / "reference").iterdir())
    with tempfile.TemporaryDirectory() as folder:
        return {
            photo.stem: _measure(animator, {**inputs, "reference": photo}, Path(folder) / photo.stem)
            for photo in photos
        }


def _measure(animator: pipeline.Animator, inputs: dict[str, Path], folder: Path) -> dict[str, float]:
    made = animator.analyse(inputs, folder)
    analysis, alignment = project.load_tracks(made)
    reference, target = pipeline.load_reference(made, analysis), alignment.target
    started = time.perf_counter()
    renderer = DraftRenderer(reference)
    prepared = time.perf_counter() - started
    frames, seconds = [], []
    for t in range(len(target)):
        started = time.perf_counter()
        frames.append(renderer.render(target, t))
        seconds.append(time.perf_counter() - started)
    video = write_video(folder / "draft.mp4", frames, target.fps)
    found = animator.detector.detect_video(VideoReader(video, target.fps, animator.options.limits))
    speed = {"frames_per_second": round(1 / statistics.median(seconds), 1), "prepare_seconds": round(prepared, 2)}
    return speed | figures(target, found)


def figures(target: Motion, found: Motion) -> dict[str, float]:
    """What a detector finds in drawn frames, against what was to be drawn.

    faces_found: share of frames. lip_correlation: of the lip gap in face heights, over frames with both faces.
    body_error: mean distance in frame heights over joints inside the picture that both have; joints_found: their share.
    """
    width_height = np.array(target.hw[::-1])
    wanted = target.body.seen & ((target.body.xy >= 0) & (target.body.xy < width_height)).all(-1)
    both = wanted & found.body.seen
    distance = np.linalg.norm(target.body.xy - found.body.xy, axis=-1)[both] / target.hw[0]
    faces = target.face.frames_seen & found.face.frames_seen
    gaps = [lip_gap(motion.face.xy[faces]) / _face_height(motion.face.xy[faces]) for motion in (target, found)]
    return {
        "faces_found": round(float(found.face.frames_seen.mean()), 3),
        "lip_correlation": round(float(np.corrcoef(*gaps)[0, 1]), 3),
        "body_error": round(float(distance.mean()), 4),
        "joints_found": round(float(both.sum() / wanted.sum()), 3),
    }


def _face_height(face: np.ndarray) -> np.ndarray:
    return np.linalg.norm(face[:, FOREHEAD] - face[:, CHIN], axis=-1)
