"""The speech encoder of AniPortrait: wav2vec 2.0 whose convolution features are put on the video's clock first.

Parameter names are those of the published checkpoints. Method: Zejun-Yang/AniPortrait, `src/audio_models/wav2vec2.py`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate
from transformers import Wav2Vec2Config, Wav2Vec2Model
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.output_capturing import capture_outputs

SAMPLE_RATE = 16000

_WEIGHT_NORM_NAMES = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
"""What torch calls the two halves of a weight-normalised weight now, and what it called them in the checkpoints."""


class FrameWav2Vec2(Wav2Vec2Model):
    """Wav2vec 2.0 base (95 M parameters by default), one hidden state a video frame."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        # Loading needs no such hook: torch itself still accepts the old names.
        self.register_state_dict_post_hook(_use_published_names)

    def features(self, samples: torch.Tensor, frames: int) -> torch.Tensor:
        """`[B, frames, C]`: convolution features of `[B, N]` samples, stretched from the first frame to the last."""
        convolved = self.feature_extractor(samples)
        return interpolate(convolved, size=frames, mode="linear", align_corners=True).transpose(1, 2)

    @capture_outputs(tie_last_hidden_states=False)
    def forward(self, samples: torch.Tensor, frames: int, **_: bool) -> BaseModelOutput:
        """Hidden states `[B, frames, D]` for `[B, N]` samples of mean 0 and variance 1 at SAMPLE_RATE.

        With `output_hidden_states=True`, those of every layer too, what enters the first one included.
        """
        hidden, _ = self.feature_projection(self.features(samples, frames))
        return BaseModelOutput(last_hidden_state=self.encoder(hidden).last_hidden_state)


def normalised(samples: np.ndarray) -> np.ndarray:
    """float32 `[N]` with mean 0 and variance 1, as wav2vec 2.0 expects; silence stays silence."""
    mean, variance = samples.mean(dtype=np.float64), samples.var(dtype=np.float64)
    return ((samples - np.float32(mean)) / np.float32(np.sqrt(variance + 1e-7))).astype(np.float32)


def _use_published_names(
    _module: nn.Module, state: dict[str, torch.Tensor], prefix: str, _metadata: dict[str, object]
) -> None:
    convolution = f"{prefix}encoder.pos_conv_embed.conv."
    for name, published in _WEIGHT_NORM_NAMES.items():
        state[convolution + published] = state.pop(convolution + name)
