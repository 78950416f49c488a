"""The draft renderer as a backbone: the photo, warped. Needs no weights and no GPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from apvgen.backbones.protocol import OnLook, Shot, unseen
from apvgen.progress import OnProgress, silent


class Draft:
    """See `Backbone`."""

    name = "draft"

    def describe(self) -> dict[str, object]:
        return {}

    def frames(
        self, shot: Shot, window: range, on_stage: OnProgress = silent, _on_look: OnLook = unseen
    ) -> Iterator[np.ndarray]:
        from apvgen.draft import DraftRenderer

        on_stage(self.name, 0, len(window))
        renderer = DraftRenderer(shot.reference)
        return (renderer.render(shot.motion, t) for t in window)
