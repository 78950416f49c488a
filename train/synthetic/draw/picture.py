"""All parts of a figure in their order, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from train.synthetic.canvas import FINE, Canvas
from train.synthetic.draw import hair, head, limbs, mouth, room, torso, worn
from train.synthetic.figure import Figure

_COARSE = 0.015
"""Size of the smallest detail left in a coarse face, in face heights (standard deviation of a blur)."""


def frames(
    figure: Figure, background: np.ndarray, coarse_face: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each frame's picture, RGB uint8 `[H, W, 3]`, and mask, uint8 `[H, W]`, 255 where only the figure is seen.

    background: see `room.room`. coarse_face: blur the face as a far or cheap camera does.
    """
    back, front = hair.behind(figure), (hair.cap(figure), worn.hat(figure))
    for t in range(len(figure)):
        canvas = Canvas.over(background)
        room.shadow(canvas, figure, t)
        back(canvas, t)
        _body(canvas, figure, t)
        for part in (head.ears, worn.earrings, head.skin, worn.beard, head.nose, mouth.lips, head.eyes, head.brows):
            part(canvas, figure, t)
        if coarse_face:
            _blur_face(canvas, figure, t)
        for paint in front:
            paint(canvas, t)
        worn.glasses(canvas, figure, t)
        yield canvas.finished(figure.hw)


def _body(canvas: Canvas, figure: Figure, t: int) -> None:
    hidden = [side for side in (0, 1) if limbs.behind_trunk(figure, t, side)]
    for side in hidden:
        limbs.arm(canvas, figure, t, side)
    torso.seat(canvas, figure, t)
    near = limbs.nearer_leg(figure, t)
    for side in (1 - near, near):
        limbs.leg(canvas, figure, t, side)
    torso.trunk(canvas, figure, t)
    for side in (0, 1):
        if side not in hidden:
            limbs.arm(canvas, figure, t, side)


def _blur_face(canvas: Canvas, figure: Figure, t: int) -> None:
    fine = (figure.mesh[t, :468, :2] + 0.5) * FINE
    low = np.maximum(fine.min(0).astype(int), 0)
    high = fine.max(0).astype(int) + 1
    part = canvas.pixels[low[1] : high[1], low[0] : high[0], :3]
    if part.size:
        part[:] = cv2.GaussianBlur(part, (0, 0), _COARSE * figure.face_height * FINE)
