"""COCO-WholeBody's 133 points as an `.npz`, with the names under which rtmlib, DWPose and mmpose give them.

    keypoints [T, 133, 2] or [T, people, 133, 2]     pixels
    scores [T, 133] or [T, people, 133]              0 where missed, whose place is then 0, 0

Order: COCO's 17 of the body, 6 of the feet, iBUG's 68 of the face, left and right hand
(Tau-J/rtmlib, `visualization/skeleton/coco133.py`). There is no neck: when read, it is the middle of the shoulders, as
DWPose makes it. Feet are left out, and missed when written. `hw` and `fps` (numerator, denominator), as in a motion
file, are added here and used where present. Also read: `keypoint_scores` for `scores`, and `keypoints` `[..., 3]`.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from apvgen import tracks
from apvgen.errors import MediaError
from apvgen.exchange.files import MOST_BYTES
from apvgen.exchange.people import BODY, FACE, HAND_PAIR, MOST_PEOPLE, POINTS, Reading, checked, one_of, points_of
from apvgen.keypoints import coco133
from apvgen.keypoints.clean import BODY18_FROM_COCO
from apvgen.types import HW, Motion

KEYPOINTS = "keypoints"
_COUNT, _OPENPOSE_COUNT = 133, 134
_NECK = 1
_FACE133, _HANDS133 = slice(23, 91), slice(91, 133)


def write(motion: Motion, out: Path) -> None:
    """Write an `.npz`. Raises OutputError."""
    points = points_of(motion)
    joints = [joint for joint in range(18) if joint != _NECK]
    whole = np.zeros((len(points), _COUNT, 3), np.float32)
    whole[:, [BODY18_FROM_COCO[joint] for joint in joints]] = points[:, joints]
    whole[:, _FACE133], whole[:, _HANDS133] = points[:, FACE][:, :68], points[:, HAND_PAIR]
    clock = {"hw": np.array(motion.hw), "fps": np.array(motion.fps.as_integer_ratio())}
    tracks.save_arrays(out, {"keypoints": whole[..., :2].copy(), "scores": whole[..., 2].copy(), **clock})


def read(path: Path, reading: Reading) -> Motion:
    """Read an `.npz`, never a pickle. Raises MediaError, LimitError, InputError, NoPersonError."""
    name, arrays = path.name, tracks.load_arrays(path, MOST_BYTES)
    points = _points(arrays, name)
    crowd = [checked(_people(frame), f"Frame {t} of {name}") for t, frame in enumerate(points)]
    return one_of(crowd, name, _rate(arrays, name), _size(arrays, name), reading)


def _points(arrays: tracks.Arrays, name: str) -> np.ndarray:
    """float `[T, people, 133, 3]`."""
    keypoints, scores = arrays[KEYPOINTS], arrays.get("scores", arrays.get("keypoint_scores"))
    if not all(array.dtype.kind in "fiu" for array in (keypoints, scores) if array is not None):
        raise MediaError(f"{name} holds something else than numbers in keypoints or scores; export it again.")
    if scores is None and keypoints.shape[-1:] == (3,):
        keypoints, scores = keypoints[..., :2], keypoints[..., 2]
    if scores is None:
        raise MediaError(f"{name} has keypoints but no scores; export both.")
    if keypoints.ndim == 3:
        keypoints, scores = keypoints[:, None], scores[:, None] if scores.ndim == 2 else scores
    if keypoints.ndim != 4 or keypoints.shape[-1] != 2 or keypoints.shape[:-1] != scores.shape:
        raise MediaError(
            f"{name} has keypoints {list(arrays['keypoints'].shape)} and scores {list(scores.shape)}, "
            f"not [frames, people, {_COUNT}, 2] and [frames, people, {_COUNT}]; export it again."
        )
    _check_counts(keypoints, name)
    return np.concatenate([keypoints, scores[..., None]], -1).astype(np.float32)


def _check_counts(keypoints: np.ndarray, name: str) -> None:
    _, people, count, _ = keypoints.shape
    if count == _OPENPOSE_COUNT:
        raise MediaError(f"{name} has 134 points in OpenPose's order; export the 133 (in rtmlib: to_openpose=False).")
    if count != _COUNT:
        raise MediaError(f"{name} has {count} points a person, not the {_COUNT} of COCO-WholeBody; export those.")
    if people > MOST_PEOPLE:
        raise MediaError(f"{name} holds {people} people a frame, more than {MOST_PEOPLE}; export fewer.")


def _people(whole: np.ndarray) -> np.ndarray:
    """`[people, 133, 3]` -> `[people, 130, 3]`; a person without any score is none."""
    whole = whole[(whole[..., 2] > 0).any(-1)]
    people = np.zeros((len(whole), POINTS, 3), np.float32)
    xy, score = coco133.body18(whole[..., :2], whole[..., 2])
    people[:, BODY] = np.concatenate([xy, score[..., None]], -1)
    people[:, FACE][:, :68], people[:, HAND_PAIR] = whole[:, _FACE133], whole[:, _HANDS133]
    return people


def _size(arrays: tracks.Arrays, name: str) -> HW | None:
    if "hw" not in arrays:
        return None
    hw = arrays["hw"]
    if hw.shape != (2,) or hw.dtype.kind not in "iu" or not all(0 < side <= 16384 for side in hw.tolist()):
        raise MediaError(f"{name} has {hw.tolist()!r:.40} as hw, not height and width in pixels; export it again.")
    return int(hw[0]), int(hw[1])


def _rate(arrays: tracks.Arrays, name: str) -> Fraction | None:
    if "fps" not in arrays:
        return None
    fps = arrays["fps"]
    parts = fps.ravel().tolist() if fps.dtype.kind in "fiu" and fps.size <= 2 else []
    if not parts or not all(0 < part < 2**31 for part in parts):
        raise MediaError(f"{name} has {fps.tolist()!r:.40} as fps, not a number; export it again.")
    return Fraction(parts[0]).limit_denominator(100_000) / Fraction(parts[1] if len(parts) == 2 else 1)
