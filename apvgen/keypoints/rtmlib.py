"""Whole bodies as DWPose sees them, through rtmlib: people by YOLOX, 133 points by RTMPose; the face by MediaPipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from functools import partial
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apvgen.errors import MissingModelError
from apvgen.keypoints.coco133 import WholeBody, head, motion_of
from apvgen.keypoints.detector import Backend, Followed, TrackingDetector
from apvgen.keypoints.graphs import FaceGraph
from apvgen.keypoints.mediapipe import mediapipe_version
from apvgen.keypoints.quest import Quest
from apvgen.keypoints.weights import FOLDER_VARIABLE, rtmlib_cache, rtmlib_weights

if TYPE_CHECKING:
    from rtmlib.tools.base import BaseTool

_REVISION = 1
"""To be raised with every change of results, since caches know them by it."""

_DOWNLOAD = "balanced"
"""rtmlib's own choice: YOLOX-m and RTMW-x/l at 256 x 192."""

_SEEN = 0.3
"""Least score of a point that counts as seen (DWPose)."""

_LEAST_POINTS = 3
"""Seen joints of the 17 without which there is no person: RTMPose gives points for any picture."""

_EXPANSION = 1.25
"""Of the box of a body's points, for the next frame (Tau-J/rtmlib, `solution/pose_tracker.py`)."""

_BODY = slice(17)

_POINTS = 133


def rtmlib_detector(folder: Path | None = None, why: str = "") -> TrackingDetector:
    """The detector with weights of a folder, or of this machine, or else downloaded.

    folder: see `rtmlib_weights`; None allows the download. why: added to its description.
    Raises MissingModelError, which says what to do.
    """
    people, body = rtmlib_weights(folder) or _download(folder)
    version = f"{_rtmlib_version()}-{_REVISION}+{people.stem}+{body.stem}+mediapipe-{mediapipe_version()}"
    description = f"rtmlib ({body.name}, people by {people.name}) with MediaPipe's face mesh{why}"
    # One set of networks: ONNX Runtime already uses all cores.
    return TrackingDetector(
        Backend("rtmlib", version, description, partial(RtmlibNetworks, people, body), motion_of, 1)
    )


class RtmlibNetworks:
    """See `detector.Networks`."""

    def __init__(self, people: Path, body: Path) -> None:
        from rtmlib import YOLOX, RTMPose

        self._people = _load(YOLOX, people)
        self._people.model_input_size = _input_hw(self._people)
        self._body = _load(RTMPose, body)
        self._body.model_input_size = _input_hw(self._body)[::-1]
        _check_points(self._body)
        self._face = FaceGraph()

    def sight(self, image: np.ndarray) -> Sequence[np.ndarray]:
        limits = np.array(image.shape[1::-1] * 2)
        boxes = np.clip(np.reshape(self._people(_bgr(image)), (-1, 4)), 0, limits).astype(np.float32)
        return [box for box in boxes if (box[2:] > box[:2]).all()]

    def follow(self, images: Iterable[np.ndarray], start: int, quest: Quest) -> Iterator[Followed | None]:
        box = None
        self._face.forget()
        for frame, image in enumerate(images, start):
            points = self._points(image, _united(None if quest.begins_shot(frame) else box, quest.expected(frame)))
            box = None if points is None else _box_around(points)
            if box is None or not quest.is_wanted(box, frame):
                self._face.forget()
                box = None
                yield None
            else:
                yield Followed(box, WholeBody(points, *self._face(image, head(points[:, :2]))))

    def close(self) -> None:
        self._face.close()

    def _points(self, image: np.ndarray, box: np.ndarray | None) -> np.ndarray | None:
        """float64 `[133, 3]` x, y in pixels and score; None without a box or a person in it."""
        if box is None:
            return None
        xy, score = self._body(_bgr(image), bboxes=[box])
        seen = score[0, _BODY] > _SEEN
        return np.column_stack([xy[0], score[0]]) if seen.sum() >= _LEAST_POINTS else None


def _bgr(image: np.ndarray) -> np.ndarray:
    """rtmlib takes pictures as OpenCV reads them."""
    return np.ascontiguousarray(image[..., ::-1])


def _box_around(points: np.ndarray) -> np.ndarray:
    seen = points[points[:, 2] > _SEEN, :2]
    centre, half = (seen.max(0) + seen.min(0)) / 2, np.ptp(seen, axis=0) / 2 * _EXPANSION
    return np.concatenate([centre - half, centre + half])


def _united(followed: np.ndarray | None, expected: np.ndarray | None) -> np.ndarray | None:
    """The box around where the points were and where the survey saw the person, so that no raised arm is lost."""
    boxes = [box for box in (followed, expected) if box is not None]
    if not boxes:
        return None
    return np.concatenate([np.min([box[:2] for box in boxes], 0), np.max([box[2:] for box in boxes], 0)])


def _load(tool: type[BaseTool], path: Path) -> BaseTool:
    # rtmlib prints what it loads, which would spoil machine-readable output.
    with redirect_stdout(StringIO()):
        try:
            return tool(str(path), backend="onnxruntime")
        except Exception as error:  # ONNX Runtime's errors have no base of their own.
            raise MissingModelError(
                f"{path} cannot be loaded as ONNX weights ({str(error).splitlines()[0]}): download it again."
            ) from error


def _input_hw(tool: BaseTool) -> tuple[int, int]:
    height, width = tool.session.get_inputs()[0].shape[2:]
    if not (isinstance(height, int) and isinstance(width, int)):
        raise MissingModelError(f"{tool.onnx_model} has no fixed input size: use the files that rtmlib downloads.")
    return height, width


def _check_points(tool: BaseTool) -> None:
    points = tool.session.get_outputs()[0].shape[1]
    if points != _POINTS:
        raise MissingModelError(
            f"{tool.onnx_model} gives {points} points, not the {_POINTS} of a whole body: use DWPose or RTMW weights."
        )


def _download(folder: Path | None) -> tuple[Path, Path]:
    """rtmlib's own weights, into its own cache."""
    needed = (
        f"a YOLOX model (yolox*.onnx) and a whole-body model (dw*.onnx or rtmw*.onnx) in {folder or rtmlib_cache()}"
    )
    if folder is not None:
        raise MissingModelError(f"The rtmlib detector needs {needed}: put them there, or use the detector mediapipe.")
    try:
        from rtmlib import Wholebody
        from rtmlib.tools.file import download_checkpoint

        urls = Wholebody.MODE[_DOWNLOAD]
        return Path(download_checkpoint(urls["det"])), Path(download_checkpoint(urls["pose"]))
    except (ImportError, OSError) as error:
        raise MissingModelError(
            f"The rtmlib detector needs {needed} or the folder named by {FOLDER_VARIABLE}, and they cannot be "
            f"downloaded ({error}): go online once, put them there, or use the detector mediapipe."
        ) from error


def _rtmlib_version() -> str:
    try:
        return metadata.version("rtmlib")
    except metadata.PackageNotFoundError as error:
        raise MissingModelError(
            "rtmlib is not installed: run `pip install -r requirements.txt`, or use the detector mediapipe."
        ) from error
