"""OpenPose's JSON: one file a frame, as `--write_json` makes them.

Coordinates are pixels, a missed point is 0, 0, 0. The body is BODY_25, or COCO's 18 points, which ControlNet's tools
expect (CMU-Perceptual-Computing-Lab/openpose, `doc/02_output.md`, `src/openpose/pose/poseParameters.cpp`). Our own body
is COCO's. In BODY_25 the hips' middle is their mean and the feet are missed; when read, both are left out.
OpenPose does not say how large its picture is. `canvas_height` and `canvas_width`, with which ControlNet's tools say
it, and `fps` are added here, and used where present. Coordinates of at most 1 are taken as shares of the picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from apvgen.errors import MediaError
from apvgen.exchange import files
from apvgen.exchange.people import BODY, FACE, POINTS, Reading, checked, one_of, points_of
from apvgen.types import HW, Motion

Body = Literal["body25", "coco18"]

BODY25_FROM_BODY18 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""BODY_25's number of each of COCO's 18 points."""

_MID_HIP, _HIPS = 8, (8, 11)
_VERSION = 1.3
_KEYS = {"pose": BODY, "hand_left": slice(18, 39), "hand_right": slice(39, 60), "face": FACE}
_SIZES = {"pose": (18, 25), "hand_left": (21,), "hand_right": (21,), "face": (70, 68)}


def write(motion: Motion, out: Path, body: Body = "body25") -> None:
    """Write a folder, or a zip, of `000000000000_keypoints.json` and so on. Raises OutputError."""
    files.write(out, _encoded(motion, body))


def read(path: Path, reading: Reading) -> Motion:
    """Read a folder or zip of JSON files, one a frame. Raises MediaError, LimitError, InputError, NoPersonError."""
    crowd, size, fps = [], None, None
    for name, content in files.frames(path, ".json", reading.limits):
        frame = _parsed(content, name)
        own_size = _size(frame, name)
        if size not in (None, own_size):
            raise MediaError(f"{name} has another picture size than the frames before; give frames of one video.")
        size, fps = own_size, fps or _rate(frame, name)
        crowd.append(_people(frame, name, size or reading.hw))
    return one_of(crowd, path.name, fps, size, reading)


def _encoded(motion: Motion, body: Body) -> Iterator[files.Frame]:
    height, width = motion.hw
    more = {"canvas_height": height, "canvas_width": width, "fps": str(motion.fps)}
    for t, points in enumerate(points_of(motion)):
        people = [_person(points, body)] if points[:, 2].any() else []
        text = json.dumps({"version": _VERSION, "people": people, **more}, separators=(",", ":"))
        yield f"{t:012d}_keypoints.json", text.encode()


def _person(points: np.ndarray, body: Body) -> dict[str, list[float]]:
    parts = {key: points[where] for key, where in _KEYS.items()}
    if body == "body25":
        parts["pose"] = _body25(parts["pose"])
    flat = {f"{key}_keypoints_2d": _numbers(part) for key, part in parts.items()}
    return {"person_id": [-1], **flat, **{f"{key}_keypoints_3d": [] for key in _KEYS}}


def _body25(body: np.ndarray) -> np.ndarray:
    points = np.zeros((25, 3), np.float32)
    points[list(BODY25_FROM_BODY18)] = body
    hips = body[list(_HIPS)]
    if hips[:, 2].all():
        points[_MID_HIP] = [*hips[:, :2].mean(0), hips[:, 2].min()]
    return points


def _numbers(points: np.ndarray) -> list[float]:
    """The shortest decimals that give the same float32 again."""
    return [float(str(value)) for value in points.ravel()]


def _parsed(content: bytes, name: str) -> dict[str, object]:
    try:
        frame = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MediaError(f"{name} is not JSON ({str(error).splitlines()[0]}); export it again.") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("people"), list):
        raise MediaError(f"{name} is not OpenPose's JSON: it has no list of people; export it with --write_json.")
    return frame


def _people(frame: dict[str, object], name: str, hw: HW | None) -> np.ndarray:
    found = [_points(person, name) for person in frame["people"]]
    people = np.stack(found) if found else np.zeros((0, POINTS, 3))
    if hw and 0 < np.abs(people[..., :2]).max(initial=0) <= 1:
        people[..., :2] *= hw[::-1]
    return checked(people, name)


def _points(person: object, name: str) -> np.ndarray:
    if not isinstance(person, dict):
        raise MediaError(f"{name} has a person that is no set of key points; export it with --write_json.")
    points = np.zeros((POINTS, 3))
    for key, where in _KEYS.items():
        part = _part(person.get(f"{key}_keypoints_2d") or [], f"{key}_keypoints_2d", _SIZES[key], name)
        if key == "pose" and len(part) == 25:
            part = part[list(BODY25_FROM_BODY18)]
        points[where.start or 0 :][: len(part)] = part
    return points


def _part(values: object, key: str, sizes: tuple[int, ...], name: str) -> np.ndarray:
    try:
        flat = np.array(values, float).ravel()
    except (TypeError, ValueError, OverflowError) as error:
        raise MediaError(f"{name} has something else than numbers in {key}; export it again.") from error
    if len(flat) not in (0, *(3 * size for size in sizes)):
        wanted = " or ".join(str(3 * size) for size in sizes)
        raise MediaError(f"{name} has {len(flat)} numbers in {key}, not {wanted}; export it as BODY_25 or COCO.")
    return flat.reshape(-1, 3)


def _size(frame: dict[str, object], name: str) -> HW | None:
    if "canvas_height" not in frame or "canvas_width" not in frame:
        return None
    sides = frame["canvas_height"], frame["canvas_width"]
    if not all(isinstance(side, int) and 0 < side <= 16384 for side in sides):
        raise MediaError(f"{name} has a picture of {sides[0]} x {sides[1]} px; export it again.")
    return sides


def _rate(frame: dict[str, object], name: str) -> Fraction | None:
    try:
        return Fraction(str(frame["fps"])).limit_denominator(100_000) if "fps" in frame else None
    except (ValueError, ZeroDivisionError) as error:
        raise MediaError(f"{name} has no frame rate in fps; export it again.") from error
