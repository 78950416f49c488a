"""The face as a sheet of mesh triangles: where in the reference photo each pixel of a target face comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from apvgen.draft.geometry import fit_affine, fit_similarity, limit_stretch, transform
from apvgen.fda import STABLE_LANDMARKS
from apvgen.types import HW

OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""The mesh's border, in order."""
EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
"""Upper and lower lid of the right and the left eye, both from the same corner."""
INNER_LIPS = (
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
"""Upper and lower lip where they meet, from the right corner to the left."""

COLLAR = 1.4
"""The skin around the mesh is stretched out to a ring this many times as far from the face's centre."""

STIFFNESS = 0.02
STRETCH = (0.5, 2.0)

_SUBPIXEL_BITS = 4

CoordinateMap = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FacePatch:
    """Part of a backward map: for the output pixels in `window`, `inside` says which the face covers, and `source`
    (float32 `[h, w, 2]`) where in the photo they come from."""

    window: tuple[slice, slice]
    inside: np.ndarray
    source: np.ndarray


def mesh_map(reference: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How the head moves, `[2, 3]`, from mesh points `[468, 2]` that jaw, lips and lids do not move."""
    chosen = list(STABLE_LANDMARKS)
    fitted = fit_affine(reference[chosen], target[chosen], STIFFNESS)
    return limit_stretch(fitted, *STRETCH, reference[chosen].mean(0))


class FaceSheet:
    """The reference face, ready to be put onto any target mesh.

    Its vertices are the mesh, a second copy of the lids that belongs to the eyeballs, and a collar of skin around the
    mesh that joins it to the head without a seam.
    """

    def __init__(self, mesh: np.ndarray, triangles: np.ndarray) -> None:
        """mesh: float64 `[468, 2]` reference pixels. triangles: int `[N, 3]` (`keypoints.mesh.face_triangles`)."""
        self.mesh = mesh
        lids = [k for eye in EYES for lid in eye for k in lid]
        eyeballs, first = [], len(mesh)
        for upper, lower in EYES:
            numbers = first + np.arange(len(upper) + len(lower))
            eyeballs.append(_strip(numbers[: len(upper)], numbers[len(upper) :]))
            first += len(numbers)
        ring = first + np.arange(len(OVAL) + 1) % len(OVAL)
        collar = _strip(np.array([*OVAL, OVAL[0]]), ring)
        mouth = _strip(*np.array(INNER_LIPS))
        self._lids = np.array(lids)
        self._triangles = np.concatenate([collar, triangles, *eyeballs, mouth])

    def patch(self, target: np.ndarray, head: np.ndarray, around: CoordinateMap, hw: HW) -> FacePatch | None:
        """Where the face's pixels come from; None when it lies outside the picture.

        target: mesh `[468, 2]` in output pixels. head: map of the head, reference -> output. around: output -> photo
        map of what surrounds the face.
        """
        centre = transform(head, self.mesh[list(OVAL)]).mean(0)
        ring = centre + COLLAR * (transform(head, self.mesh[list(OVAL)]) - centre)
        placed = np.concatenate([target, target[self._lids], ring])
        source = np.concatenate([self.mesh, self._eyeballs(target), around(ring)])
        return rasterise(placed, source, self._triangles, hw)

    def _eyeballs(self, target: np.ndarray) -> np.ndarray:
        """Photo pixels of the eyeball under each lid point: eyeballs stay while lids close over them, and stretch
        where a lid opens wider than in the photo."""
        points = []
        for upper, lower in EYES:
            corners = [upper[0], upper[-1]]
            back = fit_similarity(target[corners], self.mesh[corners])
            middle = (self.mesh[list(upper)] + self.mesh[list(lower)]) / 2
            for lid in (upper, lower):
                wanted, own = transform(back, target[list(lid)]) - middle, self.mesh[list(lid)] - middle
                reach = np.linalg.norm(own, axis=1) / np.maximum(np.linalg.norm(wanted, axis=1), 1e-6)
                points.append(middle + wanted * np.minimum(reach, 1)[:, None])
        return np.concatenate(points)


def rasterise(placed: np.ndarray, source: np.ndarray, triangles: np.ndarray, hw: HW) -> FacePatch | None:
    """Piecewise affine backward map of a triangle mesh; triangles that turn their back are left out.

    placed, source: `[V, 2]` output and photo pixels of the vertices. triangles: `[N, 3]`, later ones on top.
    """
    low = np.maximum(np.floor(placed.min(0)).astype(int), 0)
    high = np.minimum(np.ceil(placed.max(0)).astype(int) + 1, hw[::-1])
    if (low >= high).any():
        return None
    at, back = placed[triangles] - low, source[triangles]
    edges, back_edges = at[:, 1:] - at[:, :1], back[:, 1:] - back[:, :1]
    area, back_area = np.linalg.det(edges), np.linalg.det(back_edges)
    drawn = (area * back_area > 0) & (abs(area) > 1e-3)
    linear = np.linalg.solve(edges[drawn], back_edges[drawn])
    shift = back[drawn, 0] - np.einsum("ni,nij->nj", at[drawn, 0], linear)
    owner = np.full((high - low)[::-1], -1, np.int32)
    outlines = np.rint(at[drawn] * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    for number, outline in enumerate(outlines):
        cv2.fillConvexPoly(owner, outline, number, shift=_SUBPIXEL_BITS)
    return FacePatch(np.s_[low[1] : high[1], low[0] : high[0]], owner >= 0, _gather(owner, linear, shift))


def _gather(owner: np.ndarray, linear: np.ndarray, shift: np.ndarray) -> np.ndarray:
    source = np.zeros((*owner.shape, 2), np.float32)
    y, x = np.nonzero(owner >= 0)
    chosen = owner[y, x]
    linear, shift = linear.astype(np.float32)[chosen], shift.astype(np.float32)[chosen]
    source[y, x] = x[:, None] * linear[:, 0] + y[:, None] * linear[:, 1] + shift
    return source


def _strip(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Triangles `[2 (n - 1), 3]` between two rows of n vertices."""
    a, b, c, d = first[:-1], first[1:], second[:-1], second[1:]
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
