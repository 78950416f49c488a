"""A project in which nothing is wrong, and ways to spoil it: what is planted, a check must find."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from stick_person import with_mouth

from apvgen.align import Analysis, align
from apvgen.config import Options
from apvgen.edits import Edits
from apvgen.preflight import Case
from apvgen.retarget import fit_window, head_box, map_motion, person_box
from apvgen.tracks import load_motion
from apvgen.types import Motion, Track, VoiceFace

T = 75
OPTIONS = Options()
EXAMPLE = Path(__file__).parents[1] / "assets" / "example"


def good_motion() -> Motion:
    """Three seconds of the bundled example: a person from the front who moves gently."""
    return load_motion(EXAMPLE / "motion.npz").take(slice(0, T))


def good_analysis(motion: Motion) -> Analysis:
    """A reference of the same person, a voice that opens the mouth, and nobody else."""
    first = good_motion().take(slice(0, 1))
    window = fit_window(first.hw, OPTIONS.hw, person_box(first), head_box(first.face))
    mesh = np.concatenate([first.face.xy[0, :468], first.face.depth[0, :468, None]], -1)
    vertices = np.repeat(mesh[None], T, 0).astype(np.float32)
    for t in range(T):
        vertices[t, :, :2] = with_mouth(mesh[:, :2], 10 * (1 - np.cos(t / 3)))
    still = np.repeat(np.eye(3, dtype=np.float32)[None], T, 0)
    voice = VoiceFace(vertices, still, np.zeros(T, np.float32), Fraction(25))
    people = np.repeat(np.array([[[100, 50, 400, 700]]], np.float32), T, 1)
    return Analysis(motion, np.arange(T), map_motion(first, window, OPTIONS.hw), window, voice, people)


def good_case(
    spoil: Callable[[Motion], Motion] = lambda motion: motion, options: Options = OPTIONS, detector: str = ""
) -> Case:
    """The case, its driving motion changed by `spoil`."""
    analysis = good_analysis(spoil(good_motion()))
    return Case(analysis, align(analysis, options.align, Edits(), options.hw), options, detector)


def without(track: Track, frames: slice | list[int]) -> Track:
    """The track with nothing seen in some frames."""
    xy, score = track.xy.copy(), track.score.copy()
    xy[frames], score[frames] = np.nan, 0
    return replace(track, xy=xy, score=score)


def shaken(track: Track, pixels: float, frames: slice = slice(None)) -> Track:
    """The track with white noise of a deviation in some frames."""
    xy = track.xy.copy()
    xy[frames] += np.random.default_rng(0).normal(0, pixels, xy[frames].shape)
    return replace(track, xy=xy.astype(np.float32))


def larger(track: Track, factor: float) -> Track:
    """The track, scaled about the picture's corner."""
    depth = None if track.depth is None else (track.depth * factor).astype(np.float32)
    return replace(track, xy=(track.xy * factor).astype(np.float32), depth=depth)
