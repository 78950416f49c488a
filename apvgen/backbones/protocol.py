"""What every backbone gets and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from apvgen.config import FaceStyle
from apvgen.pose import draw_pose
from apvgen.progress import OnProgress, silent
from apvgen.types import HW, Audio, Motion, Reference

OnLook = Callable[[Callable[[], np.ndarray]], None]
"""Called now and then with a function that draws the unfinished result: RGB uint8 `[n, h, w, 3]`, small pictures."""


def unseen(_draw: Callable[[], np.ndarray]) -> None:
    """An unfinished result that nobody looks at."""


@dataclass(frozen=True)
class Shot:
    """What is to be shown.

    reference: the person, at the output's size.
    motion: the pose of every frame, in output pixels.
    voice: the sound, for models that listen to it themselves; the lips are already in `motion`.
    scratch: a folder where a backbone may keep what spares it work when the shot is rendered again after an edit.
    """

    reference: Reference
    motion: Motion
    voice: Audio | None = None
    scratch: Path | None = None

    def __post_init__(self) -> None:
        if self.motion.hw != self.reference.hw:
            raise ValueError(f"the motion is for pictures of {self.motion.hw}, the reference has {self.reference.hw}")

    def __len__(self) -> int:
        return len(self.motion)

    @property
    def hw(self) -> HW:
        return self.motion.hw

    def pose_frames(self, indices: Sequence[int], style: FaceStyle) -> np.ndarray:
        """Pose pictures of some frames, drawn now: RGB uint8 `[n, H, W, 3]`."""
        drawn = [draw_pose(self.motion, t, style) for t in indices]
        return np.stack(drawn) if drawn else np.zeros((0, *self.hw, 3), np.uint8)


class Backbone(Protocol):
    """A way to turn a pose into pictures of the reference person.

    name: what the result is called in settings and on the page. stage: what its frames are reported as.
    """

    name: str

    def describe(self) -> dict[str, object]:
        """What made the result, as plain JSON values: settings, versions, hashes of weights. Goes beside the video."""
        ...

    def frames(
        self, shot: Shot, window: range, on_stage: OnProgress = silent, on_look: OnLook = unseen
    ) -> Iterator[np.ndarray]:
        """Frame after frame, RGB uint8 `[H, W, 3]` of the shot's size, for the frames in `window` (step 1).

        Work before the first frame is reported to `on_stage`, and shown to `on_look` where there is something to see.
        Raises RenderError and its kinds.
        """
        ...
