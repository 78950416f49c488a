"""What can be laid over a frame of the driving video: points and lines, sharp at every size."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from apvgen.layouts import BODY18_LIMBS, FACE_MESH_EDGES, HAND21_LIMBS
from apvgen.types import Affine, Motion, Track

Layer = Literal["frame", "body", "hands", "face", "aligned", "uncertain"]

RED = (255, 45, 45)
COLOURS = {
    "body": (96, 165, 250),
    "left_hand": (192, 132, 252),
    "right_hand": (244, 114, 182),
    "face": (45, 212, 191),
    "aligned": (251, 191, 36),
}
"""RGB; studio.css has the same beside the switches."""

_SHIFT = 4
"""Binary places after the point in coordinates that go to OpenCV."""
_LIMBS, _FINGERS = np.array(BODY18_LIMBS), np.array(HAND21_LIMBS)
_MESH = np.array([edge for _, edges in FACE_MESH_EDGES for edge in edges])
_LINE, _DOT, _RED_DOT = 1 / 300, 1 / 190, 1 / 130
"""Width of a line and radius of a dot, in sides of the picture."""


@dataclass(frozen=True)
class Pen:
    """A picture that is drawn on, and where things are in it.

    picture: RGB uint8 `[h, w, 3]`, changed in place. window: pixels of the motion -> pixels of the picture.
    """

    picture: np.ndarray
    window: Affine

    def size(self, share: float) -> int:
        return max(1, round(share * max(self.picture.shape[:2])))

    def place(self, xy: np.ndarray) -> np.ndarray:
        """Points `[N, 2]` in OpenCV's fixed-point pixels, int32; those far outside are moved nearer."""
        reach = 4 * max(self.picture.shape[:2])
        placed = np.clip(np.nan_to_num(self.window.apply(xy.astype(float)) - 0.5), -reach, reach)
        return np.rint(placed * 2**_SHIFT).astype(np.int32)

    def lines(self, xy: np.ndarray, seen: np.ndarray, joins: np.ndarray, colour: tuple, thin: bool = False) -> None:
        """Lines between the points `[N, 2]` that `joins` `[L, 2]` names, where both are `seen` `[N]`."""
        pieces = self.place(xy)[joins[seen[joins].all(-1)]]
        cv2.polylines(self.picture, list(pieces), False, colour, 1 if thin else self.size(_LINE), cv2.LINE_AA, _SHIFT)

    def dots(self, xy: np.ndarray, colour: tuple, share: float) -> None:
        """A filled circle at each of the points `[N, 2]`."""
        radius = max(1, round(share * max(self.picture.shape[:2]) * 2**_SHIFT))
        for point in self.place(xy).tolist():
            cv2.circle(self.picture, point, radius, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def draw_layers(pen: Pen, person: Motion, aligned: Track, layers: Collection[Layer], below: float) -> None:
    """Draw the chosen layers of one frame.

    person: a motion of that frame alone, in the window's source pixels. aligned: the voice-driven face after FDA, in
    the same. below: points that scored less are drawn red when the layer `uncertain` is on, whatever their own layer.
    """
    if "face" in layers:
        _draw_face(pen, person.face, COLOURS["face"])
    if "aligned" in layers:
        _draw_face(pen, aligned, COLOURS["aligned"])
    if "body" in layers:
        _draw_joined(pen, person.body.xy[0], person.body.seen[0], _LIMBS, COLOURS["body"])
    if "hands" in layers:
        for side, name in enumerate(("left_hand", "right_hand")):
            _draw_joined(pen, person.hands.xy[0, side], person.hands.seen[0, side], _FINGERS, COLOURS[name])
    if "uncertain" in layers:
        pen.dots(uncertain_points(person, below), RED, _RED_DOT)


def uncertain_points(person: Motion, below: float) -> np.ndarray:
    """The points `[N, 2]` of all frames that were found with a score less than `below`."""
    parts = (person.body, person.hands, person.face)
    return np.concatenate([part.xy[part.seen & (part.score < below)] for part in parts])


def _draw_joined(pen: Pen, xy: np.ndarray, seen: np.ndarray, joins: np.ndarray, colour: tuple) -> None:
    pen.lines(xy, seen, joins, colour)
    pen.dots(xy[seen], colour, _DOT)


def _draw_face(pen: Pen, face: Track, colour: tuple) -> None:
    pen.lines(face.xy[0], face.seen[0], _MESH, colour, thin=True)
