"""Finding people in pictures and videos: body, hands and face.

Importing this package loads no network; a detector loads its own when it is first used.
"""

from __future__ import annotations

from pathlib import Path

from apvgen.config import DetectorName
from apvgen.keypoints.detector import Detector, OnProgress
from apvgen.keypoints.people import Detection, PersonTrack
from apvgen.keypoints.weights import rtmlib_weights

__all__ = ["Detection", "Detector", "OnProgress", "PersonTrack", "load_detector", "rtmlib_weights"]


def load_detector(name: DetectorName = "auto", weights: Path | None = None) -> Detector:
    """A detector by name; its `describe()` says which it is and why.

    name: "auto" takes rtmlib where its weights are on this machine and else mediapipe; "rtmlib" downloads them if
    needed. weights: the folder of rtmlib's ONNX files (see `rtmlib_weights`).
    Raises MissingModelError when a package or weights are absent.
    """
    if name == "mediapipe" or (name == "auto" and not rtmlib_weights(weights)):
        from apvgen.keypoints.mediapipe import mediapipe_detector

        return mediapipe_detector("" if name == "mediapipe" else ", since no weights for rtmlib were found")
    if name in ("auto", "rtmlib"):
        from apvgen.keypoints.rtmlib import rtmlib_detector

        return rtmlib_detector(weights, ", since its weights were found" if name == "auto" else "")
    raise ValueError(f"detector must be auto, mediapipe or rtmlib, not {name!r}")
