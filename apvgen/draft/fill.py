"""Pictures with holes: what may stand behind the person, and colour beyond the edge of a part."""

from __future__ import annotations

import cv2
import numpy as np

INPAINT_SCALE = 4
"""Background is invented at a quarter of the picture's size: broad colours, no false detail."""


HALO = 1 / 110
"""The person's outline colours this share of the picture's height around it."""


def fill_background(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture without its person: uint8 `[H, W, 3]`. mask: float32 `[H, W]`, above 0 on the person."""
    height, width = mask.shape
    person = cv2.dilate(mask, np.ones((2 * int(HALO * height) + 1,) * 2)) > 0.02
    size = (max(width // INPAINT_SCALE, 1), max(height // INPAINT_SCALE, 1))
    hole = (cv2.resize(person.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    known = spread_colour(image, (~person).astype(np.float32))
    small = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    filled = cv2.inpaint(small, hole, 3, cv2.INPAINT_TELEA)
    soft = cv2.GaussianBlur(filled, (0, 0), max(size) / 30)
    depth = cv2.distanceTransform(hole, cv2.DIST_L2, 3) / (max(size) / 30)
    filled = _mix(filled, soft, depth.clip(0, 1))
    filled = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
    edge = cv2.GaussianBlur(person.astype(np.float32), (0, 0), 1.5)
    return np.where(person[..., None], filled, _mix(image, filled, edge))


def spread_colour(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours of the weighted pixels, spread smoothly over the rest (pull-push pyramid): uint8 `[H, W, 3]`.

    weight: float32 `[H, W]` in [0, 1]; pixels of weight 1 keep their colour exactly.
    """
    spread = _pull_push(image * weight[..., None].astype(np.float32), weight)
    return np.rint(spread).clip(0, 255).astype(np.uint8)


def _pull_push(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Gortler et al., The Lumigraph, section 3.4.3: average what is known into a coarser level, fill in from it."""
    own = weighted / np.maximum(weight, 1e-6)[..., None]
    height, width = weight.shape
    if min(height, width) <= 2:
        return own
    coarse = _pull_push(cv2.pyrDown(weighted), cv2.pyrDown(weight))
    share = weight.clip(0, 1)[..., None]
    return own * share + cv2.pyrUp(coarse, dstsize=(width, height)) * (1 - share)


def _mix(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`first` where `share` is 0, `second` where it is 1; uint8 pictures, share `[H, W]`."""
    return cv2.blendLinear(first, second, (1 - share).astype(np.float32), share.astype(np.float32))
