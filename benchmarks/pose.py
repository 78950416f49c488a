"""Pose drawing against the published way: every step over the whole 2160-pixel canvas."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from apvgen import layouts
from apvgen.pose import People, draw_people, people_canvas, pose_frames
from apvgen.tracks import load_motion
from apvgen.types import HW, Motion

EXAMPLE = Path(__file__).parents[1] / "assets" / "example" / "motion.npz"
FRAMES = 50


def run() -> dict[str, float]:
    """Medians on one thread: frames of the bundled example with a body, two hands and a face, 768 x 512 px."""
    motion = load_motion(EXAMPLE).take(slice(FRAMES))
    people = _people_of(motion.take([0]))
    canvas = people_canvas(motion.hw)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        slow = _seconds(lambda: draw_people_slowly(people, motion.hw), repeats=9)
        face = motion.face.xy[0] / motion.hw[::-1]
        slow_mesh = _seconds(lambda: draw_face_mesh_slowly(face, motion.hw), repeats=9)
        people_only = _seconds(lambda: draw_people(people, canvas), repeats=99)
        mesh = _seconds(lambda: deque(pose_frames(motion, "mesh"), maxlen=0), repeats=9)
        dots68 = _seconds(lambda: deque(pose_frames(motion, "dots68"), maxlen=0), repeats=9)
    finally:
        cv2.setNumThreads(threads)
    return {
        "published_people_ms": slow * 1e3,
        "published_face_mesh_ms": slow_mesh * 1e3,
        "people_ms": people_only * 1e3,
        "people_speedup": slow / people_only,
        "mesh_frames_per_s": FRAMES / mesh,
        "mesh_speedup": (slow + slow_mesh) * FRAMES / mesh,
        "dots68_frames_per_s": FRAMES / dots68,
        "dots68_speedup": slow * FRAMES / dots68,
    }


def draw_people_slowly(people: People, hw: HW) -> np.ndarray:
    """DWPose's drawing, step by step as published: RGB uint8 `[H, W, 3]`. The tests' yardstick too."""
    scale = 2160 / min(hw)
    canvas = np.zeros((int(hw[0] * scale), int(hw[1] * scale), 3), np.uint8)
    size = np.array(canvas.shape[1::-1])
    for limb in range(17):
        for xy, score in zip(people.bodies, people.bodies_score, strict=True):
            _stick(canvas, xy * size, score, limb)
    canvas = (canvas * 0.6).astype(np.uint8)
    for joint in range(18):
        for xy, score in zip(people.bodies, people.bodies_score, strict=True):
            if score[joint] > 0.3:
                _dot(canvas, xy[joint] * size, 4, np.trunc(np.multiply(layouts.BODY18_COLOURS[joint], score[joint])))
    for xy, score in zip(people.hands, people.hands_score, strict=True):
        _hand(canvas, xy * size, score)
    for xy, score in zip(people.faces.reshape(-1, 2), people.faces_score.reshape(-1), strict=True):
        if score > 0 and (xy * size >= 1).all():
            _dot(canvas, xy * size, 3, (int(score * 255),) * 3)
    return cv2.resize(canvas, hw[::-1])


def draw_face_mesh_slowly(face: np.ndarray, hw: HW) -> np.ndarray:
    """AniPortrait's drawing, line by line: RGB uint8 `[H, W, 3]` from normalised points `[468 or more, 2]`."""
    canvas = np.zeros((512, 512, 3), np.uint8)
    for colour, edges in layouts.FACE_MESH_EDGES:
        for edge in edges:
            ends = face[list(edge)]
            if ((ends >= 0) & (ends <= 1)).all():
                start, end = np.minimum(np.floor(ends * 512), 511).astype(int).tolist()
                cv2.line(canvas, start, end, colour, 2)
    return cv2.resize(canvas, hw[::-1])


def _stick(canvas: np.ndarray, xy: np.ndarray, score: np.ndarray, limb: int) -> None:
    a, b = layouts.BODY18_LIMBS[limb]
    if not (score[a] >= 0.3 and score[b] >= 0.3):
        return
    centre = ((xy[a] + xy[b]) / 2).astype(int).tolist()
    dx, dy = xy[a] - xy[b]
    outline = cv2.ellipse2Poly(
        centre, (int(math.hypot(dx, dy) / 2), 4), int(math.degrees(math.atan2(dy, dx))), 0, 360, 1
    )
    cv2.fillConvexPoly(canvas, outline, np.trunc(np.multiply(layouts.BODY18_COLOURS[limb], score[a] * score[b])))


def _hand(canvas: np.ndarray, xy: np.ndarray, score: np.ndarray) -> None:
    drawn = (score > 0) & (xy >= 1).all(-1)
    for (a, b), colour in zip(layouts.HAND21_LIMBS, layouts.HAND21_COLOURS, strict=True):
        if drawn[a] and drawn[b]:
            start, end = xy[[a, b]].astype(int).tolist()
            cv2.line(canvas, start, end, np.multiply(colour, int(score[a] * score[b] * 255)), 2)
    for joint in np.flatnonzero(drawn):
        _dot(canvas, xy[joint], 4, (int(score[joint] * 255), 0, 0))


def _dot(canvas: np.ndarray, xy: np.ndarray, radius: int, colour: np.ndarray | tuple[int, int, int]) -> None:
    cv2.circle(canvas, xy.astype(int).tolist(), radius, colour, -1)


def _seconds(call: Callable[[], object], repeats: int) -> float:
    """Median processor time of this thread: a busy machine's other work is not counted."""
    call()
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return median(times)


def _people_of(frame: Motion) -> People:
    """Body, hands and 68 face points of a one-frame `Motion`, normalised."""
    body, hands, face = (part.xy / frame.hw[::-1] for part in (frame.body, frame.hands, frame.face))
    dots = face[:, np.array(layouts.FACE68_FROM_MESH)].mean(2)
    return People(body, frame.body.score, hands[0], frame.hands.score[0], dots, np.ones((1, 68)))
