"""What data preparation, the data set and the training loop hand to each other.

    folders of videos -prepare-> shards of Clips -dataset-> Examples -collate-> batch -objective-> losses
    the synthetic world -------> shards of Clips (exact tracks in the place of detected ones)

Frame 0 of an example is the reference picture, as the sampler puts it first in every window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from apvgen.types import Audio, Motion

Kind = Literal["face", "body"]
"""`face`: close-ups of people who talk. `body`: people who move, seen whole or from the knees up."""


@dataclass(frozen=True)
class Clip:
    """One clip of a shard: a single person, a single shot.

    key: unique in a data set, usable as a file name. frames: RGB uint8 `[T, H, W, 3]`.
    motion: of the same frames and size. voice: None where there is none.
    surround: a face clip's reference picture with more around it than the video shows, RGB uint8 `[h, w, 3]`: as much
        as the frame of any FDA map may show (`train.outpaint.SURROUND`); None for body clips.
    reference_frame: the frame that `surround` was painted around.
    facts: JSON values: source, person, quality figures, how the surround was painted.
    """

    key: str
    kind: Kind
    frames: np.ndarray
    motion: Motion
    voice: Audio | None = None
    surround: np.ndarray | None = None
    reference_frame: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"{self.key}: a clip's kind is face or body, not {self.kind!r}")
        if self.frames.ndim != 4 or self.frames.shape[-1] != 3 or self.frames.dtype != np.uint8:
            raise ValueError(f"{self.key}: frames must be uint8 [T, H, W, 3], not {self.frames.shape}")
        if len(self.motion) != len(self.frames) or self.motion.hw != self.frames.shape[1:3]:
            raise ValueError(
                f"{self.key}: {len(self.frames)} frames of {self.frames.shape[1:3]} px, but keypoints of "
                f"{len(self.motion)} frames of {self.motion.hw} px"
            )
        if (self.kind == "face") != (self.surround is not None):
            raise ValueError(f"{self.key}: face clips have a surround, body clips have none")
        if not 0 <= self.reference_frame < len(self.frames):
            raise ValueError(f"{self.key}: reference frame {self.reference_frame} of {len(self.frames)} frames")


@dataclass(frozen=True)
class Example:
    """What one optimiser step sees of one clip, at the size that is trained.

    frames: RGB uint8 `[F + 1, H, W, 3]`: the reference picture, then F frames of the clip.
    poses: RGB uint8 `[F + 1, H, W, 3]`, black where no pose is known.
    mask: float32 `[F + 1, H, W]`, at least 0: how much the loss counts. One everywhere in body examples; in face
        examples one inside the scaled face video and on the whole reference frame, and what is asked for on mouths.
    identity: names everything that the pixels of `frames` depend on (clip, frames, FDA map, size, flip), so that
        latents can be kept under it.
    """

    key: str
    kind: Kind
    frames: np.ndarray
    poses: np.ndarray
    mask: np.ndarray
    identity: str
