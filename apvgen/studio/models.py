"""The models of one studio, loaded once and kept."""

from __future__ import annotations

from apvgen.config import DetectorName, Options
from apvgen.pipeline import Animator, OnProgress


class Models:
    """One animator for each detector. For the one thread that works: its options change with every job."""

    def __init__(self) -> None:
        self._animators: dict[DetectorName, Animator] = {}

    def animator(self, options: Options) -> Animator:
        """The animator with the detector that `options` ask for, set to those options."""
        animator = self._animators.setdefault(options.detector, Animator())
        animator.options = options
        return animator

    def warm_up(self, _on_progress: OnProgress) -> None:
        """Load the default models, so that the first analysis need not wait for them."""
        animator = self.animator(Options())
        _ = animator.detector, animator.voice_model
