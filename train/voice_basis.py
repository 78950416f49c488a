"""Which part of the face follows when a lip, the jaw, a lid or a brow moves: smooth weights on the mesh's own graph.

Each field is harmonic: given at its handles, elsewhere the mean of its neighbours, so it lies between its handles'
values and has no seam. The mouth and the eyes are holes of the graph, hence an upper lip does not drag a lower one.
Only the mesh's edges enter, no face's shape, so that the same weights serve every person.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu

from apvgen.audio2face import landmarks as lm

Solver = Callable[[dict[int, float]], np.ndarray]

_JAW = {
    1.0: (152, 148, 377, 176, 400, 171, 396, 175, 199, 200, 18, 208, 428),
    0.97: (149, 378),
    0.85: (150, 379),
    0.68: (136, 365),
    0.45: (172, 397),
    0.22: (58, 288),
    0.08: (132, 361),
    0.0: (93, 323, 234, 454),
}
"""The contour of the lower jaw, from the chin, which follows it fully, to the ears, which do not."""
_CORNER_SHARE = 0.42
"""How far a mouth corner follows the jaw."""
_RING_SHARES = (0.95, 0.8, 0.65)
"""How far each ring of a lip follows its inner edge when the mouth is opened or shut by the lips alone."""


def build_basis() -> dict[str, np.ndarray]:
    """Fields by name, float32 in [0, 1]: `jaw`, `lips` and `brows` `[468, 1]`; `upper_lip` and `lower_lip` `[468, 9]`,
    one a pair of inner-lip points; `upper_lids` and `lower_lids` `[468, 14]`, one a pair of lid points.
    """
    solve = harmonic_solver(mesh_edges())
    still = {int(k): 0.0 for k in (*lm.EYE_CORNERS, lm.NOSE_TIP, lm.NOSE_BASE, 98, 327, 168, *_contour())}
    return {
        "jaw": _stack([solve(still | _jaw_handles())]),
        "lips": _stack([solve(still | _at(lm.LIPS, 1) | {18: 0.75, 164: 0.75, lm.CHIN: 0.0})]),
        "brows": _stack(
            [solve(still | _at(lm.LIPS, 0) | _at(lm.BROWS, 1) | _at(lm.UPPER_LIDS, 0.25) | _at(lm.LOWER_LIDS, 0))]
        ),
        "upper_lip": _lip_fields(solve, still, lm.INNER_UPPER, lm.UPPER_RINGS),
        "lower_lip": _lip_fields(solve, still, lm.INNER_LOWER, lm.LOWER_RINGS),
        "upper_lids": _lid_fields(solve, still, lm.UPPER_LIDS),
        "lower_lids": _lid_fields(solve, still, lm.LOWER_LIDS),
    }


def mesh_edges() -> np.ndarray:
    """int `[E, 2]`: the edges of MediaPipe's face tessellation (Apache-2.0), from the installed package."""
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    return np.array(sorted({tuple(sorted(edge)) for edge in FACEMESH_TESSELATION}))


def harmonic_solver(edges: np.ndarray) -> Solver:
    """A function from handles {point: value} to the harmonic field `[468]` that takes those values."""
    i, j = np.concatenate([edges, edges[:, ::-1]]).T
    adjacency = csr_matrix((np.ones(len(i)), (i, j)), shape=(lm.POINTS, lm.POINTS))
    laplacian = (diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency).tocsr()

    def solve(handles: dict[int, float]) -> np.ndarray:
        fixed = np.array(sorted(handles))
        free = np.setdiff1d(np.arange(lm.POINTS), fixed)
        field = np.zeros(lm.POINTS)
        field[fixed] = [handles[k] for k in fixed.tolist()]
        field[free] = splu(laplacian[free][:, free].tocsc()).solve(-laplacian[free][:, fixed] @ field[fixed])
        return field

    return solve


def _jaw_handles() -> dict[int, float]:
    corners = _at(lm.CORNERS_LEFT, _CORNER_SHARE) | _at(lm.CORNERS_RIGHT, _CORNER_SHARE)
    across = np.abs(np.linspace(-0.8, 0.8, lm.INNER_LOWER.size))
    lower = _along(np.vstack([lm.INNER_LOWER, lm.LOWER_RINGS]), 1 - (1 - _CORNER_SHARE) * across**2)
    upper = _along(np.vstack([lm.INNER_UPPER, lm.UPPER_RINGS]), _CORNER_SHARE * across**4)
    return {k: share for share, points in _JAW.items() for k in points} | corners | upper | lower


def _along(rows: np.ndarray, values: np.ndarray) -> dict[int, float]:
    return {int(k): value for row in rows for k, value in zip(row, values.tolist(), strict=True)}


def _lip_fields(solve: Solver, still: dict[int, float], inner: np.ndarray, rings: np.ndarray) -> np.ndarray:
    other = np.setdiff1d(lm.LIPS, np.concatenate([inner, rings.ravel()]))
    fields = []
    for pair in range(inner.size):
        handles = still | _at(other, 0) | {lm.CHIN: 0.0}
        for row, share in zip((inner, *rings), (1.0, *_RING_SHARES), strict=True):
            handles |= {int(k): share * (n == pair) for n, k in enumerate(row)}
        fields.append(solve(handles))
    return _stack(fields)


def _lid_fields(solve: Solver, still: dict[int, float], lids: np.ndarray) -> np.ndarray:
    others = _at(lm.UPPER_LIDS, 0) | _at(lm.LOWER_LIDS, 0) | _at(lm.BROWS, 0) | _at(lm.LIPS, 0)
    return _stack([solve(still | others | {int(lid): 1.0}) for lid in lids])


def _at(points: np.ndarray, value: float) -> dict[int, float]:
    return dict.fromkeys(points.ravel().tolist(), value)


def _contour() -> tuple[int, ...]:
    return (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 127, 162, 21, 54, 103, 67, 109, 234, 93)


def _stack(fields: list[np.ndarray]) -> np.ndarray:
    return np.stack(fields, axis=1).astype(np.float32)
