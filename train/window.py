"""The part of a body clip's picture that is trained on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from apvgen.retarget import fit_window, head_box, person_box
from apvgen.types import HW, Affine, Motion


class Box(NamedTuple):
    """Whole pixels of a picture, in (x, y) order."""

    corner: tuple[int, int]
    size: tuple[int, int]

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns."""
        (x, y), (width, height) = self
        return slice(y, y + height), slice(x, x + width)

    def filling(self, hw: HW) -> Affine:
        """The map, in pixels, that makes this box a picture of size `hw`."""
        scale = np.array(hw[::-1]) / self.size
        return Affine(scale, -scale * self.corner)


def body_window(motion: Motion, hw: HW) -> Box:
    """The largest part of the shape `hw` of a motion's picture, around the person in all frames, in whole pixels."""
    fitted = fit_window(motion.hw, hw, person_box(motion, slice(None)), head_box(motion.face, slice(None)))
    whole = np.array(motion.hw[::-1])
    size = np.minimum((np.array(hw[::-1]) / fitted.a).round().astype(int), whole)
    corner = np.clip((-fitted.b / fitted.a).round().astype(int), 0, whole - size)
    return Box(tuple(corner.tolist()), tuple(size.tolist()))
