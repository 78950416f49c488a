"""Anti-aliased drawing: shapes in pixels of the finished picture onto a finer canvas that knows what is figure.

Points are float `[N, 2]`, x right, y down, pixel centres at whole numbers. The canvas has four channels: RGB and
coverage, so that the mask of everything drawn comes with the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from apvgen.types import HW
from train.synthetic.colours import RGB

FINE = 2
"""Canvas pixels a side of each finished pixel, on top of OpenCV's own anti-aliasing."""
_SHIFT = 4
_FAR = 30_000
"""Canvas pixels beyond which a point is pulled in: OpenCV's fixed point overflows."""


class Canvas:
    """uint8 `[H * FINE, W * FINE, 4]`; `offset` is where its corner lies on the whole canvas."""

    def __init__(self, pixels: np.ndarray, offset: tuple[int, int] = (0, 0)) -> None:
        self.pixels = pixels
        self._offset = np.array(offset)

    @classmethod
    def over(cls, background: np.ndarray) -> Canvas:
        """A canvas on a copy of `background` (see `blank`)."""
        return cls(background.copy())

    @classmethod
    def on(cls, picture: np.ndarray) -> Canvas:
        """A finished picture, RGB uint8 `[H, W, 3]`, as background."""
        fine = cv2.resize(picture, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LINEAR)
        return cls(np.dstack([fine, np.zeros(fine.shape[:2], np.uint8)]))

    @classmethod
    def blank(cls, hw: HW, colour: RGB) -> Canvas:
        """One colour that counts as background, for a finished picture of size `hw`."""
        pixels = np.zeros((hw[0] * FINE, hw[1] * FINE, 4), np.uint8)
        pixels[..., :3] = colour
        return cls(pixels)

    def finished(self, hw: HW) -> tuple[np.ndarray, np.ndarray]:
        """RGB uint8 `[H, W, 3]` and the share of each pixel that is figure, uint8 `[H, W]` of 255."""
        small = cv2.resize(self.pixels, hw[::-1], interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(small[..., :3]), np.ascontiguousarray(small[..., 3])

    def fill(self, outline: np.ndarray, colour: RGB) -> None:
        """A polygon."""
        cv2.fillPoly(self.pixels, [self._fixed(outline)], (*colour, 255), cv2.LINE_AA, _SHIFT)

    def line(self, points: np.ndarray, colour: RGB, width: float, closed: bool = False) -> None:
        """A line of `width` pixels with round ends; thinner than a canvas pixel is drawn as one."""
        thick = max(1, round(width * FINE))
        cv2.polylines(self.pixels, [self._fixed(points)], closed, (*colour, 255), thick, cv2.LINE_AA, _SHIFT)

    def disc(self, centre: np.ndarray, radius: float, colour: RGB) -> None:
        """A filled circle."""
        x, y = self._fixed(centre[None])[0].tolist()
        radius = max(1, round(radius * FINE * (1 << _SHIFT)))
        cv2.circle(self.pixels, (x, y), radius, (*colour, 255), cv2.FILLED, cv2.LINE_AA, _SHIFT)

    def tint(self, outline: np.ndarray, colour: RGB, strength: float) -> None:
        """Mix a colour into what is there, inside a polygon; coverage stays."""
        with self.within(outline, strength) as inside:
            inside.pixels[..., :3] = colour

    @contextmanager
    def within(self, outline: np.ndarray, strength: float = 1.0) -> Iterator[Canvas]:
        """A canvas whose drawing shows only inside a polygon, and there by `strength` in [0, 1]."""
        fixed = self._fixed(outline)
        height, width = self.pixels.shape[:2]
        left, top = np.maximum((fixed.min(0) >> _SHIFT) - 1, 0)
        right, bottom = np.minimum((fixed.max(0) >> _SHIFT) + 3, (width, height))
        if left >= right or top >= bottom:
            yield Canvas(np.zeros((1, 1, 4), np.uint8), (-_FAR, -_FAR))
            return
        under = self.pixels[top:bottom, left:right]
        inner = Canvas(under.copy(), self._offset + np.array([left, top]))
        yield inner
        cover = np.zeros(under.shape[:2], np.uint8)
        corner = np.array([left, top]) << _SHIFT
        cv2.fillPoly(cover, [fixed - corner], round(255 * strength), cv2.LINE_AA, _SHIFT)
        share = cv2.merge([cover, cover, cover, cover])
        drawn = cv2.multiply(inner.pixels, share, scale=1 / 255)
        kept = cv2.multiply(under, cv2.bitwise_not(share), scale=1 / 255)
        self.pixels[top:bottom, left:right] = cv2.add(drawn, kept)

    def _fixed(self, points: np.ndarray) -> np.ndarray:
        """Fixed-point canvas coordinates, int32 `[N, 2]`."""
        canvas = (points + 0.5) * FINE - 0.5 - self._offset
        return np.rint(np.clip(canvas, -_FAR, _FAR) * (1 << _SHIFT)).astype(np.int32)
