"""The pictures of one frame of an analysed project, quick enough to follow a dragged slider."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from apvgen import pipeline, project
from apvgen.align import Alignment, Analysis
from apvgen.errors import ProjectError
from apvgen.pose import draw_pose
from apvgen.preview import overlay, portrait
from apvgen.project import Project
from apvgen.studio import closeup
from apvgen.studio.closeup import Camera, Zoom
from apvgen.studio.layers import Layer, Pen, draw_layers, uncertain_points
from apvgen.studio.scaling import fitted, shrunk
from apvgen.studio.shelf import Shelf
from apvgen.types import HW, Affine, Motion, Track

Shot = Literal["motion", "voice", "pose", "overlay"]

OPEN_PROJECTS = 3
DIMMED = 0.75
"""Brightness of a driving frame under its layers."""


@dataclass(frozen=True)
class Look:
    """What a person wants to see of a frame.

    layers: what the picture of the motion is made of; without any there is no such picture. shots: the pictures
    beside it. zoom: what all of them show. below: points that scored less count as uncertain.
    """

    layers: tuple[Layer, ...] = ("frame", "body", "hands", "face", "uncertain")
    shots: tuple[Shot, ...] = ("voice", "pose", "overlay")
    zoom: Zoom = "all"
    below: float = 0.5


@dataclass(frozen=True)
class Viewer:
    """An analysed project, opened for looking at.

    written: when what was opened was written, a number that every edit changes.
    voice: the talking face alone, large. shelf: None where a motion file drives.
    """

    made: Project
    written: int
    analysis: Analysis
    alignment: Alignment
    reference: np.ndarray
    voice: Motion
    shelf: Shelf | None

    def __len__(self) -> int:
        return len(self.analysis)

    @cached_property
    def edited(self) -> Motion:
        """What is drawn, a person's corrections included, in driving-video pixels."""
        return self.alignment.edited

    @cached_property
    def found(self) -> Motion:
        """The person of the driving video: body and hands as corrected, face as detected."""
        return Motion(self.edited.body, self.edited.hands, self.analysis.driving.face)

    def pictures(self, look: Look, t: int, side: int) -> dict[Shot, np.ndarray]:
        """The pictures of output frame `t`, RGB uint8 `[h, w, 3]`, no side above `side` px. Raises MediaError."""
        shots = {}
        if look.layers:
            shots["motion"] = self.motion_picture(look, t, side)
        if "voice" in look.shots:
            shots["voice"] = shrunk(self._pose(self.voice, t), side)
        if "pose" in look.shots or "overlay" in look.shots:
            shots |= self._target_pictures(look, t, side)
        return shots

    def motion_picture(self, look: Look, t: int, side: int, aligned: Track | None = None) -> np.ndarray:
        """The driving frame `t` under the chosen layers.

        aligned: a face of one frame, in driving-video pixels, in place of the project's own.
        """
        window, hw = self._driving_camera.window(look.zoom, t, side)
        picture = self._driving_frame(t, window, hw) if "frame" in look.layers else np.zeros((*hw, 3), np.uint8)
        if set(look.layers) - {"frame"}:
            picture = cv2.convertScaleAbs(picture, alpha=DIMMED)
        aligned = aligned or self.edited.face.take([t])
        draw_layers(Pen(picture, window), self.found.take([t]), aligned, look.layers, look.below)
        return picture

    def inside(self, t: float) -> int:
        """The frame of that number, or the first or the last where there is none."""
        return min(max(int(t), 0), len(self) - 1)

    def counts(self, t: int) -> dict[str, tuple[int, int]]:
        """How many points of each part there are in frame `t`, and how many there could be."""
        hands = self.found.hands.seen[t]
        return {
            "body": _count(self.found.body.seen[t]),
            "left hand": _count(hands[0]),
            "right hand": _count(hands[1]),
            "face": _count(self.found.face.seen[t]),
        }

    def uncertain(self, t: int, below: float) -> int:
        """How many points of frame `t` were found with a score less than `below`."""
        return len(uncertain_points(self.found.take([t]), below))

    def _target_pictures(self, look: Look, t: int, side: int) -> dict[Shot, np.ndarray]:
        pose, shots = self._pose(self.alignment.target, t), {}
        if look.zoom == "all":
            pose, reference = shrunk(pose, side), fitted(self.reference, side)
        else:
            reference = self.reference
        if "pose" in look.shots:
            shots["pose"] = pose
        if "overlay" in look.shots:
            shots["overlay"] = overlay(reference, pose)
        if look.zoom == "all":
            return shots
        window, hw = self._target_camera.window(look.zoom, t, side)
        return {name: closeup.cut(picture, window, hw) for name, picture in shots.items()}

    @cached_property
    def _driving_camera(self) -> Camera:
        return Camera(self.found)

    @cached_property
    def _target_camera(self) -> Camera:
        return Camera(self.alignment.target)

    def _pose(self, motion: Motion, t: int) -> np.ndarray:
        return draw_pose(motion, t, self.made.settings.options.face_style)

    def _driving_frame(self, t: int, window: Affine, hw: HW) -> np.ndarray:
        """What `window` (pixels of the motion -> pixels of the picture) shows of the driving video; black without."""
        if self.shelf is None:
            return np.zeros((*hw, 3), np.uint8)
        motion_hw = self.analysis.driving.hw
        needed = int(np.ceil(max(motion_hw) * window.a.max()))
        frame = self.shelf.frame(int(self.analysis.driving_index[t]), needed)
        if not window.b.any():
            return cv2.resize(frame, hw[::-1], interpolation=cv2.INTER_AREA)
        from_frame = Affine(np.array(motion_hw[::-1]) / frame.shape[1::-1], np.zeros(2))
        return closeup.cut(frame, from_frame.then(window), hw)


def open_viewer(folder: Path) -> Viewer:
    """The viewer of a project folder; the last few stay open. Raises ProjectError, MediaError."""
    try:
        return _open(folder, max((folder / file).stat().st_mtime_ns for file in ("project.json", "tracks.npz")))
    except FileNotFoundError as error:
        raise ProjectError("The open project is gone from this machine; start a new one.") from error


@lru_cache(maxsize=OPEN_PROJECTS)
def _open(folder: Path, written: int) -> Viewer:
    made = project.load(folder)
    analysis, alignment = project.load_tracks(made)
    return Viewer(
        made,
        written,
        analysis,
        alignment,
        pipeline.load_reference(made, analysis).image,
        portrait(alignment.voice_face, alignment.target.hw),
        _shelf(folder, made.settings.inputs["driving"].sha256),
    )


@lru_cache(maxsize=OPEN_PROJECTS)
def _shelf(folder: Path, _driving: str) -> Shelf | None:
    """The frames of a project's driving video, kept while its tracks are edited."""
    video = pipeline.driving_video(project.load(folder))
    if video is None:
        return None
    shelf = Shelf(video)
    threading.Thread(target=shelf.fill, daemon=True, name="shelf").start()
    return shelf


def _count(seen: np.ndarray) -> tuple[int, int]:
    return int(seen.sum()), seen.size
