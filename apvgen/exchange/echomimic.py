"""EchoMimicV2's pose folder: `0.npy`, `1.npy`, ..., 24 frames a second, each one pickled dictionary.

    bodies               candidate [18 n, 2], score [n, 18], subset [n, 18] (row of the candidate, -1 below 0.3)
    hands                [2 n, 21, 2], all left ones first; hands_score [2 n, 21]
    faces                [n, 68, 2] iBUG; faces_score [n, 68]
    num                  number of the frame
    draw_pose_params     height and width of the picture, then the rows and columns that it takes of the square that
                         EchoMimicV2 renders: [height, width, top, bottom, left, right]

Coordinates are shares of the picture's width and height. A missed point is -1, -1 with score 0.
(antgroup/echomimic_v2: `infer.py`, `EMTD_dataset/preprocess.py`, `src/models/dwpose/dwpose_detector.py`.)
Pupils are left out. EchoMimicV2 draws the hands only, into 768 x 768 px; so a picture of another form is written as
large as fits the middle of that square, and the reference photo has to be padded likewise.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from apvgen.errors import MediaError
from apvgen.exchange import files, pickled
from apvgen.exchange.people import BODY, FACE, HAND_PAIR, POINTS, Reading, checked, one_of, points_of
from apvgen.types import HW, Motion

FPS = Fraction(24)
SIDE = 768
_SUBSET_SCORE = 0.3
_MISSED = -1.0


def write(motion: Motion, out: Path) -> None:
    """Write a folder, or a zip, of poses; `motion` must have 24 frames a second. Raises OutputError."""
    if motion.fps != FPS:
        raise ValueError(f"EchoMimicV2's poses have {FPS} frames a second, not {motion.fps}")
    files.write(out, _encoded(motion))


def square(hw: HW) -> tuple[int, int, int, int, int, int]:
    """`draw_pose_params` of a picture of size `hw`: as large as fits, in the middle of the square."""
    height, width = (round(side * SIDE / max(hw)) for side in hw)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    return height, width, top, top + height, left, left + width


def read(path: Path, reading: Reading) -> Motion:
    """Read a folder or zip of poses, without trusting it. Raises MediaError, LimitError, NoPersonError."""
    crowd, size = [], None
    for name, content in files.frames(path, ".npy", reading.limits):
        pose = _pose(content, name)
        own_size = _size(pose, name)
        if size not in (None, own_size):
            raise MediaError(f"{name} has another picture size than the frames before; give frames of one video.")
        size = own_size
        crowd.append(checked(_people(pose, name, size), name))
    return one_of(crowd, path.name, FPS, size, reading)


def _encoded(motion: Motion) -> Iterator[files.Frame]:
    params = list(square(motion.hw))
    for t, points in enumerate(points_of(motion).astype(float)):
        seen = points[:, 2] > 0
        shares = np.where(seen[:, None], points[:, :2] / motion.hw[::-1], _MISSED)
        yield f"{t}.npy", _npy(_dictionary(shares, points[:, 2], t, params))


def _dictionary(shares: np.ndarray, score: np.ndarray, number: int, params: list[int]) -> dict[str, object]:
    subset = np.where(score[None, BODY] > _SUBSET_SCORE, np.arange(18.0), -1.0)
    face = slice(FACE.start, FACE.start + 68)
    return {
        "bodies": {"candidate": shares[BODY], "subset": subset, "score": score[None, BODY]},
        "hands": shares[HAND_PAIR].reshape(2, 21, 2),
        "hands_score": score[HAND_PAIR].reshape(2, 21),
        "faces": shares[None, face],
        "faces_score": score[None, face],
        "num": number,
        "draw_pose_params": params,
    }


def _npy(pose: dict[str, object]) -> bytes:
    """What `np.save` makes of a dictionary, under the name that every numpy since version 1 knows its arrays by."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    content = pickle.dumps(np.array(pose, object), protocol=3)
    return file.getvalue() + content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def _pose(content: bytes, name: str) -> dict[str, object]:
    try:
        pose = pickled.loads(content)
    except pickled.Refused as error:
        raise MediaError(
            f"{name} is not one of EchoMimicV2's poses: it holds {error}; export it again with its own tools."
        ) from error
    if not isinstance(pose, dict) or not isinstance(pose.get("bodies"), dict):
        raise MediaError(f"{name} is not one of EchoMimicV2's poses: it has no bodies; export it again.")
    return pose


def _size(pose: dict[str, object], name: str) -> HW:
    params = np.array(pose.get("draw_pose_params", ()), object).ravel().tolist()
    if len(params) != 6 or not all(isinstance(part, int) and 0 <= part <= 16384 for part in params) or 0 in params[:2]:
        raise MediaError(f"{name} lacks the six whole numbers of draw_pose_params; export it again.")
    return params[0], params[1]


def _people(pose: dict[str, object], name: str, hw: HW) -> np.ndarray:
    """`[people, 130, 3]` pixels."""
    bodies = pose["bodies"]
    score = _array(bodies, "score", (None, 18), name)
    count = len(score)
    body = _array(bodies, "candidate", (18 * count, 2), name).reshape(count, 18, 2)
    hands, hands_score = (
        _array(pose, key, (2 * count, 21, *last), name) for key, last in (("hands", (2,)), ("hands_score", ()))
    )
    # EchoMimicV2's own tool keeps one face where there are more bodies.
    face, face_score = (
        _array(pose, key, (None, 68, *last), name)[:count] for key, last in (("faces", (2,)), ("faces_score", ()))
    )
    people = np.zeros((count, POINTS, 3))
    people[:, BODY] = _joined(body, score)
    people[:, HAND_PAIR] = _joined(*(np.stack([part[:count], part[count:]], 1) for part in (hands, hands_score)))
    people[: len(face), FACE.start : FACE.start + 68] = _joined(face, face_score)
    people[..., :2] *= hw[::-1]
    return people


def _joined(xy: np.ndarray, score: np.ndarray) -> np.ndarray:
    """`[n, ..., 2]`, `[n, ...]` -> `[n, points, 3]`."""
    return np.concatenate([xy, score[..., None]], -1).reshape(len(xy), -1 if len(xy) else 0, 3)


def _array(pose: dict[str, object], key: str, shape: tuple[int | None, ...], name: str) -> np.ndarray:
    value = pose.get(key)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise MediaError(f"{name} lacks the array {key}; export it again.")
    if value.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, value.shape, strict=True)):
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise MediaError(f"{name} has {key} of shape {list(value.shape)}, not [{wanted}]; export it again.")
    return value.astype(float)
