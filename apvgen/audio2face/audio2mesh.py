"""AniPortrait's network from a voice to the shape of the face, frame by frame.

Parameter names are those of the published `audio2mesh.pt`. Method: Zejun-Yang/AniPortrait, `src/audio_models/model.py`.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import Wav2Vec2Config

from apvgen.audio2face.landmarks import POINTS
from apvgen.audio2face.wav2vec import FrameWav2Vec2


class Audio2Mesh(nn.Module):
    """`[B, N]` samples (see `FrameWav2Vec2`) -> `[B, frames, 468, 3]`: offsets from a person's metric face, in cm."""

    def __init__(self, config: Wav2Vec2Config, width: int = 512, mean_of_layers: bool = False) -> None:
        """mean_of_layers: read the mean of all hidden states instead of the last; the published weights do not."""
        super().__init__()
        self.mean_of_layers = mean_of_layers
        self.audio_encoder = FrameWav2Vec2(config)
        self.in_fn = nn.Linear(config.hidden_size, width)
        self.out_fn = nn.Linear(width, POINTS * 3)

    def forward(self, samples: torch.Tensor, frames: int) -> torch.Tensor:
        heard = self.audio_encoder(samples, frames, output_hidden_states=self.mean_of_layers)
        hidden = torch.stack(heard.hidden_states).mean(0) if self.mean_of_layers else heard.last_hidden_state
        return self.out_fn(self.in_fn(hidden)).unflatten(-1, (POINTS, 3))
