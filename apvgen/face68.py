"""Between the face mesh and the 68 points of iBUG, which OpenPose, DWPose and COCO-WholeBody give.

The way to 68 points is a mean of two mesh points each (`layouts.FACE68_FROM_MESH`). The way back fills 72 of the mesh's
points, such that the way to 68 points gives the same again: 62 are a point of iBUG itself; the other 10, at the corners
of the jaw and on the bridge of the nose, are placed on the line through the two points of iBUG beside them. The mesh's
remaining points stay missed: lips, eyes and jaw have no full inverse, and nothing is made up.
"""

from __future__ import annotations

import numpy as np

from apvgen.layouts import FACE68_FROM_MESH, FACE478

_PAIRS = np.array(FACE68_FROM_MESH)

_BETWEEN = {
    132: (3, 4, -0.5), 58: (3, 4, 0.5), 172: (3, 4, 1.5),
    397: (12, 13, -0.5), 288: (12, 13, 0.5), 361: (12, 13, 1.5),
    168: (27, 28, -0.25), 6: (27, 28, 0.25), 197: (27, 28, 0.75), 195: (27, 28, 1.25),
}  # fmt: skip
"""Mesh point -> two points of iBUG and where on the line from the first (0) to the second (1) it is placed."""


def from_mesh(xy: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`[..., 468 or more, 2]`, `[..., 468 or more]` -> `[..., 68, 2]`, `[..., 68]`; a point needs both of its own."""
    return xy[..., _PAIRS, :].mean(-2), score[..., _PAIRS].min(-1)


def to_mesh(xy: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`[T, 68, 2]`, `[T, 68]` -> float32 `[T, 478, 2]`, `[T, 478]`, NaN and 0 where iBUG has no such point.

    A score of 0 marks a missed point, whose place does not matter.
    """
    points, places, scores = FACE478.points, np.where(score[..., None] > 0, xy, np.nan), np.where(score > 0, score, 0)
    mesh, mesh_score = np.full((len(xy), points, 2), np.nan, np.float32), np.zeros((len(xy), points), np.float32)
    same = np.flatnonzero(_PAIRS[:, 0] == _PAIRS[:, 1])
    mesh[:, _PAIRS[same, 0]], mesh_score[:, _PAIRS[same, 0]] = places[:, same], scores[:, same]
    for point, (first, second, share) in _BETWEEN.items():
        mesh[:, point] = (1 - share) * places[:, first] + share * places[:, second]
        nearer = scores[:, [first, second] if share == 0.5 else [first if share < 0.5 else second]].max(1)
        mesh_score[:, point] = np.where((scores[:, [first, second]] > 0).all(1), nearer, 0)
    return mesh, mesh_score
