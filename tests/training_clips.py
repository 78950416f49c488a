"""Small clips with known pixels, shared by the tests of training data."""

from fractions import Fraction

import cv2
import numpy as np

from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.types import HW, Audio, Layout, Motion, Track
from train.examples import Clip
from train.outpaint import Classical, paint

FPS = Fraction(30000, 1001)


def track(layout: Layout, xy: np.ndarray, hw: HW) -> Track:
    """All seen."""
    return Track(layout, xy.astype(np.float32), np.ones(xy.shape[:-1], np.float32), hw, FPS)


def motion(frames: int, hw: HW, seed: int = 0, face: bool = True) -> Motion:
    """Points at random places, other ones in every frame."""
    rng = np.random.default_rng(seed)
    size = np.array(hw[::-1])
    parts = [
        track(layout, rng.uniform(0.1, 0.9, (frames, *layout.shape, 2)) * size, hw)
        for layout in (BODY18, HANDS, FACE478)
    ]
    if not face:
        parts[2] = Track.empty(FACE478, frames, hw, FPS)
    return Motion(*parts)


def pictures(frames: int, hw: HW, seed: int = 0) -> np.ndarray:
    """Smooth colours; frame t is a shade that t names: its mean tells which frame a decoded picture is."""
    rng = np.random.default_rng(seed)
    base = cv2.resize(rng.uniform(-20, 20, (4, 4, 3)), hw[::-1], interpolation=cv2.INTER_CUBIC)
    base -= base.mean()
    return np.stack([np.clip(base + 40 + 3 * t, 0, 255) for t in range(frames)]).round().astype(np.uint8)


def body_clip(key: str = "dance", frames: int = 30, hw: HW = (96, 64), seed: int = 0) -> Clip:
    return Clip(key, "body", pictures(frames, hw, seed), motion(frames, hw, seed), facts={"source": key})


def face_clip(key: str = "talk", frames: int = 30, hw: HW = (64, 64), seed: int = 0, reference: int = 4) -> Clip:
    shown = pictures(frames, hw, seed)
    surround = paint(shown[reference], Classical())
    voice = Audio(np.sin(np.arange(8000) / 9, dtype=np.float32)[None] / 2, 16_000)
    return Clip(key, "face", shown, motion(frames, hw, seed), voice, surround.image, reference, surround.facts)
