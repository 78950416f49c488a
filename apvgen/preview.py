"""The preview picture: what was detected, what the voice does, what is drawn, and where it lands on the photo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import repeat

import cv2
import numpy as np

from apvgen.align import Alignment, Analysis
from apvgen.config import Options
from apvgen.layouts import BODY18, HANDS
from apvgen.media import VideoReader
from apvgen.pose import pose_frames
from apvgen.retarget import map_track
from apvgen.types import HW, Affine, Motion, Reference, Track

PANEL_HEIGHT = 480
TITLES = ("driving video, detected", "face from the voice", "pose frame", "pose on the photo")
BACKWARD_CHUNK = 48
"""Frames held at once where the motion runs backward: a video can only be decoded forward."""


def panels(
    video: VideoReader | None, analysis: Analysis, alignment: Alignment, reference: Reference, options: Options
) -> Iterator[np.ndarray]:
    """Four titled pictures in a row for every output frame, RGB uint8; black where a motion file has no picture."""
    picture = np.zeros((*analysis.driving.hw, 3), np.uint8)
    driving = frames_at(video, analysis.driving_index) if video else repeat(picture, len(analysis))
    motions = (analysis.driving, portrait(alignment.voice_face, alignment.target.hw), alignment.target)
    drawings = zip(*(pose_frames(motion, options.face_style) for motion in motions), strict=True)
    for (detected, voice, pose), frame in zip(drawings, driving, strict=True):
        pictures = (overlay(frame, detected), voice, pose, overlay(reference.image, pose))
        yield np.concatenate([titled(picture, title) for picture, title in zip(pictures, TITLES, strict=True)], 1)


def side_by_side(
    video: VideoReader | None, analysis: Analysis, target: Motion, results: Mapping[str, VideoReader]
) -> Iterator[np.ndarray]:
    """The driving video, or the pose where a motion file drives, beside finished videos of its length, by title."""
    if video is None:
        driving, title = pose_frames(target, "mesh"), "motion"
    else:
        driving, title = frames_at(video, analysis.driving_index), "driving video"
    titles = [title, *results]
    for pictures in zip(driving, *(result.frames() for result in results.values()), strict=False):
        yield np.concatenate([titled(picture, name) for picture, name in zip(pictures, titles, strict=True)], 1)


def frames_at(video: VideoReader, index: np.ndarray) -> Iterator[np.ndarray]:
    """The frames of a video in any order of `index` (int64 `[T]`), decoding long runs only once."""
    backward = np.diff(index, prepend=index[:1]) < 0
    for run in np.split(index, np.flatnonzero(np.diff(backward)) + 1):
        if run[-1] >= run[0]:
            yield from _forward(video, run)
            continue
        for start in range(0, len(run), BACKWARD_CHUNK):
            chunk = run[start : start + BACKWARD_CHUNK]
            held = list(video.frames(int(chunk[-1]), int(chunk[0]) + 1))
            yield from (held[k - chunk[-1]] for k in chunk)


def _forward(video: VideoReader, run: np.ndarray) -> Iterator[np.ndarray]:
    """`run` never descends; a frame may repeat."""
    at, frame = int(run[0]) - 1, None
    stream = video.frames(int(run[0]), int(run[-1]) + 1)
    for wanted in run:
        while at < wanted:
            at, frame = at + 1, next(stream)
        yield frame


def overlay(picture: np.ndarray, drawing: np.ndarray) -> np.ndarray:
    """Lay a drawing on black over a dimmed picture of the same size."""
    dimmed = cv2.convertScaleAbs(picture, alpha=0.6)
    return np.where(drawing.any(-1, keepdims=True), drawing, dimmed)


def portrait(face: Track, hw: HW) -> Motion:
    """A face alone, scaled so that its box over the whole clip fills a picture of size `hw`."""
    seen = face.xy[face.seen]
    low, high = (seen.min(0), seen.max(0)) if len(seen) else (np.zeros(2), np.ones(2))
    scale = 0.8 * (np.array(hw[::-1]) / np.maximum(high - low, 1e-6)).min()
    centred = Affine(np.full(2, scale), np.array(hw[::-1]) / 2 - scale * (low + high) / 2)
    placed = map_track(face, centred, hw)
    body, hands = (Track.empty(layout, len(face), hw, face.fps) for layout in (BODY18, HANDS))
    return Motion(body, hands, placed)


def titled(picture: np.ndarray, title: str) -> np.ndarray:
    """Scale to the panel height and put a title above."""
    width = 2 * round(picture.shape[1] * PANEL_HEIGHT / picture.shape[0] / 2)
    panel = cv2.resize(picture, (width, PANEL_HEIGHT), interpolation=cv2.INTER_AREA)
    bar = np.full((32, width, 3), 24, np.uint8)
    cv2.putText(bar, title, (8, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (230, 230, 230), 1, cv2.LINE_AA)
    return np.concatenate([bar, panel])
