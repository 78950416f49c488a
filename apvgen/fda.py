"""Facial Data Alignment: the axis-aligned linear map that puts a face where a body wants it.

Training half: `sample` draws the map of a face clip (Eq. 2-7). Inference half: `fit` finds, frame by frame, the map
from voice-driven face landmarks to the face of the driving video (Eq. 11-18), in one of three modes:

- `paper`: the min/max boxes of both faces are made equal. It undoes what a dropping jaw does to the box.
- `stable`: least squares for each axis over landmarks that the jaw does not move.
- `head_pose`: as `stable` with one scale for both axes; meant for meshes that carry the driving head's rotation.

A frame without a usable fit has a NaN map, and then no face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from apvgen.config import FdaMode
from apvgen.types import NOTHING_UNKNOWN, Affine

MEAN_A = (0.5, 0.35)
MEAN_B_Y = 0.1
DELTA = 0.05
"""The paper's averages over TikTok and its perturbation (section "Implementation Details")."""

STABLE_LANDMARKS = (
    *(10, 338, 297, 332, 284, 251, 389, 109, 67, 103, 54, 21, 162),  # upper contour
    *(70, 63, 105, 66, 107, 300, 293, 334, 296, 336),  # brows, upper edge
    *(33, 133, 362, 263),  # eye corners: blinks do not move them
    *(9, 8, 168, 6, 197, 195),  # nose bridge
)
"""Face mesh indices that neither jaw nor lips move (METHOD section 2)."""

NOSE_LANDMARKS = (5, 4, 75, 97, 2, 326, 305)
"""Ridge and base of the nose: they join where a face has not all of the above, as one of 68 points has no forehead."""

_LEAST_LANDMARKS = 8
"""Fewer known landmarks are no face to fit to."""

UPPER_INNER_LIP, LOWER_INNER_LIP = 13, 14


def sample(
    rng: np.random.Generator,
    mean_a: tuple[float, float] = MEAN_A,
    mean_b_y: float = MEAN_B_Y,
    delta: float | tuple[float, float, float] = DELTA,
) -> Affine:
    """Draw the map of one training clip, in coordinates normalised to the frame (Eq. 2-5).

    delta: one for all, or those of a_x, a_y and b_y.
    """
    spread = np.broadcast_to(delta, 3)
    a = np.asarray(mean_a) + rng.uniform(-spread[:2], spread[:2])
    margin = (1 - a[0]) / 2
    b_x = margin + rng.uniform(-margin, margin)
    b_y = mean_b_y + rng.uniform(-spread[2], spread[2])
    return Affine(a, np.array([b_x, b_y]))


def fit(face: np.ndarray, target: np.ndarray, mode: FdaMode) -> Affine:
    """The per-frame map from `face` onto `target`, both `[T, N, 2]` pixels of the same landmarks (N >= 468).

    Landmarks that `target` lacks throughout are left out on both sides. Frames in which either face has another NaN, or
    a box without width or height, get a NaN map.
    """
    if mode == "paper":
        usual = usual_landmarks(target)
        chosen = slice(None) if usual.all() or usual.sum() < _LEAST_LANDMARKS else usual
        a, b = _fit_boxes(face[:, chosen], target[:, chosen])
    else:
        chosen = stable_landmarks(target)
        a, b = _fit_least_squares(face[:, chosen], target[:, chosen], uniform=mode == "head_pose")
    unusable = ~(np.isfinite(a) & np.isfinite(b) & (a > 0)).all(-1)
    return Affine(np.where(unusable[:, None], np.nan, a), np.where(unusable[:, None], np.nan, b))


def usual_landmarks(face: np.ndarray) -> np.ndarray:
    """bool `[N]`: landmarks of `[T, N, 2]` that are known in at least half of the frames in which any is."""
    known = np.isfinite(face).all(-1)
    return known.any(0) & (2 * known.sum(0) >= known.any(1).sum())


def stable_landmarks(face: np.ndarray) -> list[int]:
    """The landmarks to compare a face `[T, N >= 468, 2]` by: `STABLE_LANDMARKS`, or where it usually lacks some of
    them, those that it has and the nose.
    """
    usual = usual_landmarks(face)
    chosen = [k for k in STABLE_LANDMARKS if usual[k]]
    if len(chosen) < len(STABLE_LANDMARKS):
        chosen += [k for k in NOSE_LANDMARKS if usual[k]]
    return chosen if len(chosen) >= _LEAST_LANDMARKS else list(STABLE_LANDMARKS)


def _fit_boxes(face: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eq. 11-18."""
    low, high = _box(face)
    target_low, target_high = _box(target)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = (target_high - target_low) / (high - low)
    return a, target_low - a * low


def _box(face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of each frame's box: least and greatest x and y of `[T, N, 2]`, float64 `[T, 2]` each."""
    x, y = face[..., 0], face[..., 1]  # each for itself: numpy is 30 times quicker than over both
    low, high = np.stack([x.min(1), y.min(1)], -1), np.stack([x.max(1), y.max(1)], -1)
    return low.astype(float), high.astype(float)


def _fit_least_squares(face: np.ndarray, target: np.ndarray, uniform: bool) -> tuple[np.ndarray, np.ndarray]:
    face, target = face.astype(float), target.astype(float)
    mean, target_mean = face.mean(1), target.mean(1)
    centred, target_centred = face - mean[:, None], target - target_mean[:, None]
    covariance, variance = (centred * target_centred).sum(1), (centred**2).sum(1)
    if uniform:
        covariance = np.repeat(covariance.sum(-1, keepdims=True), 2, -1)
        variance = np.repeat(variance.sum(-1, keepdims=True), 2, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = covariance / variance
    return a, target_mean - a * mean


def bridge_gaps(values: np.ndarray, max_gap: int, wanted: np.ndarray | None = None) -> np.ndarray:
    """Interpolate NaN runs of `[T, ...]` floats that lie between two known frames.

    A run is filled when it has at most `max_gap` frames, or when all of them are `wanted`, bool `[T]`.
    """
    wanted = np.zeros(len(values), bool) if wanted is None else wanted
    known = np.flatnonzero(np.isfinite(values.reshape(len(values), -1)).all(1))
    filled = values.copy()
    for before, after in pairwise(known):
        if after - before > 1 and (after - before <= max_gap + 1 or wanted[before + 1 : after].all()):
            share = (np.arange(before + 1, after) - before) / (after - before)
            share = share.reshape(-1, *([1] * (values.ndim - 1)))
            filled[before + 1 : after] = (1 - share) * values[before] + share * values[after]
    return filled


def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian average over time of `[T, C]` floats, `sigma` in frames; NaN frames stay NaN and lend no weight."""
    if sigma == 0 or not len(values):
        return values.copy()
    known = np.isfinite(values).all(-1)
    reach = max(1, int(np.ceil(3 * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)

    def average(signal: np.ndarray) -> np.ndarray:
        return np.convolve(np.pad(signal, reach), kernel, "valid")

    weight = average(known.astype(float))
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = [average(np.where(known, column, 0)) / weight for column in values.T]
    return np.where(known[:, None], np.stack(columns, -1), np.nan)


def smooth_scale(fitted: Affine, face: np.ndarray, sigma: float, mode: FdaMode) -> Affine:
    """Take the jitter out of the scale while every frame's face centre stays exactly where it was fitted.

    face: `[T, N, 2]`, the landmarks that `fitted` maps. Smoothing the shift too would drag the face behind a fast head.
    """
    points = face if mode == "paper" else face[:, list(STABLE_LANDMARKS)]
    anchor = (points.min(1) + points.max(1)) / 2 if mode == "paper" else points.mean(1)
    place = fitted.a * anchor + fitted.b
    a = smooth(fitted.a, sigma)
    return Affine(a, place - a * anchor)


@dataclass(frozen=True)
class Override:
    """A person's correction of the drawn face at one key frame, on top of the fitted map.

    scale: factors (x, y) about the centre of the face's box.
    offset: shift (x, y) in widths and heights of that box.
    rotation: degrees in the picture's plane, clockwise, about the centre of the box so scaled and shifted.
    visible: whether a face is drawn from this frame to the next key frame.
    """

    frame: int
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    visible: bool = True

    __pydantic_config__ = NOTHING_UNKNOWN

    def __post_init__(self) -> None:
        if self.frame < 0:
            raise ValueError(f"a key frame counts from 0, so {self.frame} is none")
        if not all(0.05 <= factor <= 20 for factor in self.scale):
            raise ValueError(f"scale factors must lie between 0.05 and 20, not {self.scale}")
        if not all(abs(shift) <= 20 for shift in self.offset):
            raise ValueError(f"offsets must lie within 20 face sizes, not {self.offset}")
        if not abs(self.rotation) <= 180:
            raise ValueError(f"a rotation must lie within 180 degrees, not {self.rotation}")


def override_at(keys: Sequence[Override], frame: int) -> Override:
    """The correction that `keys` make in one frame.

    Scale, offset and rotation are linear between key frames; before the first and after the last they hold that key's
    value. The face is visible before the first key frame; from then on as the last key at or before the frame says.
    """
    scale_x, scale_y, x, y, rotation = _curves(keys, np.array([frame]))[0].tolist()
    return Override(frame, (scale_x, scale_y), (x, y), rotation, bool(visible(keys, frame + 1)[frame]))


def _curves(keys: Sequence[Override], frames: np.ndarray) -> np.ndarray:
    """Scale, offset and rotation in each of `frames`: float64 `[len(frames), 5]`."""
    ordered = sorted(keys or (Override(0),), key=lambda key: key.frame)
    at = [key.frame for key in ordered]
    values = np.array([[*key.scale, *key.offset, key.rotation] for key in ordered])
    return np.stack([np.interp(frames, at, column) for column in values.T], -1)


def visible(keys: Sequence[Override], frames: int) -> np.ndarray:
    """bool `[frames]`: whether `keys` let a face be drawn."""
    shown = np.ones(frames, bool)
    for key in sorted(keys, key=lambda key: key.frame):
        shown[key.frame :] = key.visible
    return shown


def override(fitted: Affine, face: np.ndarray, keys: Sequence[Override]) -> Affine:
    """Scale, shift and hide as `keys` say: a correction of `fitted`, the map of `face` `[T, N, 2]`.

    A hidden face has a NaN map. Rotation is no part of an axis-aligned map: `tilt` adds it.
    """
    if not keys:
        return fitted
    values = _curves(keys, np.arange(len(face)))
    placed = fitted.apply(face)
    low, high = _box(placed)
    scale, offset = values[:, :2], values[:, 2:4]
    corrected = fitted.then(Affine(scale, (low + high) / 2 * (1 - scale) + offset * (high - low)))
    hidden = ~visible(keys, len(face))[:, None]
    return Affine(np.where(hidden, np.nan, corrected.a), np.where(hidden, np.nan, corrected.b))


def tilt(face: np.ndarray, keys: Sequence[Override]) -> np.ndarray:
    """Rotate a placed face `[T, N, 2]` as `keys` say, about the centre of its box; frames without rotation as given."""
    degrees = _curves(keys, np.arange(len(face)))[:, 4]
    turned = np.flatnonzero(degrees)
    if not len(turned):
        return face
    upright, angle = face[turned].astype(float), np.radians(degrees[turned])[:, None]
    centre = (sum(_box(upright)) / 2)[:, None]
    (x, y), cos, sin = np.moveaxis(upright - centre, -1, 0), np.cos(angle), np.sin(angle)
    tilted = face.copy()
    tilted[turned] = np.stack([cos * x - sin * y, sin * x + cos * y], -1) + centre
    return tilted


def lip_gap(face: np.ndarray) -> np.ndarray:
    """Distance between the inner lips, `[T, N, 2]` pixels -> `[T]` pixels."""
    return np.linalg.norm(face[:, UPPER_INNER_LIP] - face[:, LOWER_INNER_LIP], axis=-1)


def lip_gap_kept(face: np.ndarray, fitted: Affine, upright: Affine) -> float:
    """Share of the voice's lip opening that survives `fitted`, 1 = all of it, NaN when the mouth never opens.

    Every frame's gap is compared with the gap under `upright`, the `stable` map, which a jaw cannot influence. The
    ratio in frames with a nearly closed mouth is taken as the two maps' difference of face shape and divided out.
    """
    gap = face[:, LOWER_INNER_LIP, 1] - face[:, UPPER_INNER_LIP, 1]
    ratio = fitted.a[:, 1] / upright.a[:, 1]
    usable = np.isfinite(ratio) & np.isfinite(gap)
    gap, ratio = np.maximum(gap[usable], 0), ratio[usable]
    if not len(gap) or gap.max() <= 0:
        return float("nan")
    resting = ratio[gap <= np.quantile(gap, 0.2)].mean()
    return float((gap * ratio).sum() / gap.sum() / resting)
