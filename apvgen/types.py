"""The data contract: what the parts of a frame's path hand to each other.

Conventions, stated once:

- Frames outside a model: RGB uint8 `[T, H, W, 3]`.
- Sizes are `hw = (height, width)` in pixels.
- Points are float32 pixels, x right, y down, of a picture whose `hw` travels with them.
- A track has as many frames as its clip. A missed point has score 0 and xy NaN, never a stale or default value.
- Time is rational: `fps` is a `Fraction`.
- Every type checks itself when built and names the shape it expected.
- Arrays inside these types are shared, not copied: treat them as read-only, and build a new object to change one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

HW = tuple[int, int]

FRAMES_AT_ONCE = 512
"""Frames of a long track that are computed on together, so that temporary arrays stay small."""


NOTHING_UNKNOWN = {"extra": "forbid"}
"""`__pydantic_config__` of types that people write as JSON: a misspelt field is refused, not ignored."""


def _check_shape(name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape [{wanted}], not {list(array.shape)}")


def _check_dtype(name: str, array: np.ndarray, dtype: type) -> None:
    if array.dtype != dtype:
        raise ValueError(f"{name} must be {np.dtype(dtype)}, not {array.dtype}")


@dataclass(frozen=True)
class Layout:
    """The meaning of a group of points: how many there are and how they are joined.

    `shape` is the point axis of one person in one frame: `(18,)` for a body, `(2, 21)` for two hands.
    `limbs` are pairs of indices into the last point axis; tables of them live in `layouts.py`.
    """

    name: str
    shape: tuple[int, ...]
    limbs: tuple[tuple[int, int], ...] = ()

    @property
    def points(self) -> int:
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Track:
    """One group of points over time.

    xy: float32 `[T, *layout.shape, 2]`, pixels of a picture of size `hw`; NaN where missed.
    score: float32 `[T, *layout.shape]`, 0 where missed, else in (0, 1] (some backends give more than 1).
    depth: float32 `[T, *layout.shape]` or None, in the unit of x, smaller is nearer to the camera.
    """

    layout: Layout
    xy: np.ndarray
    score: np.ndarray
    hw: HW
    fps: Fraction
    depth: np.ndarray | None = None

    def __post_init__(self) -> None:
        points = self.layout.shape
        _check_shape(f"{self.layout.name} xy", self.xy, (None, *points, 2))
        _check_shape(f"{self.layout.name} score", self.score, (len(self.xy), *points))
        _check_dtype(f"{self.layout.name} xy", self.xy, np.float32)
        _check_dtype(f"{self.layout.name} score", self.score, np.float32)
        if self.depth is not None:
            _check_shape(f"{self.layout.name} depth", self.depth, (len(self.xy), *points))

    def __len__(self) -> int:
        return len(self.xy)

    @property
    def seen(self) -> np.ndarray:
        """bool `[T, *layout.shape]`: points with a score and a finite place."""
        return (self.score > 0) & np.isfinite(self.xy).all(-1)

    @property
    def frames_seen(self) -> np.ndarray:
        """bool `[T]`: frames in which any point is seen."""
        return self.seen.reshape(len(self), -1).any(-1)

    def take(self, indices: np.ndarray | slice) -> Track:
        """The frames at `indices`, in that order; an index may repeat."""
        depth = None if self.depth is None else self.depth[indices]
        return replace(self, xy=self.xy[indices], score=self.score[indices], depth=depth)

    @classmethod
    def empty(cls, layout: Layout, frames: int, hw: HW, fps: Fraction) -> Track:
        """A track in which nothing was detected."""
        return cls(
            layout,
            np.full((frames, *layout.shape, 2), np.nan, np.float32),
            np.zeros((frames, *layout.shape), np.float32),
            hw,
            fps,
        )


@dataclass(frozen=True)
class Motion:
    """One person over time: body, both hands (left of the person first) and face, in the same picture."""

    body: Track
    hands: Track
    face: Track

    def __post_init__(self) -> None:
        parts = {"body": self.body, "hands": self.hands, "face": self.face}
        for name, part in parts.items():
            if (len(part), part.hw, part.fps) != (len(self.body), self.body.hw, self.body.fps):
                raise ValueError(
                    f"{name} has {len(part)} frames of {part.hw} at {part.fps} fps, "
                    f"the body {len(self.body)} of {self.body.hw} at {self.body.fps}"
                )

    def __len__(self) -> int:
        return len(self.body)

    @property
    def hw(self) -> HW:
        return self.body.hw

    @property
    def fps(self) -> Fraction:
        return self.body.fps

    def take(self, indices: np.ndarray | slice) -> Motion:
        """The frames at `indices`, in that order; an index may repeat."""
        return Motion(self.body.take(indices), self.hands.take(indices), self.face.take(indices))


@dataclass(frozen=True)
class Affine:
    """The axis-aligned map `x' = a_x x + b_x, y' = a_y y + b_y` (Eq. 2-7, 11-18).

    a, b: float64 `[2]` for one map, or `[T, 2]` for one map a frame, in (x, y) order.
    NaN in a frame's map means that the frame has none.
    """

    a: np.ndarray
    b: np.ndarray

    def __post_init__(self) -> None:
        if self.a.shape != self.b.shape or self.a.shape[-1:] != (2,) or self.a.ndim > 2:
            raise ValueError(f"a and b must both be [2] or [T, 2], not {self.a.shape} and {self.b.shape}")

    @classmethod
    def identity(cls) -> Affine:
        return cls(np.ones(2), np.zeros(2))

    def apply(self, xy: np.ndarray) -> np.ndarray:
        """Map `[..., 2]` points; a per-frame map wants `[T, ..., 2]`. Computes in float64, keeps the dtype of `xy`."""
        if self.a.ndim == 2:
            _check_shape("points of a per-frame map", xy, (len(self.a), *([None] * (xy.ndim - 2)), 2))
        if xy.ndim < 3:
            return (self.a * xy + self.b).astype(xy.dtype)
        per_frame = (-1, *([1] * (xy.ndim - 2)), 2)
        mapped = np.empty_like(xy)
        for start in range(0, len(xy), FRAMES_AT_ONCE):
            part = slice(start, start + FRAMES_AT_ONCE)
            a, b = (self.a[part], self.b[part]) if self.a.ndim == 2 else (self.a, self.b)
            mapped[part] = a.reshape(per_frame) * xy[part] + b.reshape(per_frame)
        return mapped

    def then(self, after: Affine) -> Affine:
        """The map that applies this one first and `after` second."""
        return Affine(after.a * self.a, after.a * self.b + after.b)

    def inverse(self) -> Affine:
        return Affine(1 / self.a, -self.b / self.a)


@dataclass(frozen=True)
class Clip:
    """Frames in memory: RGB uint8 `[T, H, W, 3]`."""

    frames: np.ndarray
    fps: Fraction

    def __post_init__(self) -> None:
        _check_shape("frames", self.frames, (None, None, None, 3))
        _check_dtype("frames", self.frames, np.uint8)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def hw(self) -> HW:
        return self.frames.shape[1:3]


@dataclass(frozen=True)
class Audio:
    """Sound: float32 `[C, N]` in [-1, 1] at `rate` samples a second."""

    samples: np.ndarray
    rate: int

    def __post_init__(self) -> None:
        _check_shape("samples", self.samples, (None, None))
        _check_dtype("samples", self.samples, np.float32)

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return Fraction(self.samples.shape[1], self.rate)

    @property
    def mono(self) -> np.ndarray:
        """float32 `[N]`: the mean of the channels."""
        return self.samples.mean(0)


@dataclass(frozen=True)
class Reference:
    """The person to animate: picture and pose, in the same pixels.

    image: RGB uint8 `[H, W, 3]`.
    motion: a `Motion` of one frame, whose `hw` is the picture's.
    mask: float32 `[H, W]` in [0, 1], 1 on the person, or None when not computed.
    """

    image: np.ndarray
    motion: Motion
    mask: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_shape("reference image", self.image, (*self.motion.hw, 3))
        _check_dtype("reference image", self.image, np.uint8)
        if len(self.motion) != 1:
            raise ValueError(f"a reference has one frame, not {len(self.motion)}")
        if self.mask is not None:
            _check_shape("person mask", self.mask, self.motion.hw)

    @property
    def hw(self) -> HW:
        return self.motion.hw


@dataclass(frozen=True)
class VoiceFace:
    """A talking face made from a voice, without head motion of its own unless `rotation` says so.

    vertices: float32 `[T, 468, 3]`, the reference person's face mesh seen from the front; x right, y down,
        z away from the camera, in any one unit, origin anywhere.
    rotation: float32 `[T, 3, 3]` head rotation proposed by the voice model (identity where it has none), applied
        to column vectors in the same axes.
    opening: float32 `[T]`, distance between the inner lips divided by the face height, for plots and checks.
    """

    vertices: np.ndarray
    rotation: np.ndarray
    opening: np.ndarray
    fps: Fraction

    def __post_init__(self) -> None:
        _check_shape("voice face vertices", self.vertices, (None, 468, 3))
        _check_shape("voice face rotation", self.rotation, (len(self.vertices), 3, 3))
        _check_shape("voice face opening", self.opening, (len(self.vertices),))

    def __len__(self) -> int:
        return len(self.vertices)
