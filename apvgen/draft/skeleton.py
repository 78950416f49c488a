"""Where every joint of the target pose is, also those that were missed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from apvgen.draft.geometry import IDENTITY, about, fit_affine, fit_similarity, limit_stretch, transform
from apvgen.types import Track

NOSE, NECK = 0, 1
TRUNK = (2, 5, 8, 11)
"""Shoulders and hips."""
HEAD = (0, 14, 15, 16, 17)
"""Nose, eyes, ears."""
CHAINS = ((2, 3, 4), (5, 6, 7), (8, 9, 10), (11, 12, 13))
"""Right arm, left arm, right leg, left leg, each from the trunk outwards (OpenPose-18)."""

HAND_GAP = 5
"""Frames without a hand that are bridged; in longer gaps the hand follows its forearm."""

TRUNK_STIFFNESS = 0.05
"""A trunk may grow wider and not taller; two shoulders alone turn and scale it."""

STRETCH = (0.4, 2.5)
"""Bounds on how far a part is squeezed or stretched: a shoulder line seen from the side must not flatten the trunk."""


def points_at(track: Track, t: int, least_score: float = 0.0) -> np.ndarray:
    """The points of frame `t`, float64 `[*layout.shape, 2]`, NaN where missed or of less than `least_score`."""
    frame = track.take(slice(t, t + 1))
    known = frame.seen[0] & (frame.score[0] >= least_score)
    return np.where(known[..., None], frame.xy[0], np.nan).astype(float)


def body_at(track: Track, t: int) -> np.ndarray:
    """The joints of frame `t`, `[18, 2]`. Missed ones are interpolated between the nearest frames that show them, as
    offsets from the joint before them where a limb has one; NaN when no frame shows them."""
    body = points_at(track, t)
    parent = {child: joint for chain in CHAINS for joint, child in pairwise(chain)}
    for joint in sorted(np.flatnonzero(np.isnan(body[:, 0])), key=lambda k: k in parent):
        seen, xy = track.seen[:, joint], track.xy[:, joint]
        base = np.zeros(2)
        if joint in parent:
            seen, xy, base = seen & track.seen[:, parent[joint]], xy - track.xy[:, parent[joint]], body[parent[joint]]
        body[joint] = base + interpolated(xy, np.flatnonzero(seen), t)
    return body


def hands_at(track: Track, t: int) -> np.ndarray:
    """The hand points of frame `t`, `[2, 21, 2]`; a hand missed for at most HAND_GAP frames is interpolated."""
    hands, first = points_at(track, t), max(t - HAND_GAP, 0)
    near = track.take(slice(first, t + HAND_GAP + 1))
    for side in range(2):
        seen = np.flatnonzero(near.seen[:, side].all(-1))
        before, after = seen[seen < t - first], seen[seen > t - first]
        if np.isnan(hands[side]).all() and len(before) and len(after) and after[0] - before[-1] - 1 <= HAND_GAP:
            hands[side] = interpolated(near.xy[:, side], np.array([before[-1], after[0]]), t - first)
    return hands


def interpolated(values: np.ndarray, known: np.ndarray, t: int) -> np.ndarray:
    """`values` `[T, ...]` at frame `t`: linear between the frames `known`, held before and after them; NaN without."""
    if not len(known):
        return np.full(values.shape[1:], np.nan)
    after = min(int(np.searchsorted(known, t)), len(known) - 1)
    first, last = known[max(after - 1, 0)], known[after]
    share = np.clip((t - first) / max(last - first, 1), 0, 1)
    return values[first] + share * (values[last].astype(float) - values[first])


def trunk_map(reference: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How the trunk moves from the reference body `[18, 2]` to the target body, as a `[2, 3]` map.

    With one shared point of the trunk it only shifts; with none it follows neck or head, and else stays.
    """
    joints = shared(reference, target, TRUNK)
    if len(joints) >= 2:
        fitted = fit_affine(reference[joints], target[joints], TRUNK_STIFFNESS)
        return limit_stretch(fitted, *STRETCH, reference[joints].mean(0))
    for group in (TRUNK, (NECK,), HEAD):
        joints = shared(reference, target, group)
        if len(joints):
            return about(np.eye(2), reference[joints].mean(0), target[joints].mean(0))
    return IDENTITY


def head_map(reference: np.ndarray, target: np.ndarray, trunk: np.ndarray) -> np.ndarray:
    """How the head moves when no face mesh says so: by nose, eyes and ears, or else with the trunk."""
    joints = shared(reference, target, HEAD)
    if len(joints) < 2:
        return trunk
    fitted = fit_similarity(reference[joints], target[joints])
    return limit_stretch(fitted, *STRETCH, reference[joints].mean(0))


def complete(reference: np.ndarray, target: np.ndarray, trunk: np.ndarray) -> np.ndarray:
    """Target joints `[18, 2]` with the missed ones put where the reference body's proportions say.

    A missed root moves with the trunk, a missed joint keeps its angle to the bone before it. Joints that the
    reference misses too stay NaN.
    """
    joints = np.where(np.isfinite(target), target, transform(trunk, reference))
    for root, middle, end in CHAINS:
        if np.isnan(target[middle, 0]):
            joints[middle] = joints[root] + trunk[:, :2] @ (reference[middle] - reference[root])
        if np.isnan(target[end, 0]):
            upper = np.array([reference[root], reference[middle]]), np.array([joints[root], joints[middle]])
            known = np.isfinite(upper).all()
            turn = fit_similarity(*upper)[:, :2] if known else trunk[:, :2]
            joints[end] = joints[middle] + turn @ (reference[end] - reference[middle])
    return joints


def shared(reference: np.ndarray, target: np.ndarray, joints: tuple[int, ...]) -> list[int]:
    """Those of `joints` that both bodies have."""
    return [k for k in joints if np.isfinite(reference[k]).all() and np.isfinite(target[k]).all()]


def with_wrists(body: np.ndarray, hands: np.ndarray) -> np.ndarray:
    """The body `[18, 2]` with its wrists where those hands `[2, 21, 2]` (left first) begin that were found."""
    joined = body.copy()
    for wrist, hand in zip((7, 4), hands, strict=True):
        if np.isfinite(hand[0]).all():
            joined[wrist] = hand[0]
    return joined
