"""The face as a sheet of mesh triangles: where in the reference photo each pixel of a target face comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from apvgen.draft.geometry import fit_affine, fit_similarity, invert, limit_stretch, transform
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
OPENINGS = (*EYES, INNER_LIPS)

COLLAR = 1.4
"""The skin around the mesh is stretched out to a ring this many times as far from the face's centre."""

STIFFNESS = 0.02
STRETCH = (0.5, 2.0)

_SUBPIXEL_BITS = 4
_OVERHANG = 0.3
"""How far beyond a triangle its map is trusted, in shares of its edges."""

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

    Its vertices are the mesh, a second copy of lids and inner lips that belongs to what lies behind them, and a collar
    of skin around the mesh that joins it to the head without a seam.
    """

    def __init__(self, mesh: np.ndarray, triangles: np.ndarray) -> None:
        """mesh: float64 `[468, 2]` reference pixels. triangles: int `[N, 3]` (`keypoints.mesh.face_triangles`)."""
        self.mesh = mesh
        self._rims = np.array([k for opening in OPENINGS for rim in opening for k in rim])
        inner, first = [], len(mesh)
        for upper, lower in OPENINGS:
            inner.append(_strip(first + np.arange(len(upper)), first + len(upper) + np.arange(len(lower))))
            first += len(upper) + len(lower)
        ring = first + np.arange(len(OVAL) + 1) % len(OVAL)
        collar = _strip(np.array([*OVAL, OVAL[0]]), ring)
        # Lids and lips last: they lie in front of eyeballs and mouth.
        layers = collar, np.concatenate(inner), triangles
        self._triangles = np.concatenate(layers)
        self._layer = np.repeat(np.arange(len(layers)), [len(layer) for layer in layers])

    def patch(self, target: np.ndarray, head: np.ndarray, around: CoordinateMap, hw: HW) -> FacePatch | None:
        """Where the face's pixels come from; None when it lies outside the picture.

        target: mesh `[468, 2]` in output pixels. head: map of the head, reference -> output. around: output -> photo
        map of what surrounds the face.
        """
        oval = transform(head, self.mesh[list(OVAL)])
        ring = oval.mean(0) + COLLAR * (oval - oval.mean(0))
        placed = np.concatenate([target, target[self._rims], ring])
        source = np.concatenate([self.mesh, self._behind_rims(target, head), around(ring)])
        return rasterise(placed, source, self._triangles, self._layer, hw)

    def _behind_rims(self, target: np.ndarray, head: np.ndarray) -> np.ndarray:
        """Photo pixels of what lies behind each lid and inner lip: eyeballs and teeth stay in place while lids and
        lips close over them, and are stretched where these open wider than in the photo."""
        points = []
        for upper, lower in OPENINGS:
            corners = [upper[0], upper[-1]]
            is_mouth = upper in INNER_LIPS
            back = invert(head) if is_mouth else fit_similarity(target[corners], self.mesh[corners])
            middle = (self.mesh[list(upper)] + self.mesh[list(lower)]) / 2
            for rim in (upper, lower):
                wanted, own = transform(back, target[list(rim)]) - middle, self.mesh[list(rim)] - middle
                reach = np.linalg.norm(own, axis=1) / np.maximum(np.linalg.norm(wanted, axis=1), 1e-6)
                points.append(middle + wanted * np.minimum(reach, 1)[:, None])
        return np.concatenate(points)


def rasterise(
    placed: np.ndarray, source: np.ndarray, triangles: np.ndarray, layer: np.ndarray, hw: HW
) -> FacePatch | None:
    """Piecewise affine backward map of a triangle mesh; triangles that turn their back lie under all others.

    placed, source: `[V, 2]` output and photo pixels of the vertices. triangles: `[N, 3]`; layer: `[N]`, higher ones
    lie on top.
    """
    low = np.maximum(np.floor(placed.min(0)).astype(int), 0)
    high = np.minimum(np.ceil(placed.max(0)).astype(int) + 1, hw[::-1])
    if (low >= high).any():
        return None
    area, source_area = (_signed_areas(points[triangles]) for points in (placed, source))
    drawn = np.flatnonzero(abs(area) > 1e-3)
    layer = np.where(area * source_area > 0, layer, -1)
    # A drawn outline is a pixel wide. Large triangles may cover that much of small ones, whose maps go wild outside.
    triangles = triangles[drawn[np.lexsort((abs(area[drawn]), layer[drawn]))]]
    at, back = placed[triangles] - low, source[triangles]
    owner = np.full((high - low)[::-1], -1, np.int16)
    for number, outline in enumerate(np.rint(at * (1 << _SUBPIXEL_BITS)).astype(np.int32)):
        cv2.fillConvexPoly(owner, outline, number, shift=_SUBPIXEL_BITS)
    owner = np.where(owner < 0, cv2.morphologyEx(owner, cv2.MORPH_CLOSE, np.ones((3, 3))), owner)
    return FacePatch(np.s_[low[1] : high[1], low[0] : high[0]], owner >= 0, _mapped(owner, at, back))


def _signed_areas(corners: np.ndarray) -> np.ndarray:
    """Twice the area of triangles `[N, 3, 2]`, negative where they turn the other way."""
    return np.linalg.det(corners[:, 1:] - corners[:, :1])


def _mapped(owner: np.ndarray, at: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Photo pixels `[h, w, 2]` of the pixels that triangles `at` `[N, 3, 2]` own, whose photo corners are `back`."""
    y, x = np.nonzero(owner >= 0)
    chosen = owner[y, x]
    inverse, corner = np.linalg.inv(at[:, 1:] - at[:, :1]).astype(np.float32), at[:, 0].astype(np.float32)
    offset = np.stack([x, y], -1).astype(np.float32) - corner[chosen]
    shares = np.einsum("ni,nij->nj", offset, inverse[chosen]).clip(-_OVERHANG, 1 + _OVERHANG)
    edges, origin = (back[:, 1:] - back[:, :1]).astype(np.float32), back[:, 0].astype(np.float32)
    source = np.zeros((*owner.shape, 2), np.float32)
    source[y, x] = origin[chosen] + np.einsum("ni,nij->nj", shares, edges[chosen])
    return source


def _strip(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Triangles `[2 (n - 1), 3]` between two rows of n vertices."""
    a, b, c, d = first[:-1], first[1:], second[:-1], second[1:]
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
