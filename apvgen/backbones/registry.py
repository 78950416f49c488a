"""Which backbone a name means."""

from __future__ import annotations

from apvgen.backbones.options import RenderOptions
from apvgen.backbones.protocol import Backbone
from apvgen.config import FaceStyle


def load_backbone(options: RenderOptions, face_style: FaceStyle, before: Backbone | None = None) -> Backbone:
    """The backbone that was asked for, ready to render; its weights may be loaded later, at the first frame.

    face_style: how pose frames draw faces, for backbones whose weights do not say. before: an earlier backbone, whose
    weights are taken over where they are the same. Raises MissingModelError or CheckpointError when weights are absent
    or cannot be used.
    """
    if options.renderer == "draft":
        from apvgen.backbones.draft import Draft

        return Draft()
    if options.renderer == "stick":
        from apvgen.backbones.stick import Stick

        return Stick(face_style)
    from apvgen.backbones.controlnext_svd import ControlNeXtSVD

    return ControlNeXtSVD.of(options, before)
