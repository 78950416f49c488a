"""A person's corrections of an analysis: what they are and, in `operations`, how one is made from another.

Frames are the output's, from 0. Places are driving-video pixels, so a correction keeps its meaning when the fit to the
reference person or the alignment mode changes. `align` applies them: bridges first, then the key frames of the face,
then the points, in the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from apvgen.edits.points import Layer, Mirror, PointEdit, Restore
from apvgen.errors import InputError
from apvgen.fda import Override
from apvgen.types import NOTHING_UNKNOWN

__all__ = ["Bridge", "Edits", "Layer", "Mirror", "Override", "PointEdit", "Restore"]


@dataclass(frozen=True)
class Bridge:
    """Frames, both ends included, in which a face that was not found is interpolated however long the gap is.

    Has an effect where all of a gap lies within it and a face was found on both sides.
    """

    first: int
    last: int

    __pydantic_config__ = NOTHING_UNKNOWN

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(f"a bridge must run forward from frame 0 or later, not from {self.first} to {self.last}")


@dataclass(frozen=True)
class Edits:
    """Everything that a person corrected in one clip.

    face: key frames of the drawn face, at most one a frame, in any order.
    points: corrections of single points and exchanges of sides; each works on what those before it left.
    bridges: where gaps of the face are interpolated.
    """

    face: tuple[Override, ...] = ()
    points: tuple[Layer, ...] = ()
    bridges: tuple[Bridge, ...] = ()

    __pydantic_config__ = NOTHING_UNKNOWN

    def __post_init__(self) -> None:
        frames = [key.frame for key in self.face]
        twice = {frame for frame in frames if frames.count(frame) > 1} if len(set(frames)) < len(frames) else set()
        if twice:
            raise ValueError(f"a frame has at most one key frame of the face, but frame {min(twice)} has several")

    def check_length(self, frames: int) -> None:
        """Raise InputError when anything lies beyond a clip of that many frames."""
        beyond = max(self._frames(), default=0)
        if beyond >= frames:
            raise InputError(f"Frame {beyond} cannot be edited: the clip has frames 0 to {frames - 1}.")

    def bridged(self, frames: int) -> np.ndarray:
        """bool `[frames]`: where gaps of the face are interpolated however long they are."""
        wanted = np.zeros(frames, bool)
        for bridge in self.bridges:
            wanted[bridge.first : bridge.last + 1] = True
        return wanted

    def _frames(self) -> Iterator[int]:
        yield from (key.frame for key in self.face)
        yield from (layer.frame if isinstance(layer, PointEdit) else layer.last for layer in self.points)
        yield from (bridge.last for bridge in self.bridges)
