"""AniPortrait's network from a voice to head motion: a transformer decoder that feeds on its own poses.

Parameter names are those of the published `audio2pose.pt`. Method: Zejun-Yang/AniPortrait,
`src/audio_models/pose_model.py`, which runs the decoder on all earlier poses again for every frame. Here each layer
keeps its keys and values, and attention to the voice, which sees one frame only, is one linear map before the loop.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import linear, relu, scaled_dot_product_attention
from transformers import Wav2Vec2Config

from apvgen.audio2face.wav2vec import FrameWav2Vec2

POSE = 6
"""Numbers a frame: extrinsic x, y, z rotations in degrees, then the translation in centimetres."""
IDENTITIES = 100
"""People of the training data, each with a way of moving."""
LONGEST = 600
"""Frames that the table of positions holds."""
_HEADS, _LAYERS = 8, 8

Cache = tuple[torch.Tensor, torch.Tensor]


class Audio2Pose(nn.Module):
    """`[B, N]` samples (see `FrameWav2Vec2`) -> `[B, frames, POSE]`, for at most LONGEST frames."""

    def __init__(self, config: Wav2Vec2Config, width: int = 512) -> None:
        super().__init__()
        self.audio_encoder = FrameWav2Vec2(config)
        self.pose_map = nn.Linear(POSE, width)
        self.in_fn = nn.Linear(config.hidden_size, width)
        self.PPE = PositionTable(width)
        layer = DecoderLayer(width, _HEADS, dim_feedforward=2 * width, batch_first=True)
        self.transformer_decoder = nn.TransformerDecoder(layer, _LAYERS)
        self.pose_map_r = nn.Linear(width, POSE)
        self.id_embed = nn.Embedding(IDENTITIES, width)

    def forward(self, samples: torch.Tensor, frames: int, identity: torch.Tensor) -> torch.Tensor:
        """identity: integers `[B]` below IDENTITIES."""
        return self.decode(self.listen(samples, frames), identity)

    def listen(self, samples: torch.Tensor, frames: int) -> torch.Tensor:
        """`[B, frames, width]`: what the decoder hears in each frame."""
        return self.in_fn(self.audio_encoder(samples, frames).last_hidden_state)

    def decode(self, heard: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        """Poses `[B, T, POSE]` for what is heard, `[B, T, width]`; each depends on what was heard up to its frame."""
        batch, frames, _ = heard.shape
        places = self.PPE.pe[:, :frames] + self.id_embed(identity)[:, None]
        mask = biased_mask(_HEADS, frames).to(heard)
        layers = [(layer, layer.hear(heard), layer.empty_cache(heard)) for layer in self.transformer_decoder.layers]
        poses = heard.new_zeros(batch, frames + 1, POSE)
        for t in range(frames):
            hidden = self.pose_map(poses[:, t : t + 1]) + places[:, t : t + 1]
            for layer, heard_by_layer, cache in layers:
                hidden = layer.step(hidden, heard_by_layer[:, t : t + 1], mask[:, t : t + 1, : t + 1], cache)
            poses[:, t + 1] = self.pose_map_r(hidden[:, 0])
        return poses[:, 1:]


class PositionTable(nn.Module):
    """Sines and cosines of the frame number (Vaswani et al. 2017, section 3.5), `pe` `[1, LONGEST, width]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        rates = torch.exp(torch.arange(0, width, 2).float() * (-torch.log(torch.tensor(10000.0)) / width))
        angles = torch.arange(LONGEST).float()[:, None] * rates
        self.register_buffer("pe", torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[None])


class DecoderLayer(nn.TransformerDecoderLayer):
    """A decoder layer, in evaluation mode, one frame at a time. Dropout is left out: it is for training."""

    def hear(self, heard: torch.Tensor) -> torch.Tensor:
        """Attention to `[B, T, width]` when each frame sees its own alone: its weight is 1, so values pass through."""
        attention, width = self.multihead_attn, heard.shape[-1]
        values = linear(heard, attention.in_proj_weight[2 * width :], attention.in_proj_bias[2 * width :])
        return attention.out_proj(values)

    def empty_cache(self, heard: torch.Tensor) -> Cache:
        """Room for the keys and values, `[B, heads, T, width of a head]` each, of as many frames as are heard."""
        batch, frames, width = heard.shape
        shape = (batch, self.self_attn.num_heads, frames, width // self.self_attn.num_heads)
        return heard.new_empty(shape), heard.new_empty(shape)

    def step(self, hidden: torch.Tensor, heard: torch.Tensor, mask: torch.Tensor, cache: Cache) -> torch.Tensor:
        """The next frame `[B, 1, width]`.

        heard: this frame of `hear`. mask: `[heads, 1, t + 1]`, added to the attention of frame t to frames 0 to t.
        cache: entry t is filled in place.
        """
        hidden = self.norm1(hidden + self._look_back(hidden, mask, cache))
        hidden = self.norm2(hidden + heard)
        return self.norm3(hidden + self.linear2(relu(self.linear1(hidden))))

    def _look_back(self, hidden: torch.Tensor, mask: torch.Tensor, cache: Cache) -> torch.Tensor:
        attention, seen = self.self_attn, mask.shape[-1]
        projected = linear(hidden, attention.in_proj_weight, attention.in_proj_bias)
        query, key, value = projected.unflatten(-1, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4)
        keys, values = cache
        keys[:, :, seen - 1 : seen], values[:, :, seen - 1 : seen] = key, value
        found = scaled_dot_product_attention(query, keys[:, :, :seen], values[:, :, :seen], attn_mask=mask)
        return attention.out_proj(found.transpose(1, 2).flatten(2))


def biased_mask(heads: int, frames: int) -> torch.Tensor:
    """float32 `[heads, frames, frames]`: -inf for later frames, for earlier ones -slope a frame of distance.

    Slopes are 2^(-8/heads), 2^(-16/heads), ... for a power of two of heads (ALiBi, Press et al. 2022, section 3).
    """
    slopes = 2.0 ** (-8 / heads * torch.arange(1, heads + 1))
    frame = torch.arange(frames)
    distance = (frame[:, None] - frame).float()
    return (-slopes[:, None, None] * distance).masked_fill(distance < 0, -torch.inf)
