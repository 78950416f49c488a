"""Key frames of the drawn face: each function makes new edits from given ones.

length: frames of the clip. A range of frames lies within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from apvgen.edits import Edits, Override
from apvgen.fda import override_at, visible


def set_key(edits: Edits, key: Override) -> Edits:
    """Put a key frame; one that was there is replaced."""
    return _with_face(edits, [*(other for other in edits.face if other.frame != key.frame), key])


def remove_key(edits: Edits, frame: int) -> Edits:
    """Take a key frame away; its neighbours then reach over its place."""
    return replace(edits, face=tuple(key for key in edits.face if key.frame != frame))


def copy_key(edits: Edits, source: int, frame: int) -> Edits:
    """Give `frame` the correction that `source` has, as a key frame."""
    return set_key(edits, replace(override_at(edits.face, source), frame=frame))


def set_over(edits: Edits, value: Override, frames: range, length: int, fade: int = 0) -> Edits:
    """Give all of `frames` the correction `value`, whose own frame does not matter.

    fade: frames on either side over which it grows from, and falls back to, what was there; the clip's ends cut it
    short. Everything further away stays as it is.
    """
    first, last = frames[0], frames[-1]
    before, after = max(0, first - 1 - fade), min(length - 1, last + 1 + fade)
    ends = [frame for frame in (before, after) if not first <= frame <= last]
    kept = [key for key in edits.face if not before <= key.frame <= after]
    held = {frame: replace(value, frame=frame) for frame in (first, last)}
    keys = [*kept, *(override_at(edits.face, frame) for frame in ends), *held.values()]
    shown = visible(edits.face, length)
    shown[first : last + 1] = value.visible
    return _with_face(edits, _showing(keys, shown))


def show_over(edits: Edits, frames: range, shown: bool, length: int) -> Edits:
    """Show or hide the face in `frames`, whatever its place and size."""
    wanted = visible(edits.face, length)
    wanted[frames[0] : frames[-1] + 1] = shown
    return _with_face(edits, _showing(edits.face, wanted))


def _showing(keys: Sequence[Override], shown: np.ndarray) -> list[Override]:
    """`keys` that show the face where `shown`, bool `[length]`, says; each step of it has a key frame."""
    steps = np.flatnonzero(np.diff(shown, prepend=True)).tolist()
    at = sorted({*(key.frame for key in keys), *steps})
    return [replace(override_at(keys, frame), visible=bool(shown[frame])) for frame in at]


def _with_face(edits: Edits, keys: Sequence[Override]) -> Edits:
    """Sorted, and none at all when none does anything."""
    ordered = tuple(sorted(keys, key=lambda key: key.frame))
    idle = all(key == Override(key.frame) for key in ordered)
    return replace(edits, face=() if idle else ordered)
