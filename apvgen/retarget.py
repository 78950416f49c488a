"""Fit the driving body onto the reference person, and pictures and poses into the output size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from apvgen.errors import NoPersonError
from apvgen.types import HW, Affine, Motion, Track

FIT_JOINTS = (0, 1, 2, 5, 8, 11, 14, 15, 16, 17)
"""Nose, neck, shoulders, hips, eyes, ears (dvlab-research/ControlNeXt, ControlNeXt-SVD-v2/dwpose/preprocess.py)."""

SEEN_SCORE = 0.3
"""A joint counts as visible above this score (same file)."""


HAIR = np.array([0.3, 0.7])
"""What hair adds to a face mesh's box at either side and above, in widths and heights of it."""


def fit_body(driving: Track, reference: Track) -> Affine:
    """The map from driving pixels to reference pixels: one scale, as in ControlNeXt-SVD-v2 and MimicMotion.

    Least-squares line from driving y to reference y over the joints that the reference shows, all frames together;
    the same scale for x, whose shift is the mean of what is left. driving: `[T, 18]`; reference: `[1, 18]`.
    Raises NoPersonError when fewer than two joints are shared or no upright fit exists.
    """
    joints = [k for k in FIT_JOINTS if reference.score[0, k] > SEEN_SCORE and reference.seen[0, k]]
    source = driving.xy[:, joints].astype(float)
    target = np.broadcast_to(reference.xy[0, joints], source.shape)
    shared = driving.seen[:, joints]
    x, y = source[shared].T
    target_x, target_y = target[shared].T
    spread = ((y - y.mean()) ** 2).sum() if len(y) else 0.0
    scale = ((y - y.mean()) * (target_y - target_y.mean())).sum() / spread if spread > 0 else 0.0
    if len(joints) < 2 or scale <= 0:
        raise NoPersonError(
            "The driving body cannot be fitted to the reference photo: they share too few upright body points; "
            "use a photo and a video that both show at least head and shoulders, or turn body fitting off."
        )
    return Affine(
        np.array([scale, scale]), np.array([(target_x - scale * x).mean(), target_y.mean() - scale * y.mean()])
    )


def map_track(track: Track, affine: Affine, hw: HW) -> Track:
    """Move a track into a picture of size `hw`, by one map or one a frame; depth is scaled with x."""
    depth = track.depth
    if depth is not None:
        scale = affine.a[..., 0].reshape(-1, *[1] * (depth.ndim - 1))
        depth = (depth * scale).astype(np.float32)
    return replace(track, xy=affine.apply(track.xy), depth=depth, hw=hw)


def map_motion(motion: Motion, affine: Affine, hw: HW) -> Motion:
    """Move body, hands and face into a picture of size `hw`, by one map or one a frame."""
    return Motion(*(map_track(part, affine, hw) for part in (motion.body, motion.hands, motion.face)))


def fit_window(
    source_hw: HW, output_hw: HW, person: np.ndarray | None = None, head: np.ndarray | None = None
) -> Affine:
    """The uniform map that fills an output picture with the best window of a source picture.

    person, head: boxes `(x0, y0, x1, y1)` in source pixels. The window is centred on the person as far as the picture's
    edges allow, and where it is smaller than the person the head stays inside. Without a person it is central.
    Returns source pixels -> output pixels.
    """
    source, output = np.array(source_hw[::-1], float), np.array(output_hw[::-1], float)
    scale = (output / source).max()
    window = output / scale
    centre = source / 2 if person is None else (np.asarray(person[:2]) + np.asarray(person[2:])) / 2
    corner = centre - window / 2
    if head is not None:
        corner = np.minimum(np.maximum(corner, head[2:] - window), head[:2])
    corner = np.clip(corner, 0, source - window)
    return Affine(np.full(2, scale), -scale * corner)


def person_box(motion: Motion, t: int | slice = 0) -> np.ndarray | None:
    """Box `(x0, y0, x1, y1)` in pixels around all points seen in frames `t`, inside the picture; None without any."""
    parts = (motion.body, motion.hands, motion.face)
    points = np.concatenate([part.xy[t][part.seen[t]] for part in parts])
    if not len(points):
        return None
    points = np.clip(points, 0, [motion.hw[1], motion.hw[0]])
    return np.concatenate([points.min(0), points.max(0)])


def head_box(face: Track, t: int | slice = 0) -> np.ndarray | None:
    """Box `(x0, y0, x1, y1)` in pixels around the head in frame or frames `t`, hair included; None without a face."""
    points = face.xy[t][face.seen[t]]
    if not len(points):
        return None
    low, high = points.min(0), points.max(0)
    size = high - low
    return np.array([*(low - HAIR * size), high[0] + HAIR[0] * size[0], high[1]])
