"""The models of one studio, loaded once and kept."""

from __future__ import annotations

from functools import partial

from apvgen.backbones.options import RenderOptions
from apvgen.backbones.protocol import Backbone
from apvgen.backbones.registry import load_backbone
from apvgen.config import FaceStyle, Options
from apvgen.pipeline import AnalysisModels, Animator
from apvgen.progress import OnProgress
from apvgen.studio import zerogpu


class Models:
    """What one studio has loaded. For the one thread that works."""

    def __init__(self) -> None:
        self._analysis = AnalysisModels()
        self._backbone: Backbone | None = None

    def animator(self, options: Options) -> Animator:
        """What makes projects with those options."""
        return Animator(options, self._analysis)

    def backbone(self, options: RenderOptions, face_style: FaceStyle) -> Backbone:
        """What renders. The weights of the last one are kept, and no others: they are large."""
        self._backbone = load_backbone(options, face_style, self._backbone)
        if options.renderer == "diffusion" and zerogpu.available():
            return zerogpu.OnZeroGpu(self._backbone, partial(zerogpu.lent_seconds, options))
        return self._backbone

    def warm_up(self, _on_progress: OnProgress) -> None:
        """Load the default models, so that the first analysis need not wait for them."""
        animator = self.animator(Options())
        _ = animator.detector, animator.voice_model
