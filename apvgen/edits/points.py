"""Corrections of single points, and what they do to a motion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from apvgen.config import check_choice
from apvgen.layouts import BODY18_MIRRORED, FACE468_MIRRORED
from apvgen.types import NOTHING_UNKNOWN, Motion, Track

Part = Literal["body", "left_hand", "right_hand", "face"]
Spread = Literal["shift", "fade", "pin"]
Sides = Literal["hands", "body", "all"]

POINTS: dict[Part, int] = {"body": 18, "left_hand": 21, "right_hand": 21, "face": 468}
"""Points of each part: OpenPose-18, hands of 21, the face mesh without irises. Sides are the person's own."""

OTHER_SIDE: dict[Part, tuple[int, ...]] = {"body": BODY18_MIRRORED, "face": FACE468_MIRRORED}
"""For each point of a part that has two sides the same one of the other side."""

NECK = 1
FARTHEST = 1e5
"""Pixels: beyond any picture that is read, near enough for float32 to tell hundredths of a pixel apart."""


@dataclass(frozen=True)
class PointEdit:
    """Where one point belongs in one frame, and what that means for the frames around it.

    xy: driving-video pixels, or None to hide the point.
    before, after: how many frames before and after `frame` change with it; a clip's ends cut them off.
    spread: what happens in them. `shift` moves the point, where it was found, by as much as in `frame`; `fade` does
        so less and less, by nothing just outside; `pin` holds it still at `xy`. Where the point is missing in `frame`
        itself, shift and fade alike fill the frames in which it is missing with straight lines through `xy` and the
        places where it was found before and after. A hidden point is hidden in all of them.

    A corrected point has a score of 1; a fading one comes nearer to it.
    """

    part: Part
    point: int
    frame: int
    xy: tuple[float, float] | None
    before: int = 0
    after: int = 0
    spread: Spread = "shift"
    kind: Literal["point"] = "point"

    __pydantic_config__ = NOTHING_UNKNOWN

    def __post_init__(self) -> None:
        check_choice("part", self.part, Part)
        check_choice("spread", self.spread, Spread)
        if not 0 <= self.point < POINTS[self.part]:
            raise ValueError(f"the {self.part} has points 0 to {POINTS[self.part] - 1}, so {self.point} is none")
        if self.frame < 0:
            raise ValueError(f"frames count from 0, so {self.frame} is none")
        if min(self.before, self.after) < 0:
            raise ValueError(f"a number of frames must not be negative, as {min(self.before, self.after)} is")
        if self.xy is not None and not all(abs(side) <= FARTHEST for side in self.xy):
            raise ValueError(f"a point must lie within {FARTHEST:.0f} px, not at {self.xy}")


@dataclass(frozen=True)
class Mirror:
    """Left and right exchanged in frames `first` to `last`, both included: the cure for a detector that mixed them up.

    sides: whose. flip: turn the places over as well, about the neck's vertical line (without a neck, the middle of
    what is turned), so that the person does everything with the other side. The drawn face turns with the body.
    """

    first: int
    last: int
    sides: Sides = "hands"
    flip: bool = False
    kind: Literal["mirror"] = "mirror"

    __pydantic_config__ = NOTHING_UNKNOWN

    def __post_init__(self) -> None:
        check_choice("sides", self.sides, Sides)
        _check_span(self.first, self.last)

    def concerns(self, part: Part) -> bool:
        """Whether that part's points change."""
        if part == "face":
            return self.flip and self.sides != "hands"
        return self.sides in ("all", "body" if part == "body" else "hands")


@dataclass(frozen=True)
class Restore:
    """What was found, as it was found, in frames `first` to `last`, both included: the layers before have no effect.

    part, point: only that part, or that point of it; None is all of them.
    """

    first: int
    last: int
    part: Part | None = None
    point: int | None = None
    kind: Literal["restore"] = "restore"

    __pydantic_config__ = NOTHING_UNKNOWN

    def __post_init__(self) -> None:
        _check_span(self.first, self.last)
        if self.part is not None:
            check_choice("part", self.part, Part)
        if self.point is not None and not (self.part and 0 <= self.point < POINTS[self.part]):
            raise ValueError(f"point {self.point} of {self.part or 'no part'} is none")


Layer = PointEdit | Mirror | Restore


@dataclass(frozen=True)
class _Points:
    """Views into one part of a motion: xy float32 `[T, N, 2]`, score float32 `[T, N]`."""

    xy: np.ndarray
    score: np.ndarray


def correct(found: Motion, layers: Sequence[Layer]) -> Motion:
    """Apply `layers`, in their order, to a motion in driving-video pixels whose face has 468 points."""
    if not layers:
        return found
    corrected = Motion(*(_copied(track) for track in (found.body, found.hands, found.face)))
    before, person = _parts(found), _parts(corrected)
    for layer in layers:
        match layer:
            case PointEdit():
                part = person[layer.part]
                _correct_point(layer, part.xy[:, layer.point], part.score[:, layer.point])
            case Mirror():
                _exchange(layer, person)
            case Restore():
                _restore(layer, person, before)
    return corrected


def _copied(track: Track) -> Track:
    return replace(track, xy=track.xy.copy(), score=track.score.copy())


def _parts(motion: Motion) -> dict[Part, _Points]:
    body, hands, face = motion.body, motion.hands, motion.face
    return {
        "body": _Points(body.xy, body.score),
        "left_hand": _Points(hands.xy[:, 0], hands.score[:, 0]),
        "right_hand": _Points(hands.xy[:, 1], hands.score[:, 1]),
        "face": _Points(face.xy, face.score),
    }


def _correct_point(edit: PointEdit, xy: np.ndarray, score: np.ndarray) -> None:
    """Change one point's xy `[T, 2]` and score `[T]` in place."""
    frames = np.arange(max(0, edit.frame - edit.before), min(len(xy), edit.frame + edit.after + 1))
    if edit.xy is None:
        xy[frames], score[frames] = np.nan, 0
        return
    seen, strength = _seen(xy, score), 1.0
    if edit.spread == "pin":
        xy[frames] = edit.xy
    elif seen[edit.frame]:
        frames = frames[seen[frames]]
        strength = _strength(edit, frames)
        xy[frames] += strength[:, None] * (np.array(edit.xy) - xy[edit.frame])
    else:
        frames = frames[~seen[frames]]
        xy[frames] = _path(edit, xy, seen, frames)
    xy[edit.frame] = edit.xy
    score[frames] = np.maximum(score[frames], score[frames] + strength * (1 - score[frames]))


def _strength(edit: PointEdit, frames: np.ndarray) -> np.ndarray:
    """Share of the shift that each of `frames` gets."""
    away = frames - edit.frame
    if edit.spread == "shift":
        return np.ones(len(frames))
    return 1 - np.abs(away) / (np.where(away < 0, edit.before, edit.after) + 1)


def _path(edit: PointEdit, xy: np.ndarray, seen: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Straight lines through where the point was found and where it now is in `edit.frame`: `[len(frames), 2]`."""
    known = seen.copy()
    known[edit.frame] = True
    places = xy.astype(float)
    places[edit.frame] = edit.xy
    at = np.flatnonzero(known)
    return np.stack([np.interp(frames, at, column) for column in places[at].T], -1)


def _exchange(mirror: Mirror, person: dict[Part, _Points]) -> None:
    span = slice(mirror.first, mirror.last + 1)
    turned = {part: points for part, points in person.items() if mirror.concerns(part)}
    axis = _axis(person["body"].xy[:, NECK, 0], turned.values(), span) if mirror.flip else None
    for part in turned.keys() & OTHER_SIDE.keys():
        for values in (person[part].xy, person[part].score):
            values[span] = values[span][:, list(OTHER_SIDE[part])]
    if mirror.concerns("left_hand"):
        left, right = person["left_hand"], person["right_hand"]
        for one, other in ((left.xy, right.xy), (left.score, right.score)):
            one[span], other[span] = other[span].copy(), one[span].copy()
    if axis is not None:
        for points in turned.values():
            points.xy[span, :, 0] = 2 * axis[:, None] - points.xy[span, :, 0]


def _axis(neck: np.ndarray, turned: Iterable[_Points], span: slice) -> np.ndarray:
    """x of the line that each frame is turned over about, which stays where it is; NaN where there is nothing to turn.

    neck: x `[T]`.
    """
    x = np.concatenate([part.xy[span, :, 0].astype(float) for part in turned], 1)
    low, high = np.where(np.isnan(x), np.inf, x).min(1), np.where(np.isnan(x), -np.inf, x).max(1)
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(neck[span]), (low + high) / 2, neck[span])


def _restore(layer: Restore, person: dict[Part, _Points], found: dict[Part, _Points]) -> None:
    span = slice(layer.first, layer.last + 1)
    points = slice(None) if layer.point is None else slice(layer.point, layer.point + 1)
    for part in (layer.part,) if layer.part else POINTS:
        person[part].xy[span, points] = found[part].xy[span, points]
        person[part].score[span, points] = found[part].score[span, points]


def _seen(xy: np.ndarray, score: np.ndarray) -> np.ndarray:
    return np.isfinite(xy).all(-1) & (score > 0)


def _check_span(first: int, last: int) -> None:
    if not 0 <= first <= last:
        raise ValueError(f"frames must run forward from 0 or later, not from {first} to {last}")
