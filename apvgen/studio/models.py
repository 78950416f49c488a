"""The models of one studio, loaded once and kept."""

from __future__ import annotations

from apvgen.backbones.options import RenderOptions
from apvgen.backbones.protocol import Backbone
from apvgen.backbones.registry import load_backbone
from apvgen.config import DetectorName, FaceStyle, Options
from apvgen.pipeline import Animator, OnProgress


class Models:
    """One animator for each detector. For the one thread that works: its options change with every job."""

    def __init__(self) -> None:
        self._animators: dict[DetectorName, Animator] = {}
        self._backbone: Backbone | None = None

    def animator(self, options: Options) -> Animator:
        """The animator with the detector that `options` ask for, set to those options."""
        animator = self._animators.setdefault(options.detector, Animator())
        animator.options = options
        return animator

    def backbone(self, options: RenderOptions, face_style: FaceStyle) -> Backbone:
        """What renders. The weights of the last one are kept, and no others: they are large."""
        self._backbone = load_backbone(options, face_style, self._backbone)
        return self._backbone

    def warm_up(self, _on_progress: OnProgress) -> None:
        """Load the default models, so that the first analysis need not wait for them."""
        animator = self.animator(Options())
        _ = animator.detector, animator.voice_model
