"""The four networks of one checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffusers import AutoencoderKLTemporalDecoder
    from transformers import CLIPVisionModelWithProjection

    from apvgen.model.controlnext import ControlNeXt
    from apvgen.model.unet import ControlledUNet


@dataclass(frozen=True)
class Models:
    """What a render needs, all on one device.

    unet: v-prediction over noisy and reference latents. control: features of pose pictures. vae: pictures to latents
    and back, several frames at a time. image_encoder: the reference picture's embedding.
    """

    unet: ControlledUNet
    control: ControlNeXt
    vae: AutoencoderKLTemporalDecoder
    image_encoder: CLIPVisionModelWithProjection
