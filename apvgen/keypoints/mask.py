"""Which pixels show the person: MediaPipe's selfie segmentation, sharpened along the picture's own edges."""

from __future__ import annotations

import cv2
import numpy as np

from apvgen.errors import MissingModelError
from apvgen.keypoints.quiet import quiet_start

EDGE_RADIUS = 16
EDGE_EPSILON = 2.5**2
"""Guided filter: the network works at 256 x 256, so its edges lie within about this many pixels of the true ones."""

SMALL = 0.75
"""The network sees a person's surroundings alone when they take less than this of the picture's width and height."""

DOUBTFUL = 0.3
"""A gap in the person with a higher mean than this is something held or worn that the network is unsure of."""


def person_mask(image: np.ndarray, keypoints: np.ndarray | None = None) -> np.ndarray:
    """float32 `[H, W]` in [0, 1], 1 on the person.

    image: RGB uint8 `[H, W, 3]`. keypoints: `[N, 2]` pixels of the wanted person, NaN where missed; with them, other
    people who do not touch this one are left out, and a person who is small in the picture is looked at closely.
    Raises MissingModelError when mediapipe is not installed.
    """
    if keypoints is not None:
        (left, top), (right, bottom) = _surroundings(keypoints, image.shape[:2])
        if max((right - left) / image.shape[1], (bottom - top) / image.shape[0]) < SMALL:
            mask = np.zeros(image.shape[:2], np.float32)
            mask[top:bottom, left:right] = person_mask(image[top:bottom, left:right], keypoints - (left, top))
            return mask
    height, width = image.shape[:2]
    radius = max(round(EDGE_RADIUS * max(height, width) / 768), 2)
    raw = _raw_mask(image)
    refined = (guided(raw, image, radius) - 0.25) / 0.6
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (radius + 1, radius + 1))
    person = _without_doubtful_holes(raw).astype(np.float32)
    mask = refined.clip(cv2.erode(person, kernel), cv2.dilate(person, kernel)).astype(np.float32)
    return mask if keypoints is None else only_person(mask, keypoints)


def _surroundings(keypoints: np.ndarray, hw: tuple[int, int]) -> np.ndarray:
    """Corners int `[2, 2]` (x, y) of the keypoints' box and as much again around it, within the picture."""
    size = np.array(hw[::-1])
    known = keypoints[np.isfinite(keypoints).all(-1)]
    if not len(known):
        return np.stack([np.zeros(2, int), size])
    low, high = known.min(0), known.max(0)
    margin = max(high - low) / 2
    return np.clip(np.stack([low - margin, high + margin]), 0, size).astype(int)


def only_person(mask: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
    """Keep the connected parts of `mask` `[H, W]` that carry a keypoint; all of it when none does.

    keypoints: `[N, 2]` pixels, NaN where missed.
    """
    height, width = mask.shape
    _, labels = cv2.connectedComponents((mask > 0.1).astype(np.uint8))
    points = keypoints[np.isfinite(keypoints).all(-1)].round().astype(int)
    inside = (points >= 0).all(-1) & (points < (width, height)).all(-1)
    wanted = np.unique(labels[points[inside, 1], points[inside, 0]])
    wanted = wanted[wanted > 0]
    return np.where(np.isin(labels, wanted), mask, 0).astype(np.float32) if len(wanted) else mask


def guided(mask: np.ndarray, image: np.ndarray, radius: int) -> np.ndarray:
    """`mask` `[H, W]` as a local linear function of the picture's colours (He, Sun and Tang, "Guided Image Filtering",
    TPAMI 2013, Eq. 19-21). OpenCV's own is only in the contrib package, which another OpenCV package may overwrite."""
    guide = image.astype(np.float32) - 128

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)

    middle, level = mean(guide), mean(mask)
    squares = mean((guide[..., :, None] * guide[..., None, :]).reshape(*mask.shape, 9)).reshape(*mask.shape, 3, 3)
    spread = squares - middle[..., :, None] * middle[..., None, :] + EDGE_EPSILON * np.eye(3, dtype=np.float32)
    shared = mean(guide * mask[..., None]) - middle * level[..., None]
    slope = np.linalg.solve(spread, shared[..., None])[..., 0]
    return (mean(slope) * guide).sum(-1) + mean(level - (slope * middle).sum(-1))


def _without_doubtful_holes(raw: np.ndarray) -> np.ndarray:
    """The person, bool `[H, W]`: above one half, and what the network itself does not clearly call background."""
    _, gaps = cv2.connectedComponents((raw <= 0.5).astype(np.uint8))
    doubt = np.bincount(gaps.ravel(), raw.ravel()) / np.maximum(np.bincount(gaps.ravel()), 1)
    return (gaps == 0) | (doubt > DOUBTFUL)[gaps]


def _raw_mask(image: np.ndarray) -> np.ndarray:
    """The network's mask of the picture and of its mirror image; of a tall picture's upper square as well, where it
    sees hair and hats larger. float32 `[H, W]` in [0, 1]."""
    height, width = image.shape[:2]
    raw = (_segment(image) + _segment(image[:, ::-1])[:, ::-1]) / 2
    if height > 1.2 * width:
        raw[:width] = np.maximum(raw[:width], _segment(image[:width]))
    return raw


def _segment(image: np.ndarray) -> np.ndarray:
    """The network's own mask, float32 `[H, W]` in [0, 1]. A fresh graph for each picture: it is not thread-safe."""
    try:
        with quiet_start():
            from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation
    except ImportError as error:
        raise MissingModelError(
            "The draft renderer cuts the person out with mediapipe, which is not installed: "
            "run `pip install -r requirements.txt`."
        ) from error
    with quiet_start(), SelfieSegmentation(model_selection=0) as segmenter:
        return segmenter.process(np.ascontiguousarray(image)).segmentation_mask
