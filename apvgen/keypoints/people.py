"""Who is who: people seen in some frames of a video, joined into one box track for each person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from apvgen.errors import NoPersonError
from apvgen.types import HW, Motion

_LEAST_OVERLAP = 0.1
"""IoU of one person's boxes half a second apart is rarely lower, except across a cut."""

_LEAST_LIKENESS = 0.35
"""Likeness of one person's clothes in two shots is rarely lower."""

_MIDDLE_X, _MIDDLE_Y = (0.4, 0.6), (0.45, 0.6)
"""The part of a box that shows a person's clothes whether the legs are in the picture or not."""

_MEMORY = 4
"""Samples (two seconds) for which a person who is not seen is still expected at the same place."""

_RARE = 0.05
"""Share of samples in which a second person may be a false alarm."""


class Sighting(NamedTuple):
    """One person in one frame.

    box: float32 `[4]` left, top, right, bottom in pixels, inside the picture. look: see `look_of`.
    """

    box: np.ndarray
    look: np.ndarray


@dataclass(frozen=True)
class Survey:
    """The people of a video at sample frames.

    sightings: sample frame -> the people seen in it; at least every `step`-th frame and every first of a shot.
    cuts: frames that begin a new shot.
    """

    hw: HW
    frames: int
    step: int
    sightings: dict[int, list[Sighting]]
    cuts: frozenset[int]


@dataclass(frozen=True)
class PersonTrack:
    """Where one person is.

    box: float32 `[T, 4]` left, top, right, bottom in pixels; between sightings interpolated; NaN where absent.
    area: the box's mean share of the picture over the whole video, in [0, 1].
    frames_seen: how many frames have a box.
    """

    box: np.ndarray
    area: float
    frames_seen: int


class Detection(NamedTuple):
    """What was found in a video: the motion of one person, and where everybody is.

    people: float32 `[P, T, 4]` left, top, right, bottom in pixels of the motion's picture, the largest person over time
    first; between sightings interpolated, NaN where absent.
    """

    motion: Motion
    people: np.ndarray


def boxes_of(people: Sequence[PersonTrack], frames: int) -> np.ndarray:
    """The boxes of all tracks, float32 `[P, frames, 4]`."""
    return np.array([track.box for track in people], np.float32).reshape(-1, frames, 4)


def look_of(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The colours of a person's middle: hue, saturation and value in `[96]` bins that sum to 1; zeros off the picture.

    image: RGB uint8 `[H, W, 3]`. box: left, top, right, bottom in pixels. A small part of the box, since the rest
    shows the background or whoever stands behind.
    """
    left, top, right, bottom = box
    x = left + np.array(_MIDDLE_X) * (right - left)
    y = top + np.array(_MIDDLE_Y) * (bottom - top)
    (x0, x1), (y0, y1) = np.maximum(x, 0).astype(int), np.maximum(y, 0).astype(int)
    patch = image[y0 : y1 + 1, x0 : x1 + 1]
    if not patch.size:
        return np.zeros(96, np.float32)
    hsv = cv2.cvtColor(np.ascontiguousarray(patch), cv2.COLOR_RGB2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, [6, 4, 4], [0, 180, 0, 256, 0, 256]).ravel()
    return counts / counts.sum()


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of `[4]` with `[..., 4]` boxes; 0 where one is NaN."""
    sides = np.minimum(box[2:], others[..., 2:]) - np.maximum(box[:2], others[..., :2])
    shared = np.prod(np.maximum(sides, 0), axis=-1)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[..., 2:] - others[..., :2], axis=-1) - shared
    return np.nan_to_num(shared / np.maximum(union, 1e-6))


def track_people(survey: Survey) -> tuple[PersonTrack, ...]:
    """The people of a video, the largest over time first.

    Two sightings are one person when their boxes overlap in neighbouring samples or, across a cut or an absence, when
    their clothes are alike. Where hardly ever two people are seen at once, there is one person.
    """
    crowded = np.mean([len(seen) > 1 for seen in survey.sightings.values()])
    paths = _merge(_link(survey), _LEAST_LIKENESS if crowded > _RARE else 0.0)
    longest = max(map(len, paths), default=0)
    tracks = [_track(path, survey) for path in paths if len(path) > 1 or longest < 3]
    return tuple(sorted(tracks, key=lambda track: -track.area))


def choose(tracks: Sequence[PersonTrack], person: int) -> PersonTrack:
    """The wanted track. Raises NoPersonError, which says how many there are."""
    if not tracks:
        raise NoPersonError("No person was found in the driving video; use one that shows a person clearly.")
    if person >= len(tracks):
        many = "1 person was" if len(tracks) == 1 else f"{len(tracks)} people were"
        raise NoPersonError(
            f"Person {person} does not exist: {many} found in the driving video; choose from 0 to {len(tracks) - 1}."
        )
    return tracks[person]


Path = dict[int, Sighting]
"""One person's sightings by sample frame."""


def _link(survey: Survey) -> list[Path]:
    """Join sightings of successive samples that overlap, those first that overlap most and look most alike; never
    across a cut.
    """
    paths: list[Path] = []
    samples = sorted(survey.sightings)
    for k, frame in enumerate(samples):
        shot = max((cut for cut in survey.cuts if cut <= frame), default=0)
        recent = [path for path in paths if max(path) >= max(shot, samples[max(k - _MEMORY, 0)])]
        free: dict[int, Sighting] = dict(enumerate(survey.sightings[frame]))
        pairs = []
        for i, path in enumerate(recent):
            last = path[max(path)]
            for j, sighting in free.items():
                shared = float(overlap(sighting.box, last.box))
                if shared > _LEAST_OVERLAP:
                    pairs.append((shared + _likeness(path, {frame: sighting}), i, j))
        for i, j in _best_pairs(pairs):
            recent[i][frame] = free.pop(j)
        paths += [{frame: sighting} for sighting in free.values()]
    return paths


def _merge(paths: list[Path], least: float) -> list[Path]:
    """Join paths that never share a frame, the most alike first."""
    paths = list(paths)
    while True:
        pairs = [
            (_likeness(a, b), i, j)
            for i, a in enumerate(paths)
            for j, b in enumerate(paths[:i])
            if not a.keys() & b.keys()
        ]
        likeness, i, j = max(pairs, default=(-1.0, 0, 0))
        if likeness < least:
            return paths
        paths[j] = {**paths[j], **paths.pop(i)}


def _best_pairs(pairs: Iterable[tuple[float, int, int]]) -> list[tuple[int, int]]:
    """Greedy matching: the best pair first, each index once."""
    chosen: list[tuple[int, int]] = []
    for _, i, j in sorted(pairs, reverse=True):
        if all(i != a and j != b for a, b in chosen):
            chosen.append((i, j))
    return chosen


def _likeness(a: Path, b: Path) -> float:
    """Histogram intersection of the mean looks, in [0, 1]."""
    looks = [np.mean([sighting.look for sighting in path.values()], axis=0) for path in (a, b)]
    return float(np.minimum(*looks).sum())


def _track(path: Path, survey: Survey) -> PersonTrack:
    """Boxes of every frame, interpolated inside each shot, held for one sample step at the ends."""
    boxes = np.full((survey.frames, 4), np.nan, np.float32)
    starts = sorted({0, survey.frames, *survey.cuts})
    for start, stop in pairwise(starts):
        seen = np.array([frame for frame in sorted(path) if start <= frame < stop])
        if len(seen):
            corners = np.array([path[frame].box for frame in seen])
            shot = np.arange(start, stop)
            inside = np.stack([np.interp(shot, seen, corner) for corner in corners.T], -1)
            boxes[start:stop] = np.where(_expected(shot, seen, survey.step)[:, None], inside, np.nan)
    height, width = survey.hw
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) / (height * width)
    return PersonTrack(boxes, float(np.nan_to_num(areas).mean()), int(np.isfinite(areas).sum()))


def _expected(frames: np.ndarray, seen: np.ndarray, step: int) -> np.ndarray:
    """bool `[N]`: frames within a step of a sighting, or between two that are near each other in time."""
    after = np.searchsorted(seen, frames)
    previous, following = seen[np.maximum(after - 1, 0)], seen[np.minimum(after, len(seen) - 1)]
    near = np.minimum(abs(frames - previous), abs(frames - following)) <= step
    between = (previous <= frames) & (frames <= following) & (following - previous <= _MEMORY * step)
    return near | between
