"""The best surround that any painter could give a close-up: the same person, seen whole in the same room."""

from __future__ import annotations

import cv2
import numpy as np

from train.outpaint import extend
from train.synthetic.canvas import Canvas
from train.synthetic.draw import picture
from train.synthetic.shots import Shot


class TrueSurround:
    """A painter (`train.outpaint.Painter`) who knows what is around frame 0 of a shot; the room goes on softly."""

    name = "truth"

    def __init__(self, shot: Shot) -> None:
        self._shot = shot

    def __call__(self, canvas: np.ndarray, unknown: np.ndarray, seed: int) -> np.ndarray:  # noqa: ARG002
        """See `Painter`; `canvas` holds frame 0 where it is not unknown."""
        rows, columns = np.flatnonzero(~unknown.all(1)), np.flatnonzero(~unknown.all(0))
        left, top = int(columns[0]), int(rows[0])
        margins = left, top, canvas.shape[1] - left - len(columns), canvas.shape[0] - top - len(rows)
        empty = self._shot.background[..., :3]
        room = extend(cv2.resize(empty, (len(columns), len(rows)), interpolation=cv2.INTER_AREA), margins)
        scale = len(columns) / self._shot.figure.hw[1]
        whole = self._shot.figure.still(0, scale, (left, top), canvas.shape[:2])
        return next(picture.frames(whole, Canvas.on(room).pixels))[0]
