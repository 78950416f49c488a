"""The pictures of one frame of an analysed project, quick enough to follow a dragged slider."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from apvgen import pipeline, project
from apvgen.align import Alignment, Analysis
from apvgen.errors import MediaError, ProjectError
from apvgen.media import VideoReader
from apvgen.pose import draw_pose
from apvgen.preview import overlay, portrait
from apvgen.project import Project
from apvgen.types import HW, Motion, Track

View = Literal["driving", "voice", "pose", "overlay"]

OPEN_PROJECTS = 3
LARGEST_SIDE = 640
"""Driving frames are kept at this size, px: larger than any picture on the page."""
HELD_FRAMES = 2000
"""About 70 MB as JPEG, and 80 s at 25 frames a second; later frames are decoded when asked for."""
JPEG_QUALITY = 85
LOOK_BACK = 8
"""Frames decoded before the wanted one: a video can only be decoded forward, and the slider may be moving backward."""
LOOK_AHEAD = 24
"""Frames that are decoded on the way rather than seeking again."""
ENDED = -LOOK_AHEAD
"""Where a stream that failed stands: no frame lies ahead of it, so the next one wanted begins another."""


class Shelf:
    """The frames of a driving video, small and compressed, so that any of them is there at once.

    `fill` puts them there in their order, in a thread of its own; a frame that is wanted sooner is sought out.
    """

    def __init__(self, video: VideoReader) -> None:
        self._video = video
        self._held: OrderedDict[int, np.ndarray] = OrderedDict()
        self._holding = threading.Lock()
        self._stream, self._next = video.frames(), 0
        self._seeking = threading.Lock()

    def frame(self, k: int) -> np.ndarray:
        """Frame `k` of the resampled video, RGB uint8 `[h, w, 3]`, no side above `LARGEST_SIDE`. Raises MediaError."""
        encoded = self._held.get(k)
        if encoded is None:
            with self._seeking:
                encoded = self._seek(k)
        return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]

    def fill(self) -> None:
        """Decode everything that may be held. Damage ends it silently: it is told to whoever asks for that frame."""
        with suppress(MediaError):
            for k, picture in enumerate(self._video.frames(0, HELD_FRAMES)):
                self._hold(k, picture)

    def _seek(self, k: int) -> np.ndarray:
        if not self._next <= k < self._next + LOOK_AHEAD:
            self._next = max(0, k - LOOK_BACK)
            self._stream = self._video.frames(self._next)
        missing, self._next = range(self._next, k + 1), ENDED
        for at in missing:
            encoded = self._hold(at, next(self._stream))
        self._next = k + 1
        return encoded

    def _hold(self, k: int, picture: np.ndarray) -> np.ndarray:
        small = fitted(picture, LARGEST_SIDE)
        _, encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        with self._holding:
            self._held[k] = encoded
            while len(self._held) > HELD_FRAMES:
                self._held.popitem(last=False)
        return encoded


@dataclass(frozen=True)
class Viewer:
    """An analysed project, opened for looking at.

    voice: the talking face alone, large. shelf: None where a motion file drives.
    """

    made: Project
    analysis: Analysis
    alignment: Alignment
    reference: np.ndarray
    voice: Motion
    shelf: Shelf | None

    def __len__(self) -> int:
        return len(self.analysis)

    def picture(self, view: View, t: int, side: int) -> np.ndarray:
        """Output frame `t` as `preview` shows it, RGB uint8 `[h, w, 3]`, no side above `side` px."""
        match view:
            case "driving":
                drawing = self._drawn(self.analysis.driving, t, min(side, LARGEST_SIDE))
                return overlay(self._driving_frame(t, drawing.shape[:2]), drawing)
            case "voice":
                return self._drawn(self.voice, t, side)
            case "pose":
                return self._drawn(self.alignment.target, t, side)
            case "overlay":
                return overlay(fitted(self.reference, side), self._drawn(self.alignment.target, t, side))

    def found(self, t: int) -> dict[str, tuple[int, int]]:
        """How many points of each part the detector saw in frame `t`, and how many there are."""
        driving = self.analysis.driving
        hands = driving.hands.seen[t]
        return {
            "body": _count(driving.body, t),
            "left hand": (int(hands[0].sum()), hands.shape[1]),
            "right hand": (int(hands[1].sum()), hands.shape[1]),
            "face": _count(driving.face, t),
        }

    def _drawn(self, motion: Motion, t: int, side: int) -> np.ndarray:
        return shrunk(draw_pose(motion, t, self.made.settings.options.face_style), side)

    def _driving_frame(self, t: int, hw: HW) -> np.ndarray:
        if self.shelf is None:
            return np.zeros((*hw, 3), np.uint8)
        return cv2.resize(self.shelf.frame(int(self.analysis.driving_index[t])), hw[::-1], interpolation=cv2.INTER_AREA)


def open_viewer(folder: Path) -> Viewer:
    """The viewer of a project folder; the last few stay open. Raises ProjectError, MediaError."""
    try:
        return _open(folder, (folder / "tracks.npz").stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise ProjectError("The open project is gone from this machine; start a new one.") from error


@lru_cache(maxsize=OPEN_PROJECTS)
def _open(folder: Path, _written: int) -> Viewer:
    made = project.load(folder)
    analysis, alignment = project.load_tracks(made)
    return Viewer(
        made,
        analysis,
        alignment,
        pipeline.load_reference(made, analysis).image,
        portrait(alignment.voice_face, alignment.target.hw),
        _shelf(pipeline.driving_video(made)),
    )


def _shelf(video: VideoReader | None) -> Shelf | None:
    if video is None:
        return None
    shelf = Shelf(video)
    threading.Thread(target=shelf.fill, daemon=True, name="shelf").start()
    return shelf


def fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """Shrink a picture so that no side is larger than `side`; smaller ones stay as they are."""
    hw = _within(picture.shape[:2], side)
    return picture if hw == picture.shape[:2] else cv2.resize(picture, hw[::-1], interpolation=cv2.INTER_AREA)


def shrunk(drawing: np.ndarray, side: int) -> np.ndarray:
    """Like `fitted`, for lines on black: thickened first, since thin ones would fade away."""
    hw = _within(drawing.shape[:2], side)
    if hw == drawing.shape[:2]:
        return drawing
    brush = np.ones((ceil(drawing.shape[0] / hw[0]),) * 2, np.uint8)
    return cv2.resize(cv2.dilate(drawing, brush), hw[::-1], interpolation=cv2.INTER_NEAREST)


def _within(hw: HW, side: int) -> HW:
    scale = min(1.0, side / max(hw))
    return max(1, round(hw[0] * scale)), max(1, round(hw[1] * scale))


def _count(track: Track, t: int) -> tuple[int, int]:
    seen = track.seen[t]
    return int(seen.sum()), seen.size
