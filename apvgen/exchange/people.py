"""The people of a clip as flat lists of points, which is how other tools keep them, and one of them as a `Motion`.

A person in one frame is `[130, 3]`: x, y in pixels and a score, all 0 where missed. The points are OpenPose-18's body,
the person's left and right hand, and OpenPose's face of 70: iBUG-68 and both pupils, right first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from apvgen import face68
from apvgen.config import Limits
from apvgen.errors import InputError, MediaError
from apvgen.keypoints.people import Sighting, Survey, boxes_of, choose, overlap, track_people
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.types import HW, Layout, Motion, Track

POINTS = 130
BODY, HAND_PAIR, FACE = slice(18), slice(18, 60), slice(60, 130)

IRISES = (468, 473)
"""Mesh points of the pupils, right first (Zejun-Yang/AniPortrait, `src/utils/draw_util.py`)."""

MOST_PEOPLE = 100
"""In one frame; OpenPose's own limit is 127."""

_SAMPLES_A_SECOND = 2
_LEAST_SIDE, _MOST_SIDE = 64, 16384

Crowd = Sequence[np.ndarray]
"""Everybody, frame by frame: float32 `[people, 130, 3]`."""


@dataclass(frozen=True)
class Reading:
    """How to read a track that another tool wrote.

    person: 0 is the largest over time, 1 the next largest.
    fps: frames a second, whatever the track says. default_fps: where it says none.
    hw: size of its picture, where it says none; None takes the smallest that holds all points.
    """

    limits: Limits = field(default_factory=Limits)
    person: int = 0
    fps: Fraction | None = None
    default_fps: Fraction | None = None
    hw: HW | None = None


def points_of(motion: Motion) -> np.ndarray:
    """float32 `[T, 130, 3]` of a motion whose face is a mesh; a mesh of 468 points has no pupils."""
    frames, (body, hands, face) = len(motion), (motion.body, motion.hands, motion.face)
    dots, dots_score = face68.from_mesh(face.xy, np.where(face.seen, face.score, 0))
    pupils = [point for point in IRISES if point < face.layout.points]
    xy = (body.xy, hands.xy.reshape(frames, -1, 2), dots, face.xy[:, pupils])
    score = (body.score, hands.score.reshape(frames, -1), dots_score, face.score[:, pupils])
    points = np.zeros((frames, POINTS, 3), np.float32)
    joined = np.concatenate([np.concatenate(xy, 1), np.concatenate(score, 1)[..., None]], -1)
    points[:, : joined.shape[1]] = np.where(_seen(joined)[..., None], joined, 0)
    return points


def motion_of(points: np.ndarray, hw: HW, fps: Fraction) -> Motion:
    """The motion of one person, `[T, 130, 3]`; its face has the mesh points that the 70 give, and no depth."""
    points = points.astype(np.float32)
    face, face_score = face68.to_mesh(points[:, FACE][:, :68, :2], points[:, FACE][:, :68, 2])
    face[:, IRISES], face_score[:, IRISES] = points[:, FACE][:, 68:, :2], points[:, FACE][:, 68:, 2]
    hands = points[:, HAND_PAIR].reshape(-1, 2, 21, 3)

    def track(layout: Layout, xy: np.ndarray, score: np.ndarray) -> Track:
        seen = np.isfinite(xy).all(-1) & (score > 0)
        places = np.where(seen[..., None], xy, np.float32(np.nan))
        return Track(layout, places, np.where(seen, score, np.float32(0)), hw, fps)

    return Motion(
        track(BODY18, points[:, BODY, :2], points[:, BODY, 2]),
        track(HANDS, hands[..., :2], hands[..., 2]),
        track(FACE478, face, face_score),
    )


def one_of(crowd: Crowd, name: str, fps: Fraction | None, hw: HW | None, reading: Reading) -> Motion:
    """The motion of the person that `reading` asks for.

    name: of the track, for messages. fps, hw: what the track itself says, or None.
    Raises MediaError for a track without frames or people, InputError without a rate, NoPersonError for `person`.
    """
    if not crowd:
        raise MediaError(f"{name} holds no frames; export it again.")
    if not any(len(people) for people in crowd):
        raise MediaError(f"{name} shows nobody in any of its {len(crowd)} frames; use one that shows a person.")
    rate = reading.fps or fps or reading.default_fps
    if rate is None:
        raise InputError(f"{name} does not say how many frames a second it has; give --fps.")
    if not 1 <= rate <= 120:
        raise MediaError(f"{name} would have {float(rate):g} frames a second; give --fps between 1 and 120.")
    hw = hw or reading.hw or _smallest_picture(crowd, name)
    return motion_of(_followed(crowd, rate, hw, reading.person), hw, rate)


def checked(people: np.ndarray, where: str) -> np.ndarray:
    """float32 `[people, 130, 3]`, with zeros for every missed point. Raises MediaError for senseless numbers."""
    if len(people) > MOST_PEOPLE:
        raise MediaError(f"{where} holds {len(people)} people, more than {MOST_PEOPLE}; export fewer.")
    seen = people[..., 2] > 0
    if not np.isfinite(people[..., 2]).all() or not np.isfinite(people[seen]).all():
        raise MediaError(f"{where} has a point that is no number; export it again.")
    if np.abs(people[seen]).max(initial=0) > _MOST_SIDE:
        raise MediaError(f"{where} has a point more than {_MOST_SIDE} px away; export it in pixels of the picture.")
    return np.where(seen[..., None], people, 0).astype(np.float32)


def _seen(points: np.ndarray) -> np.ndarray:
    return (points[..., 2] > 0) & np.isfinite(points).all(-1)


def _smallest_picture(crowd: Crowd, name: str) -> HW:
    far = np.max([people[..., :2].max((0, 1), initial=0) for people in crowd], 0)
    if far.max() <= 1:
        raise MediaError(f"{name} has normalised coordinates; give the size of its picture with --size HEIGHTxWIDTH.")
    width, height = (max(_LEAST_SIDE, 2 * int(side // 2 + 1)) for side in far)
    return height, width


def _followed(crowd: Crowd, fps: Fraction, hw: HW, person: int) -> np.ndarray:
    """The person's points in every frame, `[T, 130, 3]`; zeros where absent."""
    if max(map(len, crowd)) == 1 and person == 0:
        return np.stack([people[0] if len(people) else np.zeros((POINTS, 3), np.float32) for people in crowd])
    boxes = [_boxes(people) for people in crowd]
    step = max(1, round(fps / _SAMPLES_A_SECOND))
    unknown_look = np.zeros(1, np.float32)
    sightings = {t: [Sighting(box, unknown_look) for box in boxes[t]] for t in range(0, len(crowd), step)}
    tracks = track_people(Survey(hw, len(crowd), step, sightings, frozenset()))
    choose(tracks, person)
    way = boxes_of(tracks, len(crowd))[person]
    followed = np.zeros((len(crowd), POINTS, 3), np.float32)
    for t, people in enumerate(crowd):
        shared = overlap(way[t], boxes[t]) if len(people) else np.zeros(1)
        if shared.max() > 0:
            followed[t] = people[shared.argmax()]
    return followed


def _boxes(people: np.ndarray) -> np.ndarray:
    """float32 `[people, 4]` left, top, right, bottom around the seen points; without any, empty and in the corner."""
    seen = (people[..., 2] > 0)[..., None]
    low = np.where(seen, people[..., :2], np.inf).min(1)
    high = np.where(seen, people[..., :2], -np.inf).max(1)
    return np.nan_to_num(np.concatenate([low, high], -1), posinf=0, neginf=0).astype(np.float32)
