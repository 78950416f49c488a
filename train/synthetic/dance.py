"""Dances: random choreographies to a beat, each a sum of a groove of the trunk, steps and a sequence of arm poses."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from scipy.interpolate import PchipInterpolator

from apvgen.audio2face.articulation import smoothstep
from train.synthetic.moves import ARM, STANDING_ARM, Moves, standing

_POSES = np.array([
    STANDING_ARM,
    (52, -8, 138, 12, 10, 120, 28, 4),
    (6, 12, -82, 14, 0, 10, 8, 12),
    (-58, 8, -78, 8, 0, 5, 6, 14),
    (-22, 10, -104, 18, -10, 0, 5, 16),
    (-42, 6, -52, 6, 0, 90, 30, 0),
    (66, 22, 192, 36, 0, 150, 12, 6),
    (64, 4, -18, 26, 20, 20, 8, 12),
    (46, 6, 34, 14, 0, 60, 6, 14),
    (62, 38, 168, 44, 0, 110, 10, 4),
    (66, 10, 4, 48, -25, 160, 10, 12),
    (26, 24, -70, 36, 0, 30, 34, 0),
    (84, 30, -30, 58, 10, 30, 32, 0),
])  # fmt: skip
"""Arms down, hand on hip, cactus, up, waving, pointing up, on the chest, shrugging, low and out, before the belly,
palm down in front, fist beside the head, fist in front."""
_WOBBLE = np.array([5, 5, 8, 5, 8, 14, 5, 4.0])
"""Deviation in degrees of one pose from its neighbour's idea of it."""
_TEMPO = (76, 124)
_ARM_STYLES = ("mirrored", "alternating", "free")


def dance(rng: np.random.Generator, frames: int, fps: Fraction) -> Moves:
    """Random moves of a random tempo."""
    tempo = rng.uniform(*_TEMPO)
    beats = np.arange(frames) / float(fps) * tempo / 60 + rng.uniform(0, 4)
    moves = _groove(standing(frames), beats, rng)
    step = (_planted, _side_step, _march, _tap)[int(rng.choice(4, p=[0.25, 0.3, 0.25, 0.2]))]
    moves = step(moves, beats, rng)
    moves = replace(moves, arms=_arms(beats, rng))
    return _squats(moves, beats, rng) if rng.random() < 0.35 else moves


def _groove(moves: Moves, beats: np.ndarray, rng: np.random.Generator) -> Moves:
    """Bounce, sway, twist and nod with the beat."""
    half = np.pi * beats + rng.choice([0, np.pi])
    slow = half / 2 + rng.uniform(0, 2 * np.pi)
    bounce = np.sin(np.pi * beats) ** 2
    sway, twist, lean = rng.uniform(0.0, 0.03), rng.uniform(0, 14), rng.uniform(0, 7)
    around = rng.uniform(0, 16) * (rng.random() < 0.6)
    zero = np.zeros_like(beats)
    hips_at = np.stack([sway * np.sin(half), rng.uniform(0.006, 0.026) * bounce, zero], -1)
    pelvis = np.stack([twist * np.sin(half) + around * np.sin(slow), zero, lean * np.sin(half)], -1)
    chest = np.stack(
        [around * np.sin(slow) - 0.7 * twist * np.sin(half), 3 * bounce, -rng.uniform(0.3, 1.2) * lean * np.sin(half)],
        -1,
    )
    nod, tilt = rng.uniform(0, 6), rng.uniform(0, 8)
    head = np.stack([0.35 * chest[:, 0] + rng.uniform(0, 9) * np.sin(slow), nod * bounce - 2, tilt * np.sin(half)], -1)
    shrug = rng.uniform(0, 0.012) * np.stack([np.sin(half), -np.sin(half)], -1)
    return replace(moves, hips_at=hips_at, pelvis=pelvis, chest=chest, head=head, shrug=shrug)


def _planted(moves: Moves, _beats: np.ndarray, rng: np.random.Generator) -> Moves:
    """Both feet stay where they are."""
    feet = moves.feet.copy()
    feet[..., 0] *= rng.uniform(1, 4)
    return replace(moves, feet=feet, toes=moves.toes + rng.uniform(-8, 16))


def _side_step(moves: Moves, beats: np.ndarray, rng: np.random.Generator) -> Moves:
    """Two beats to one side, two back: the leading foot goes, the other follows."""
    reach, height = rng.uniform(0.03, 0.06), rng.uniform(0.012, 0.03)
    feet, hips_at = moves.feet.copy(), moves.hips_at.copy()
    for foot, delay in ((0, 0.0), (1, 0.5)):
        place, lift = _steps(beats / 2 - delay)
        feet[:, foot, 0] += reach * (2 * place - 1)
        feet[:, foot, 1] -= height * lift
    hips_at[:, 0] = feet[..., 0].mean(1)
    return replace(moves, feet=feet, hips_at=hips_at)


def _steps(cycle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a foot is between two places (0..1), there and back in two units of `cycle`, and how far lifted (0..1)."""
    phase = cycle % 2
    there, back = (smoothstep(phase, start, start + 0.4) for start in (0.0, 1.0))
    return there - back, 4 * (there * (1 - there) + back * (1 - back))


def _march(moves: Moves, beats: np.ndarray, rng: np.random.Generator) -> Moves:
    """One knee after the other comes up, on each beat."""
    height = rng.uniform(0.035, 0.085)
    feet, hips_at = moves.feet.copy(), moves.hips_at.copy()
    for foot, phase in ((0, 0.0), (1, 1.0)):
        lift = np.sin(np.pi / 2 * (beats - phase)) ** 8
        lift = np.where(np.cos(np.pi * (beats - phase)) < 0, lift, 0)
        feet[:, foot, 1] -= height * lift
        feet[:, foot, 2] -= 0.5 * height * lift
        hips_at[:, 0] += (1 - 2 * foot) * 0.018 * lift
    return replace(moves, feet=feet, hips_at=hips_at)


def _tap(moves: Moves, beats: np.ndarray, rng: np.random.Generator) -> Moves:
    """One foot taps out to its side and comes back, then the other."""
    reach = rng.uniform(0.04, 0.09)
    feet, hips_at = moves.feet.copy(), moves.hips_at.copy()
    for foot in (0, 1):
        out = np.sin(np.pi * beats / 2) ** 2 * (np.floor(beats / 2) % 2 == foot)
        feet[:, foot, 0] += (2 * foot - 1) * reach * out
        feet[:, foot, 1] -= 0.012 * np.sin(np.pi * out)
        hips_at[:, 0] -= (2 * foot - 1) * 0.02 * out
    return replace(moves, feet=feet, hips_at=hips_at)


def _squats(moves: Moves, beats: np.ndarray, rng: np.random.Generator) -> Moves:
    """Down into the knees every fourth beat."""
    depth = rng.uniform(0.03, 0.075) * np.sin(np.pi * beats / 4 + rng.uniform(0, np.pi)) ** 4
    hips_at, feet = moves.hips_at.copy(), moves.feet.copy()
    hips_at[:, 1] += depth
    feet[..., 0] *= 2
    return replace(moves, hips_at=hips_at, feet=feet)


def _arms(beats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`[T, 2, len(ARM)]`: from pose to pose, each reached with a beat and held for a moment."""
    per_pose = float(rng.choice([1.0, 1.0, 2.0]))
    first, count = int(beats[0] / per_pose), int((beats[-1] - beats[0]) / per_pose) + 4
    style = str(rng.choice(_ARM_STYLES))
    liked = rng.permutation(len(_POSES))[: int(rng.integers(2, 5))]
    right = _POSES[rng.choice(liked, count)] + rng.normal(size=(count, len(ARM))) * _WOBBLE
    if style == "free":
        left = _POSES[rng.choice(liked, count)] + rng.normal(size=(count, len(ARM))) * _WOBBLE
    else:
        left = right if style == "mirrored" else np.roll(right, 1, axis=0)
    knots = np.stack([right, left], 1)
    held = rng.uniform(0.0, 0.3)
    at = (first + np.arange(count)) * per_pose
    times = np.sort(np.concatenate([at, at + held * per_pose]))
    arms = PchipInterpolator(times, np.repeat(knots, 2, 0))(np.maximum(beats, times[0]))
    swing = rng.uniform(0, 6) * np.sin(2 * np.pi * beats + rng.uniform(0, 2 * np.pi, (2, 1))).T
    arms[..., ARM.index("fore")] += swing
    arms[..., ARM.index("wrist")] += 2 * swing
    arms[..., ARM.index("curl")] = arms[..., ARM.index("curl")].clip(2, 36)
    return arms
