"""The pose itself as the result: what a diffusion model would be given. For checks, and for tools that render it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from apvgen.backbones.protocol import OnLook, Shot, unseen
from apvgen.config import FaceStyle
from apvgen.progress import OnProgress, silent


class Stick:
    """See `Backbone`. face_style: how faces are drawn."""

    name = "stick"

    def __init__(self, face_style: FaceStyle = "mesh") -> None:
        self._style = face_style

    def describe(self) -> dict[str, object]:
        return {"face_style": self._style}

    def frames(
        self, shot: Shot, window: range, on_stage: OnProgress = silent, _on_look: OnLook = unseen
    ) -> Iterator[np.ndarray]:
        on_stage(self.name, 0, len(window))
        return (shot.pose_frames([t], self._style)[0] for t in window)
