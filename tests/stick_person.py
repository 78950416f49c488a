"""A stick person of known colours, whose pixels are known in every pose."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from apvgen.draft.face import EYES, INNER_LIPS, OVAL
from apvgen.layouts import BODY18, FACE468, HANDS
from apvgen.tracks import load_motion
from apvgen.types import Motion, Reference, Track

HW, FPS = (384, 256), Fraction(25)
JOINTS = np.array(
    [
        *[(128, 75), (128, 120), (98, 120), (74, 170), (60, 222), (158, 120), (182, 170), (196, 222)],
        *[(110, 222), (108, 290), (106, 350), (146, 222), (148, 290), (150, 350)],
        *[(118, 66), (138, 66), (104, 70), (152, 70)],
    ],
    np.float32,
)
R_SHOULDER, R_ELBOW, R_WRIST, L_ELBOW, L_WRIST, R_HIP, R_KNEE = 2, 3, 4, 6, 7, 8, 9
GREY, TRUNK, SKIN, HAIR, LIPS, IRIS = (
    (120, 125, 130),
    (40, 160, 60),
    (215, 175, 150),
    (90, 50, 20),
    (190, 80, 90),
    (30, 60, 220),
)
LIMBS = {
    (2, 3): ((200, 40, 40), 11),
    (3, 4): ((240, 200, 40), 9),
    (5, 6): ((40, 40, 200), 11),
    (6, 7): ((200, 40, 200), 9),
    (8, 9): ((40, 200, 200), 13),
    (9, 10): ((20, 90, 90), 10),
    (11, 12): ((250, 130, 30), 13),
    (12, 13): ((120, 70, 20), 10),
}


def real_mesh() -> np.ndarray:
    """A detected face with its lips shut, fitted into the stick person's head: `[468, 2]`."""
    motion = load_motion(Path(__file__).parents[1] / "assets" / "example" / "motion.npz")
    mesh = motion.face.xy[0, :468].astype(float)
    mesh = (mesh - mesh[list(OVAL)].mean(0)) / np.ptp(mesh[list(OVAL), 1]) * 62 + JOINTS[0] - [0, 2]
    return with_mouth(mesh, 0)


def with_mouth(mesh: np.ndarray, gap: float) -> np.ndarray:
    """The mesh with its inner lips `gap` pixels apart in the middle, the lower lip moved with its edge."""
    upper, lower = (list(lip[1:-1]) for lip in INNER_LIPS)
    opened = mesh.copy()
    drop = mesh[upper] + np.outer(np.sin(np.linspace(0, np.pi, 11))[1:-1], (0, gap)) - mesh[lower]
    opened[lower] += drop
    for below in ((96, 89, 179, 86, 15, 316, 403, 319, 325), (77, 90, 180, 85, 16, 315, 404, 320, 307)):
        opened[list(below)] += drop
    return opened


def draw_person(mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image, mask = np.full((*HW, 3), GREY, np.uint8), np.zeros(HW, np.uint8)

    def paint(draw, colour: tuple[int, int, int]) -> None:
        draw(image, colour)
        draw(mask, 1)

    for (start, end), (colour, half) in LIMBS.items():
        ends = [JOINTS[k].astype(int).tolist() for k in (start, end)]
        paint(lambda on, c, ends=ends, half=half: cv2.line(on, *ends, c, 2 * half), colour)
    chest = JOINTS[[2, 5, 11, 8]] + np.array([(-8, -6), (8, -6), (6, 6), (-6, 6)], np.float32)
    paint(lambda on, c: cv2.fillConvexPoly(on, chest.astype(np.int32), c), TRUNK)
    for (start, end), (colour, half) in list(LIMBS.items())[:4]:
        ends = [JOINTS[k].astype(int).tolist() for k in (start, end)]
        paint(lambda on, c, ends=ends, half=half: cv2.line(on, *ends, c, 2 * half), colour)
    paint(lambda on, c: cv2.rectangle(on, (118, 95), (138, 122), c, -1), SKIN)
    paint(lambda on, c: cv2.ellipse(on, (128, 66), (32, 42), 0, 0, 360, c, -1), HAIR)
    outline = mesh.round().astype(np.int32)
    paint(lambda on, c: cv2.fillPoly(on, [outline[list(OVAL)]], c), SKIN)
    for upper, lower in EYES:
        eye = mesh[[*upper, *lower[::-1]]]
        cv2.fillPoly(image, [(eye.mean(0) + 0.5 * (eye - eye.mean(0))).round().astype(np.int32)], IRIS)
    lips = outline[[61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91]]
    cv2.fillPoly(image, [lips], LIPS)
    return image, mask.astype(np.float32)


def motion_of(body: np.ndarray, face: np.ndarray | None = None, palms: np.ndarray | None = None) -> Motion:
    """body `[T, 18, 2]`, face `[T, 468, 2]`, palms `[T, 2, 21, 2]`; NaN where missed."""
    frames = len(body)
    face = np.full((frames, 468, 2), np.nan) if face is None else face
    palms = np.full((frames, 2, 21, 2), np.nan) if palms is None else palms

    def track(layout, xy: np.ndarray) -> Track:
        return Track(layout, xy.astype(np.float32), np.isfinite(xy).all(-1).astype(np.float32), HW, FPS)

    return Motion(track(BODY18, body), track(HANDS, palms), track(FACE468, face))


def stick_person(mesh: np.ndarray) -> Reference:
    image, mask = draw_person(mesh)
    return Reference(image, motion_of(JOINTS[None], mesh[None]), mask)


def at(picture: np.ndarray, place) -> np.ndarray:
    """Median colour of the 3 x 3 pixels about a place (x, y)."""
    x, y = np.rint(place).astype(int)
    return np.median(picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3), 0)


def is_colour(found: np.ndarray, wanted, tolerance: float = 40) -> bool:
    return bool(np.abs(found.astype(float) - wanted).max() <= tolerance)


def between(body: np.ndarray, start: int, end: int, share: float = 0.5) -> np.ndarray:
    return body[start] + share * (body[end] - body[start])


def turned(body: np.ndarray, pivot: int, joints: tuple[int, ...], degrees: float) -> np.ndarray:
    """The body with `joints` turned clockwise on the picture about the joint `pivot`."""
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = body.astype(float)
    moved[list(joints)] = (body[list(joints)] - body[pivot]) @ rotation.T + body[pivot]
    return moved
