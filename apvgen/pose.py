"""Pose frames: the pictures of body, hands and face that steer the video model.

Two published drawings, reproduced pixel for pixel:

- people (`draw_people`): DWPose's, as ControlNeXt-SVD-v2 makes it (dvlab-research/ControlNeXt,
  `ControlNeXt-SVD-v2/dwpose/`) on a canvas whose shorter side is 2160 px;
- the face mesh (`draw_face_mesh`): AniPortrait's (Zejun-Yang/AniPortrait, `src/utils/draw_util.py`) on 512 x 512 px.

Both are then resized with plain bilinear sampling, which breaks thin lines; networks trained on that expect it.
Inside this module points are normalised: pixels divided by the width and height of their picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from apvgen import face68
from apvgen.canvas import SparseCanvas
from apvgen.config import FaceStyle
from apvgen.layouts import (
    BODY18_COLOURS,
    BODY18_LIMBS,
    FACE_MESH_EDGES,
    HAND21_COLOURS,
    HAND21_LIMBS,
)
from apvgen.types import HW, Motion

CANVAS_SIDE = 2160
STICK_HALF_WIDTH = 4
LIMB_FADE = 0.6
MIN_SCORE = 0.3
LIMB_BOXES = 6
JOINT_RADIUS = 4
FACE_DOT_RADIUS = 3
HAND_LINE_WIDTH = 2
MESH_CANVAS = 512
MESH_LINE_WIDTH = 2
BLACK = (0, 0, 0)

_LIMBS = np.array(BODY18_LIMBS)
_BODY_COLOURS = np.array(BODY18_COLOURS)
_HAND_LIMBS = np.array(HAND21_LIMBS)
_HAND_COLOURS = np.array(HAND21_COLOURS)
_MESH_EDGES = tuple((colour, np.array(pairs)) for colour, pairs in FACE_MESH_EDGES)


@dataclass(frozen=True)
class People:
    """The points of everybody in one picture, normalised; a score of 0 or a NaN marks a missed point.

    bodies: float `[N, 18, 2]`, OpenPose-18, and bodies_score `[N, 18]`.
    hands: float `[M, 21, 2]`, in any order, and hands_score `[M, 21]`.
    faces: float `[K, 68, 2]`, iBUG-68, and faces_score `[K, 68]`.

    Scores scale the colours and may exceed 1; the colours then saturate.
    """

    bodies: np.ndarray
    bodies_score: np.ndarray
    hands: np.ndarray
    hands_score: np.ndarray
    faces: np.ndarray
    faces_score: np.ndarray


def people_canvas(hw: HW, side: int = CANVAS_SIDE) -> SparseCanvas:
    """The canvas on which `draw_people` makes a picture of size `hw`; one serves any number of frames.

    side: of its shorter side, px; lines keep their width on it, so that a smaller canvas gives thicker ones.
    """
    scale = side / min(hw)
    return SparseCanvas((int(hw[0] * scale), int(hw[1] * scale)), hw)


def draw_people(people: People, canvas: SparseCanvas) -> np.ndarray:
    """DWPose's picture of `people`: RGB uint8 `[H, W, 3]`.

    canvas: a `people_canvas` of the picture's size, black before and after.
    """
    bodies, bodies_score = _on_canvas(people.bodies, people.bodies_score, canvas)
    _draw_limbs(canvas, bodies, bodies_score)
    _draw_joints(canvas, bodies.astype(int), bodies_score)
    hands, hands_score = _on_canvas(people.hands, people.hands_score, canvas)
    for hand, score in zip(hands.astype(int), hands_score, strict=True):
        _draw_hand(canvas, hand, score)
    faces, faces_score = _on_canvas(people.faces, people.faces_score, canvas)
    for face, score in zip(faces.astype(int), faces_score, strict=True):
        _draw_face_dots(canvas, face, score)
    picture = np.zeros((*canvas.hw, 3), np.uint8)
    for rows, columns, part in canvas.take():
        picture[rows, columns] = part
    return picture


def draw_face_mesh(face: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """AniPortrait's lines of a face mesh over RGB uint8 `picture` `[H, W, 3]`, in place.

    face: float `[468 or more, 2]`, normalised. A line is left out when one of its ends is NaN or outside [0, 1].
    """
    canvas = SparseCanvas((MESH_CANVAS, MESH_CANVAS), picture.shape[:2])
    inside = ((face >= 0) & (face <= 1)).all(-1)
    pixels = np.minimum(np.where(inside[:, None], face, 0) * MESH_CANVAS, MESH_CANVAS - 1).astype(np.int32)
    canvas.mark_around(pixels[inside], MESH_LINE_WIDTH)
    for colour, edges in _MESH_EDGES:
        cv2.polylines(canvas.pixels, pixels[edges[inside[edges].all(-1)]], False, colour, MESH_LINE_WIDTH)
    for rows, columns, part in canvas.take():
        target = picture[rows, columns]
        target[:] = cv2.copyTo(target, cv2.inRange(part, BLACK, BLACK), part)
    return picture


def draw_pose(motion: Motion, t: int, style: FaceStyle, hw: HW | None = None) -> np.ndarray:
    """The pose frame of `motion` at frame `t`: RGB uint8 `[H, W, 3]`, black where nobody was detected.

    hw: size of the picture, the motion's own by default; the pose is stretched to it.
    style: `dots68` draws the face as DWPose does; `mesh` lays AniPortrait's lines over body and hands.
    """
    return _draw_frame(motion.take([t]), style, people_canvas(hw or motion.hw))


def pose_frames(
    motion: Motion, style: FaceStyle, hw: HW | None = None, side: int = CANVAS_SIDE
) -> Iterator[np.ndarray]:
    """`draw_pose` of every frame in turn, on one canvas (see `people_canvas`) and so about twice as fast."""
    canvas = people_canvas(hw or motion.hw, side)
    return (_draw_frame(motion.take([t]), style, canvas) for t in range(len(motion)))


def _draw_frame(frame: Motion, style: FaceStyle, canvas: SparseCanvas) -> np.ndarray:
    """The picture of a `Motion` of one frame."""
    face = _normalised(frame.face.xy[0], frame.hw)
    score = np.where(frame.face.seen[0], frame.face.score[0], 0)
    match style:
        case "dots68":
            return draw_people(_people(frame, *_dots68(face, score)), canvas)
        case "mesh":
            picture = draw_people(_people(frame, np.empty((0, 68, 2)), np.empty((0, 68))), canvas)
            return draw_face_mesh(np.where(score[:, None] > 0, face, np.nan), picture)
        case _:
            raise ValueError(f"a face is drawn as mesh or dots68, not as {style!r}")


def _people(frame: Motion, faces: np.ndarray, faces_score: np.ndarray) -> People:
    body, hands = frame.body, frame.hands
    bodies = _normalised(body.xy, frame.hw)
    return People(bodies, body.score, _normalised(hands.xy[0], frame.hw), hands.score[0], faces, faces_score)


def _normalised(xy: np.ndarray, hw: HW) -> np.ndarray:
    return xy.astype(np.float64) / hw[::-1]


def _dots68(face: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mesh `[468 or more, 2]`, `[468 or more]` -> iBUG-68 `[1, 68, 2]`, `[1, 68]`, as a crowd of one."""
    dots, dots_score = face68.from_mesh(face, score)
    return dots[None], dots_score[None]


def _on_canvas(xy: np.ndarray, score: np.ndarray, canvas: SparseCanvas) -> tuple[np.ndarray, np.ndarray]:
    """Normalised points -> canvas pixels, with score 0 for every missed point and no NaN left."""
    height, width = canvas.pixels.shape[:2]
    seen = np.isfinite(xy).all(-1) & (score > 0)
    return np.where(seen[..., None], xy, 0) * (width, height), np.where(seen, score, 0).astype(np.float64)


def _draw_limbs(canvas: SparseCanvas, xy: np.ndarray, score: np.ndarray) -> None:
    """Ellipses, limb by limb over all people `[N, 18, 2]`: a later limb covers an earlier one of anybody."""
    start, end = np.moveaxis(xy[:, _LIMBS], 2, 0)
    scores = score[:, _LIMBS]
    centre = ((start + end) / 2).astype(int)
    dx, dy = np.moveaxis(start - end, -1, 0)
    half = (np.hypot(dx, dy) / 2).astype(int)
    angle = np.degrees(np.arctan2(dy, dx)).astype(int)
    colour = np.minimum((_BODY_COLOURS[: len(_LIMBS)] * scores.prod(-1)[..., None]).astype(int), 255)
    # The original fades the whole canvas between limbs and joints. Fading the colours first gives the same pixels.
    colour = (colour * LIMB_FADE).astype(int)
    boxes = _boxes_along(centre, half, np.radians(angle))
    for limb, person in np.argwhere((scores >= MIN_SCORE).all(-1).T):
        at = person, limb
        for box in boxes[at].tolist():
            canvas.mark(*box)
        axes = (int(half[at]), STICK_HALF_WIDTH)
        outline = cv2.ellipse2Poly(tuple(centre[at].tolist()), axes, int(angle[at]), 0, 360, 1)
        cv2.fillConvexPoly(canvas.pixels, outline, colour[at].tolist())


def _boxes_along(centre: np.ndarray, half: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """int `[..., LIMB_BOXES, 4]` (left, top, right, bottom) that together hold a limb, on fewer pixels than one box."""
    direction = np.stack([np.cos(angle), np.sin(angle)], -1) * half[..., None]
    steps = np.linspace(-1, 1, LIMB_BOXES + 1)[:, None]
    points = centre[..., None, :] + steps * direction[..., None, :]
    margin = STICK_HALF_WIDTH + 2
    low = np.minimum(points[..., 1:, :], points[..., :-1, :]) - margin
    high = np.maximum(points[..., 1:, :], points[..., :-1, :]) + margin
    return np.concatenate([low, high], -1).astype(int)


def _draw_joints(canvas: SparseCanvas, xy: np.ndarray, score: np.ndarray) -> None:
    colour = (_BODY_COLOURS * score[..., None]).astype(int)
    for joint, person in np.argwhere(score.T > MIN_SCORE):
        at = person, joint
        x, y = xy[at].tolist()
        canvas.mark(x - JOINT_RADIUS, y - JOINT_RADIUS, x + JOINT_RADIUS, y + JOINT_RADIUS)
        cv2.circle(canvas.pixels, (x, y), JOINT_RADIUS, colour[at].tolist(), cv2.FILLED)


def _draw_hand(canvas: SparseCanvas, xy: np.ndarray, score: np.ndarray) -> None:
    drawn = (score > 0) & (xy > 0).all(-1)
    canvas.mark_around(xy[drawn], JOINT_RADIUS)
    strength = (score[_HAND_LIMBS].prod(-1) * 255).astype(int)
    colour = (_HAND_COLOURS * strength[:, None]).tolist()
    points = xy.tolist()
    for limb in np.flatnonzero(drawn[_HAND_LIMBS].all(-1)):
        start, end = HAND21_LIMBS[limb]
        cv2.line(canvas.pixels, points[start], points[end], colour[limb], HAND_LINE_WIDTH)
    for joint in np.flatnonzero(drawn):
        cv2.circle(canvas.pixels, points[joint], JOINT_RADIUS, (int(score[joint] * 255), 0, 0), cv2.FILLED)


def _draw_face_dots(canvas: SparseCanvas, xy: np.ndarray, score: np.ndarray) -> None:
    drawn = (score > 0) & (xy > 0).all(-1)
    canvas.mark_around(xy[drawn], FACE_DOT_RADIUS)
    grey = (score[drawn] * 255).astype(int).tolist()
    for point, value in zip(xy[drawn].tolist(), grey, strict=True):
        cv2.circle(canvas.pixels, point, FACE_DOT_RADIUS, (value, value, value), cv2.FILLED)
