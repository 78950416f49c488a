"""What a person does to points, gaps and sides: each function makes new edits from given ones.

seen: the motion with the given edits in effect, driving-video pixels (`Alignment.edited`).
frames: a range of the clip's frames.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from apvgen.edits import Bridge, Edits, Layer, Mirror, Override, PointEdit, Restore
from apvgen.edits.keys import set_over
from apvgen.edits.points import POINTS, Part
from apvgen.errors import InputError
from apvgen.fda import visible
from apvgen.types import Motion

_FOR_EVER = sys.maxsize
"""Past the end of any clip, as moves that reach over its end are."""


def move_point(edits: Edits, edit: PointEdit) -> Edits:
    """Put a point somewhere or hide it. An earlier edit of the same kind, frames and spread is replaced."""
    layers = list(edits.points)
    for k in range(len(layers) - 1, -1, -1):
        if not isinstance(layers[k], PointEdit):
            break  # an exchange of sides has moved on what came before it
        if _same_reach(layers[k], edit):
            del layers[k]
    return replace(edits, points=(*layers, edit))


def move_part(edits: Edits, seen: Motion, edit: PointEdit) -> Edits:
    """Move a whole hand or body as `edit` moves one of its points, for example a hand with its wrist.

    Raises InputError where that point is hidden or missing, and for the face, which key frames move.
    """
    places, found = part_of(seen, edit.part)
    if edit.part == "face" or edit.xy is None or not found[edit.frame, edit.point]:
        raise InputError(f"The {_name(edit.part)} cannot be moved by that point; choose a point of a hand or the body.")
    by = np.array(edit.xy) - places[edit.frame, edit.point]
    for point in np.flatnonzero(found[edit.frame]).tolist():
        xy = edit.xy if point == edit.point else _place(places[edit.frame, point] + by)
        edits = move_point(edits, replace(edit, point=point, xy=xy))
    return edits


def copy_points(
    edits: Edits, seen: Motion, part: Part, source: int, frames: range, points: Sequence[int] | None = None
) -> Edits:
    """Hold `points` of a part (all by default) in all of `frames` where they are in frame `source`.

    What is missing there is hidden in `frames` too.
    """
    places, found = part_of(seen, part)
    for point in range(POINTS[part]) if points is None else points:
        xy = _place(places[source, point]) if found[source, point] else None
        if xy or found[frames.start : frames.stop, point].any():
            edit = PointEdit(part, point, frames.start, xy, after=len(frames) - 1, spread="pin")
            edits = move_point(edits, edit)
    return edits


def fill_gap(edits: Edits, seen: Motion, part: Part, frame: int, points: Sequence[int] | None = None) -> Edits:
    """Join, by straight lines, what was found before and after the gap around `frame`.

    Fills every point of the part (or of `points`) that is missing in `frame` and was found on both sides. The face is
    filled as a whole, and goes on speaking. Raises InputError when there is nothing to fill.
    """
    if part == "face":
        return _bridge_face(edits, seen, frame)
    places, found = part_of(seen, part)
    wanted = range(POINTS[part]) if points is None else points
    filled = edits
    for point in wanted:
        gap = _gap(found[:, point], frame)
        if gap:
            filled = move_point(filled, _line(part, point, gap, places[:, point]))
    if filled == edits:
        raise InputError(f"The {_name(part)} has no gap around frame {frame} with points found before and after it.")
    return filled


def interpolate(edits: Edits, seen: Motion, part: Part, frames: range, points: Sequence[int] | None = None) -> Edits:
    """Replace `points` of a part (all by default) in `frames` by straight lines between the frames next to them.

    Points that are missing in one of these stay as they are. Raises InputError when that holds for all.
    """
    places, found = part_of(seen, part)
    before, after = frames.start - 1, frames.stop
    replaced = edits
    for point in range(POINTS[part]) if points is None else points:
        if before >= 0 and after < len(found) and found[before, point] and found[after, point]:
            hidden = PointEdit(part, point, frames.start, None, after=len(frames) - 1)
            replaced = move_point(replaced, hidden)
            replaced = move_point(replaced, _line(part, point, frames, places[:, point]))
    if replaced == edits:
        ends = f"frames {before} and {after}"
        raise InputError(f"The {_name(part)} was not found in {ends}, on both sides of the frames to draw anew.")
    return replaced


def mirror(edits: Edits, change: Mirror) -> Edits:
    """Exchange left and right; doing the same again right after takes it back."""
    if edits.points and edits.points[-1] == change:
        return replace(edits, points=edits.points[:-1])
    return replace(edits, points=(*edits.points, change))


def reset(edits: Edits, frames: range, length: int, part: Part | None = None, point: int | None = None) -> Edits:
    """Take back all corrections in `frames`, or those of one part or point; other frames keep theirs.

    length: frames of the clip. A bridged gap that `frames` touch is open again as a whole.
    """
    restore = Restore(frames.start, frames[-1], part, point)
    layers = _dropped(edits.points, restore if frames.stop < length else replace(restore, last=_FOR_EVER))
    if any(_meet(layer, restore) for layer in layers):
        layers = (*layers, restore)
    if part in (None, "face") and point is None:
        edits = set_over(edits, Override(0), frames, length) if edits.face else edits
        kept = tuple(bridge for bridge in edits.bridges if bridge.last < frames.start or bridge.first > frames[-1])
        edits = replace(edits, bridges=kept)
    return replace(edits, points=layers)


def part_of(motion: Motion, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Places `[T, N, 2]` of a part's points and whether they are seen, bool `[T, N]`."""
    if part in ("left_hand", "right_hand"):
        side = ("left_hand", "right_hand").index(part)
        return motion.hands.xy[:, side], motion.hands.seen[:, side]
    track = motion.body if part == "body" else motion.face
    return track.xy, track.seen


def _same_reach(one: PointEdit, other: PointEdit) -> bool:
    reach = [
        (edit.point, edit.frame, edit.part, edit.before, edit.after, edit.spread, edit.xy is None)
        for edit in (one, other)
    ]
    return reach[0] == reach[1]


def _bridge_face(edits: Edits, seen: Motion, frame: int) -> Edits:
    if not visible(edits.face, len(seen))[frame]:
        raise InputError(f"The face is hidden by hand in frame {frame}; show it there instead.")
    gap = _gap(seen.face.frames_seen, frame)
    if not gap:
        raise InputError(f"The face has no gap around frame {frame} with a face found before and after it.")
    return replace(edits, bridges=(*edits.bridges, Bridge(gap.start, gap[-1])))


def _gap(found: np.ndarray, frame: int) -> range | None:
    """The frames around `frame` without, between two with; None where there is no such gap. found: bool `[T]`."""
    before, after = np.flatnonzero(found[:frame]), np.flatnonzero(found[frame:])
    if not len(before) or not len(after) or found[frame]:
        return None
    return range(int(before[-1]) + 1, frame + int(after[0]))


def _line(part: Part, point: int, gap: range, places: np.ndarray) -> PointEdit:
    """The edit that fills a gap of one point, places `[T, 2]`, evenly."""
    start, end = places[gap.start - 1].astype(float), places[gap.stop].astype(float)
    return PointEdit(part, point, gap.start, _place(start + (end - start) / (len(gap) + 1)), after=len(gap) - 1)


def _place(xy: np.ndarray) -> tuple[float, float]:
    return float(xy[0]), float(xy[1])


def _dropped(layers: Sequence[Layer], restore: Restore) -> tuple[Layer, ...]:
    """`layers` without those that `restore` undoes altogether, unless a later one builds on them."""
    kept: list[Layer] = []
    for layer in reversed(layers):
        if not (_inside(layer, restore) and not any(_builds_on(later, layer) for later in kept)):
            kept.append(layer)
    return tuple(reversed(kept))


def _inside(layer: Layer, restore: Restore) -> bool:
    first, last = _span(layer)
    return restore.first <= first and last <= restore.last and set(_touched(layer)) <= set(_touched(restore))


def _builds_on(later: Layer, layer: Layer) -> bool:
    """A line through a missing point may lean on any frame, other changes on the frames that they change."""
    shares = not set(_touched(later)).isdisjoint(_touched(layer))
    return shares and (isinstance(later, PointEdit) or _overlap(later, layer))


def _meet(layer: Layer, restore: Restore) -> bool:
    return _overlap(layer, restore) and not set(_touched(layer)).isdisjoint(_touched(restore))


def _overlap(one: Layer, other: Layer) -> bool:
    (first, last), (start, end) = _span(one), _span(other)
    return first <= end and start <= last


def _span(layer: Layer) -> tuple[int, int]:
    if isinstance(layer, PointEdit):
        return max(0, layer.frame - layer.before), layer.frame + layer.after
    return layer.first, layer.last


def _touched(layer: Layer) -> Iterator[tuple[Part, int]]:
    """The points that a layer may change."""
    match layer:
        case PointEdit():
            yield layer.part, layer.point
        case Mirror():
            yield from _all(part for part in POINTS if layer.concerns(part))
        case Restore():
            parts = POINTS if layer.part is None else (layer.part,)
            yield from _all(parts) if layer.point is None else [(layer.part, layer.point)]


def _all(parts: Iterable[Part]) -> Iterator[tuple[Part, int]]:
    return ((part, point) for part in parts for point in range(POINTS[part]))


def _name(part: Part) -> str:
    return part.replace("_", " ")
