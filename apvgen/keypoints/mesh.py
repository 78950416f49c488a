"""The triangles of MediaPipe's face mesh."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import combinations

import numpy as np


@cache
def face_triangles() -> np.ndarray:
    """int64 `[852, 3]`: the faces of the 468-point mesh, without those that would close eyes and mouth.

    Every three points that FACEMESH_TESSELATION joins pairwise, except the two triples of edges (beside the
    nostrils) that run around a point inside. Read from mediapipe (mediapipe/python/solutions/face_mesh_connections.py).
    """
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    edges = {frozenset(edge) for edge in FACEMESH_TESSELATION}
    joined: dict[int, set[int]] = {}
    for a, b in edges:
        joined.setdefault(a, set()).add(b)
        joined.setdefault(b, set()).add(a)
    triples = {frozenset((a, b, c)) for a, b in edges for c in joined[a] & joined[b]}
    uses = Counter(edge for triple in triples for edge in _sides(triple))
    faces = sorted(tuple(sorted(triple)) for triple in triples if min(uses[edge] for edge in _sides(triple)) < 3)
    return np.array(faces)


def _sides(triple: frozenset[int]) -> list[frozenset[int]]:
    return [frozenset(pair) for pair in combinations(triple, 2)]
