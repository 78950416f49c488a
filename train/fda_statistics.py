"""How large faces are, and where, in the body videos: the distribution that FDA maps of face clips are drawn from.

A map (a, b), in coordinates normalised to the frame, puts the picture of a face clip into a body's frame (Eq. 2-7). The
paper's averages come from TikTok; `measure` finds those of other body videos, and `python -m train.fda_statistics`
writes them beside the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apvgen import fda
from apvgen.errors import InputError
from apvgen.types import Affine

FILE = "fda.json"

_LEAST_SIZE = 0.02
"""Of the frame: a face clip would be a few pixels wide; the faces were missed or are too small to learn from."""


@dataclass(frozen=True)
class FdaDistribution:
    """Where the maps of face clips lie; the defaults are the paper's.

    a_x, a_y: mean width and height of the scaled face picture, of the frame's. b_y: mean distance of its upper edge
    from the frame's. delta_*: half widths of the uniform distributions around them. b_x is uniform over all places
    inside the frame. Raises InputError for values with which a picture could lie outside the frame.
    """

    a_x: float = fda.MEAN_A[0]
    a_y: float = fda.MEAN_A[1]
    b_y: float = fda.MEAN_B_Y
    delta_x: float = fda.DELTA
    delta_y: float = fda.DELTA
    delta_b: float = fda.DELTA

    def __post_init__(self) -> None:
        least = min(self.a_x - self.delta_x, self.a_y - self.delta_y)
        top, bottom = self.b_y - self.delta_b, self.a_y + self.delta_y + self.b_y + self.delta_b
        if not (least > 0 and self.a_x + self.delta_x <= 1 and top >= 0 and bottom <= 1):
            raise InputError(
                f"With {self} a face could lie outside the frame; measure it again, or correct the numbers."
            )

    def sample(self, rng: np.random.Generator) -> Affine:
        """The map of one clip (Eq. 2-5)."""
        deltas = (self.delta_x, self.delta_y, self.delta_b)
        return fda.sample(rng, (self.a_x, self.a_y), self.b_y, deltas)


PAPER = FdaDistribution()
