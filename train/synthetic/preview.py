"""Pictures and videos of the world to look at."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from apvgen.files import complete_or_absent
from apvgen.media import write_video
from apvgen.pose import pose_frames
from apvgen.types import HW
from train.synthetic.people import PEOPLE, Split, person
from train.synthetic.shots import Scene, shot
from train.synthetic.world import portrait

_COLUMNS = 8
_SCENES: tuple[Scene, ...] = ("face", "body", "speaking_dancer")


def write_preview(folder: Path, seed: int, hw: HW, face_hw: HW, frames: int, fps: Fraction, split: Split) -> list[Path]:
    """A sheet of portraits, and of each scene four clips beside their pose frames as a video with sound."""
    numbers = PEOPLE[split][seed : seed + 4 * _COLUMNS]
    paths = [_write_picture(folder / "portraits.png", _sheet([portrait(person(n), hw).image for n in numbers]))]
    for scene in _SCENES:
        for index in range(4):
            made = shot(scene, seed, index, face_hw if scene == "face" else hw, frames, fps, split)
            poses = np.stack(list(pose_frames(made.motion, "mesh")))
            pictures = np.concatenate([made.frames()[0], poses], 2)
            paths.append(write_video(folder / f"{scene}-{index}.mp4", pictures, fps, made.voice))
    return paths


def _sheet(pictures: list[np.ndarray]) -> np.ndarray:
    rows = [np.concatenate(pictures[k : k + _COLUMNS], 1) for k in range(0, len(pictures), _COLUMNS)]
    return np.concatenate(rows)


def _write_picture(path: Path, picture: np.ndarray) -> Path:
    with complete_or_absent(path) as temporary:
        cv2.imwrite(str(temporary), picture[..., ::-1])
    return path
