"""The black surround of a scaled face picture, painted: the reference picture `r_hat` (METHOD section 6).

Painting is done once for each clip, when data is prepared, on a canvas that holds the frame of every FDA map that may
be drawn; training only looks through a window of it (`seen_through`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from PIL import Image

from apvgen.errors import MissingModelError
from apvgen.types import HW, Affine
from train.fda_statistics import PAPER, FdaDistribution

FACT = "surround"
"""The key in a clip's facts: {"method": ..., "margins": [left, top, right, bottom]}."""

PICTURE_SIDE = 384
"""Pixels of the longer side of the face picture on its canvas. A map makes it at most 307 px high at 768 x 512."""

_ROUNDING = 0.01
"""Of the frame: what rounding a map to whole pixels changes at most, in frames of 50 px and more."""


@dataclass(frozen=True)
class Margins:
    """How far a surround reaches beyond its picture, in its widths (left, right) and heights (top, bottom)."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, maps: FdaDistribution) -> Margins:
        """The least that holds the frames of all maps of a distribution: a frame reaches from -b/a to (1 - b)/a."""
        a_x, a_y = maps.a_x - maps.delta_x - _ROUNDING, maps.a_y - maps.delta_y - _ROUNDING
        lowest, highest = maps.b_y + maps.delta_b + _ROUNDING, maps.b_y - maps.delta_b - _ROUNDING
        side = (1 - a_x) / a_x
        return cls(side, max(lowest, 0) / a_y, side, (1 - highest) / a_y - 1)

    def hold(self, other: Margins) -> bool:
        """Whether nothing of `other` lies beyond these, to a thousandth."""
        return all(mine >= theirs - 1e-3 for mine, theirs in zip(astuple(self), astuple(other), strict=True))


SURROUND = Margins.of(PAPER)
"""For the paper's maps."""


class Painter(Protocol):
    """Fills the unknown part of a picture. name: kept with every clip."""

    name: str

    def __call__(self, canvas: np.ndarray, unknown: np.ndarray, seed: int) -> np.ndarray:
        """RGB uint8 `[H, W, 3]` and bool `[H, W]` -> RGB uint8 `[H, W, 3]`. The unknown part of `canvas` comes filled
        by `extend`; what is known may change, and is put back by the caller.
        """
        ...


@dataclass(frozen=True)
class Surround:
    """A painted canvas. image: RGB uint8 `[h, w, 3]`. margins: of this image, exactly. method: the painter's name."""

    image: np.ndarray
    margins: Margins
    method: str

    @property
    def facts(self) -> dict[str, Any]:
        """What to put into the clip's facts."""
        return {FACT: {"method": self.method, "margins": list(astuple(self.margins))}}


def margins_of(facts: Mapping[str, Any]) -> Margins:
    """The margins of a clip's surround, by its facts; `SURROUND` where they say nothing."""
    return Margins(*facts[FACT]["margins"]) if "margins" in facts.get(FACT, {}) else SURROUND


def paint(
    picture: np.ndarray, painter: Painter, margins: Margins = SURROUND, side: int = PICTURE_SIDE, seed: int = 0
) -> Surround:
    """Surround RGB uint8 `[H, W, 3]`, shrunk to at most `side` px, by what `painter` imagines around it."""
    scale = min(side / max(picture.shape[:2]), 1)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    height, width = small.shape[:2]
    left, right = (math.ceil(margin * width) for margin in (margins.left, margins.right))
    top, bottom = (math.ceil(margin * height) for margin in (margins.top, margins.bottom))
    unknown = np.ones((top + height + bottom, left + width + right), bool)
    known = np.s_[top : top + height, left : left + width]
    unknown[known] = False
    image = painter(extend(small, (left, top, right, bottom)), unknown, seed).copy()
    image[known] = small
    exact = Margins(left / width, top / height, right / width, bottom / height)
    return Surround(image, exact, painter.name)


def seen_through(surround: np.ndarray, margins: Margins, affine: Affine, hw: HW) -> np.ndarray:
    """`r_hat`: the frame, RGB uint8 `[*hw, 3]`, into which `affine` puts the surround's picture.

    affine: normalised to the frame, one map. Raises ValueError where the surround does not reach that far.
    """
    height, width = surround.shape[:2]
    unit = np.array([width / (1 + margins.left + margins.right), height / (1 + margins.top + margins.bottom)])
    origin, end = np.array([margins.left, margins.top]) * unit, np.array([width, height])
    back = affine.inverse()
    low, high = (origin + back.apply(corner) * unit for corner in (np.zeros(2), np.ones(2)))
    if (low < -1).any() or (high > end + 1).any():
        raise ValueError(f"the surround with {margins} does not reach as far as the map {affine} shows")
    box = *np.maximum(low, 0), *np.minimum(high, end)
    return np.asarray(Image.fromarray(surround).resize(hw[::-1], Image.Resampling.BILINEAR, box=box))


class Classical:
    """`extend` as a painter."""

    name = "classical"

    def __call__(self, canvas: np.ndarray, unknown: np.ndarray, seed: int) -> np.ndarray:  # noqa: ARG002
        return canvas


_EDGE = 1 / 64
"""Of the picture's sides: a single row is often darkened by the frame of the film, and noise makes stripes."""

_SHARP = 6
"""Distance from the picture, in standard deviations of the blur there."""


def _calm_edges(picture: np.ndarray) -> np.ndarray:
    """The picture with the mean of a few rows or columns in place of the outermost ones."""
    calm = picture.copy()
    rows, columns = (max(round(side * _EDGE), 1) for side in picture.shape[:2])
    calm[:, 0], calm[:, -1] = picture[:, :columns].mean(1), picture[:, -columns:].mean(1)
    calm[0], calm[-1] = calm[:rows].mean(0), calm[-rows:].mean(0)
    return calm


def extend(picture: np.ndarray, margins: tuple[int, int, int, int]) -> np.ndarray:
    """The colours at a picture's edges drawn outwards, the softer the farther out: background beside and above a head,
    clothes below. margins: left, top, right, bottom in pixels.
    """
    left, top, right, bottom = margins
    inside = np.s_[top : top + picture.shape[0], left : left + picture.shape[1]]
    sharp = cv2.copyMakeBorder(_calm_edges(picture), top, bottom, left, right, cv2.BORDER_REPLICATE)
    sharp[inside] = picture
    outside = np.ones(sharp.shape[:2], np.uint8)
    outside[inside] = 0
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    level = np.log2(1 + distance / _SHARP)
    blend, blurred = sharp.astype(np.float32), sharp
    for halvings in range(1, math.ceil(level.max()) + 1):
        blurred = cv2.pyrDown(blurred)
        share = np.clip(level - halvings + 1, 0, 1)[..., None]
        smooth = cv2.resize(blurred, sharp.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        blend += share * (smooth - blend)
    return np.clip(blend, 0, 255).round().astype(np.uint8)


HUB_MODELS = (
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
    "stabilityai/stable-diffusion-2-inpainting",
    "stable-diffusion-v1-5/stable-diffusion-inpainting",
)
"""Inpainting models that "auto" looks for on this machine, the best first. The paper used a pipeline of this kind
("Diffusers Image Outpaint", a demonstration built on diffusers)."""

_PROMPT = "photo of a person, whole body, standing in a room, natural light, sharp, high quality"
_NEGATIVE = "frame, border, second person, text, collage, painting, blurry"

_PAINTED_SIDE = 1024
"""Longer side in pixels that the pipeline paints at; sides are multiples of 64."""


class Diffusers:
    """An inpainting pipeline of diffusers as a painter.

    pipeline: takes and returns what `AutoPipelineForInpainting` does. name: of its model.
    """

    def __init__(self, pipeline: Callable[..., Any], name: str, steps: int = 30) -> None:
        self._pipeline, self._steps = pipeline, steps
        self.name = f"diffusers {name}"

    def __call__(self, canvas: np.ndarray, unknown: np.ndarray, seed: int) -> np.ndarray:
        import torch

        whole = canvas.shape[1::-1]
        width, height = (max(round(side * _PAINTED_SIDE / max(whole) / 64), 1) * 64 for side in whole)
        image, mask = (
            Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
            for picture in (canvas, unknown.astype(np.uint8) * 255)
        )
        painted = self._pipeline(
            prompt=_PROMPT,
            negative_prompt=_NEGATIVE,
            image=image,
            mask_image=mask,
            width=width,
            height=height,
            num_inference_steps=self._steps,
            generator=torch.Generator().manual_seed(seed),
        ).images[0]
        return np.asarray(painted.convert("RGB").resize(whole, Image.Resampling.LANCZOS))


def load_painter(name: str = "auto", process: int = 0) -> Painter:
    """A painter by name: "classical", a folder with an inpainting model in diffusers' layout, or a model of the hub
    that has been downloaded; "auto" takes the first of `HUB_MODELS` that is on this machine, else the classical one.
    process: of this machine; each takes the next GPU.

    Raises MissingModelError where the named model is not here.
    """
    if name == "classical":
        return Classical()
    if name == "auto":
        name = next((model for model in HUB_MODELS if _is_downloaded(model)), "classical")
        return load_painter(name, process)
    if Path(name).is_dir() or _is_downloaded(name):
        return Diffusers(_load_pipeline(name, process), Path(name).name if Path(name).is_dir() else name)
    raise MissingModelError(_ABSENT.format(model=name))


_ABSENT = (
    "No inpainting model {model} is on this machine; download it (`hf download {model}`), give a folder with one in "
    'diffusers\' layout, or use the "classical" painter.'
)


def _is_downloaded(model: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    with suppress(HFValidationError):  # such as a path of several folders
        return isinstance(try_to_load_from_cache(model, "model_index.json"), str)
    return False


def _load_pipeline(model: str, process: int) -> Callable[..., Any]:
    import torch
    from diffusers import AutoPipelineForInpainting

    gpus = torch.cuda.device_count()
    try:
        pipeline = AutoPipelineForInpainting.from_pretrained(
            model, dtype=torch.float16 if gpus else torch.float32, local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise MissingModelError(_ABSENT.format(model=model)) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(f"cuda:{process % gpus}" if gpus else "cpu")
