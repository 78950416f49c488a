"""Which stretches of footage are worth training on: one shot, one person, seen clearly and large enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import cv2
import numpy as np

from apvgen.retarget import person_box
from apvgen.types import Motion, Track
from train.examples import Kind

_CUT = 18
"""Mean difference of two thumbnails, of 255, from which a new shot begins (`apvgen.keypoints.lookout`, measured)."""

_THUMBNAIL = (16, 16)

_SHARPNESS_HEIGHT = 128
"""Faces are compared at this many pixels, so that a large face may be softer than a small one."""


@dataclass(frozen=True)
class Standards:
    """Least values of a clip; defaults by kind from `Standards.of`.

    seconds: of a shot. share: of frames in which face (face clips) or body is found. face_px: median height of the face
    in the source's pixels. company: largest share of frames with somebody else in them. sharpness: of the face (face
    clips) or of the person, see `sharpness`.
    """

    seconds: float = 1.0
    share: float = 0.95
    face_px: float = 120.0
    company: float = 0.1
    sharpness: float = 8.0

    @classmethod
    def of(cls, kind: Kind) -> Standards:
        return cls() if kind == "face" else cls(share=0.8, face_px=24.0, sharpness=10.0)


@dataclass(frozen=True)
class Quality:
    """What was measured of a clip; kept in its facts."""

    seconds: float
    share: float
    face_px: float
    company: float
    sharpness: float


def shots(frames: Iterable[np.ndarray]) -> list[range]:
    """The stretches between cuts of RGB uint8 `[H, W, 3]` pictures."""
    starts, previous, count = [0], None, 0
    for number, frame in enumerate(frames):
        small = cv2.resize(frame, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.int16)
        if previous is not None and np.abs(small - previous).mean() > _CUT:
            starts.append(number)
        previous, count = small, number + 1
    return [range(start, stop) for start, stop in pairwise([*starts, count])]


def pieces(shot: range, longest: int) -> list[range]:
    """A shot in equal parts of at most `longest` frames."""
    edges = np.linspace(shot.start, shot.stop, ceil(len(shot) / longest) + 1).round().astype(int).tolist()
    return [range(start, stop) for start, stop in pairwise(edges)]


def company(people: np.ndarray) -> float:
    """The share of frames in which somebody else is at least a quarter as large as the person.

    people: float32 `[P, T, 4]` boxes as in `apvgen.keypoints.Detection`, the person first.
    """
    areas = np.nan_to_num(np.prod(people[..., 2:] - people[..., :2], axis=-1))
    others = areas[1:].max(0, initial=0)
    return float(((others > areas[0] / 4) & (others > 0)).mean())


def face_boxes(face: Track) -> np.ndarray:
    """float `[T, 4]` left, top, right, bottom in pixels of the face in each frame; NaN where none is known."""
    boxes = np.full((len(face), 4), np.nan)
    seen = face.frames_seen
    points = np.where(face.seen[seen][..., None], face.xy[seen], np.nan)
    if len(points):
        boxes[seen] = np.concatenate([np.nanmin(points, 1), np.nanmax(points, 1)], -1)
    return boxes


def sharpness(picture: np.ndarray, box: np.ndarray) -> float:
    """The standard deviation of the Laplacian of what is in a box (left, top, right, bottom), in grey levels of 255, at
    a height of at most 128 px. Measured on photos and films: sharp faces have 12 to 26, and 4 to 7 when blurred by a
    hundredth of their height; people 18 to 60, and 5 to 10.
    """
    left, top, right, bottom = np.clip(box, 0, [*picture.shape[1::-1]] * 2).round().astype(int)
    if right - left < 2 or bottom - top < 2:
        return 0.0
    grey = cv2.cvtColor(np.ascontiguousarray(picture[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    scale = min(_SHARPNESS_HEIGHT / grey.shape[0], 1)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    return float(cv2.Laplacian(small, cv2.CV_32F).std())


def subject_box(motion: Motion, t: int, kind: Kind) -> np.ndarray | None:
    """What has to be sharp in a frame: the face of a face clip, else the person; None where it is not known."""
    if kind == "body":
        return person_box(motion, t)
    box = face_boxes(motion.face.take([t]))[0]
    return None if np.isnan(box).any() else box


def complaint(kind: Kind, quality: Quality, standards: Standards) -> str | None:
    """Why a clip is not good enough, in a few words with the figures; None for a good one."""
    subject = "face" if kind == "face" else "body"
    checks = {
        f"no {subject} in {1 - quality.share:.0%} of its frames": quality.share < standards.share,
        f"somebody else in {quality.company:.0%} of its frames": quality.company > standards.company,
        f"face of {quality.face_px:.0f} px, at least {standards.face_px:.0f}": not quality.face_px >= standards.face_px,
        f"blurred: sharpness {quality.sharpness:.1f}, at least {standards.sharpness:.1f}": quality.sharpness
        < standards.sharpness,
    }
    return next((words for words, failed in checks.items() if failed), None)
