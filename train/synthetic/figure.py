"""A person in a picture: skeleton and face put before a camera, in pixels, and the keypoints that this makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.types import HW, Layout, Motion, Track
from train.synthetic.face import Expression, Face, face_of
from train.synthetic.moves import Moves
from train.synthetic.people import Person
from train.synthetic.skeleton import Skeleton, pose

RIGHT, LEFT = 0, 1


@dataclass(frozen=True)
class Camera:
    """Orthographic. scale: pixels of somebody's stature; floor: pixel `(x, y)` of the floor between the feet."""

    scale: float
    floor: tuple[float, float]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Shares of stature -> pixels, with depth in pixels: `[..., 3]`."""
        return points * self.scale + [*self.floor, 0]


@dataclass(frozen=True)
class Figure:
    """Everything that drawing one person needs, in pixels: float64 `[T, ...]`, see `Skeleton` for the joints.

    mesh: `[T, 478, 3]`; face_height: pixels; stature: pixels.
    """

    person: Person
    hw: HW
    fps: Fraction
    stature: float
    skeleton: Skeleton
    face: Face
    mesh: np.ndarray
    ears: np.ndarray

    def __len__(self) -> int:
        return len(self.mesh)

    @property
    def face_height(self) -> float:
        return self.person.build.face * self.stature

    def on_head(self, points: np.ndarray) -> np.ndarray:
        """Pixels `[T, N, 3]` of points `[N, 3]` or `[T, N, 3]` of the upright head (see `Face`)."""
        return place_on_head(points, self.skeleton, self.face_height)

    def still(self, t: int, scale: float, corner: tuple[int, int], hw: HW) -> Figure:
        """Frame t in a picture of size `hw` into which this one is put: scaled, its corner at pixel `(x, y)`."""

        def put(points: np.ndarray) -> np.ndarray:
            return (points[t : t + 1] + 0.5) * scale + [corner[0] - 0.5, corner[1] - 0.5, 0]

        skeleton = {name: v[t : t + 1] if name.endswith("_turn") else put(v) for name, v in vars(self.skeleton).items()}
        face = replace(self.face, mesh=self.face.mesh[t : t + 1])
        return replace(
            self,
            hw=hw,
            stature=self.stature * scale,
            skeleton=Skeleton(**skeleton),
            face=face,
            mesh=put(self.mesh),
            ears=put(self.ears),
        )

    def motion(self) -> Motion:
        """The keypoints, exact; those outside the picture count as missed."""
        s = self.skeleton
        body = np.empty((len(self), 18, 2))
        body[:, 1] = s.neck[..., :2]
        for side, first in ((RIGHT, 2), (LEFT, 5)):
            for k, joints in enumerate((s.shoulders, s.elbows, s.wrists)):
                body[:, first + k] = joints[:, side, :2]
        for side, first in ((RIGHT, 8), (LEFT, 11)):
            for k, joints in enumerate((s.hips, s.knees, s.ankles)):
                body[:, first + k] = joints[:, side, :2]
        body[:, 0], body[:, 14:16] = self.mesh[:, 1, :2], self.mesh[:, [468, 473], :2]
        body[:, 16:] = self.ears[..., :2]
        hands = s.hands[:, [LEFT, RIGHT], :, :2]
        return Motion(
            self._track(BODY18, body),
            self._track(HANDS, hands),
            self._track(FACE478, self.mesh[..., :2], self.mesh[..., 2]),
        )

    def _track(self, layout: Layout, xy: np.ndarray, depth: np.ndarray | None = None) -> Track:
        inside = ((xy >= -0.5) & (xy < np.array(self.hw[::-1]) - 0.5)).all(-1)
        xy = np.where(inside[..., None], xy, np.nan).astype(np.float32)
        depth = None if depth is None else np.where(inside, depth, np.nan).astype(np.float32)
        return Track(layout, xy, inside.astype(np.float32), self.hw, self.fps, depth)


def place_on_head(points: np.ndarray, skeleton: Skeleton, face_height: float) -> np.ndarray:
    """See `Figure.on_head`."""
    turned = np.einsum("tij,nj->tni" if points.ndim == 2 else "tij,tnj->tni", skeleton.head_turn, points)
    return skeleton.skull[:, None] + face_height * turned


def figure(person: Person, moves: Moves, shown: Expression, camera: Camera, hw: HW, fps: Fraction) -> Figure:
    """`person` making `moves` with an expression, as `camera` sees it; moves and expression of one length."""
    skeleton = _seen(pose(person.build, moves), camera)
    face = face_of(person.face, shown)
    height = person.build.face * camera.scale
    mesh = place_on_head(face.mesh, skeleton, height)
    ears = place_on_head(face.ears, skeleton, height)
    return Figure(person, hw, fps, camera.scale, skeleton, face, mesh, ears)


def _seen(skeleton: Skeleton, camera: Camera) -> Skeleton:
    return Skeleton(
        **{name: value if name.endswith("_turn") else camera(value) for name, value in vars(skeleton).items()}
    )
