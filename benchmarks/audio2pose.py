"""Head motion from a voice: keeping keys and values against running the decoder on all earlier poses for each frame.

Random weights of the published size, one thread; the original's chunk of 150 frames and its longest one of 300.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from transformers import Wav2Vec2Config

from apvgen.audio2face.audio2pose import POSE, Audio2Pose, biased_mask

_FRAMES = (150, 300)
_REPEATS = 3
_WIDTH = 512


def run() -> dict[str, float]:
    """CPU seconds (which other work disturbs little) of the decoder alone, both ways in turn, and their ratio."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Audio2Pose(Wav2Vec2Config(num_hidden_layers=1), _WIDTH).eval()
    results = {}
    for frames in _FRAMES:
        heard = torch.randn(1, frames, _WIDTH)
        pairs = [(_timed(model.decode, heard), _timed(recomputed, model, heard)) for _ in range(_REPEATS)]
        results |= {
            f"audio2pose_{frames}_frames_cached_cpu_s": median(cached for cached, _ in pairs),
            f"audio2pose_{frames}_frames_recomputed_cpu_s": median(slow for _, slow in pairs),
            f"audio2pose_{frames}_frames_ratio": median(slow / cached for cached, slow in pairs),
        }
    return results


def recomputed(model: Audio2Pose, heard: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
    """What `Audio2Pose.decode` gives, computed as AniPortrait does: on the whole prefix for each frame."""
    batch, frames, _ = heard.shape
    mask = biased_mask(8, frames).repeat(batch, 1, 1)
    others = ~torch.eye(frames, dtype=torch.bool)
    person = model.id_embed(identity)[:, None]
    poses = heard.new_zeros(batch, 1, POSE)
    for t in range(1, frames + 1):
        prefix = model.pose_map(poses) + model.PPE.pe[:, :t] + person
        hidden = model.transformer_decoder(prefix, heard, mask[:, :t, :t], others[:t])
        poses = torch.cat([poses, model.pose_map_r(hidden[:, -1:])], dim=1)
    return poses[:, 1:]


def _timed(decode: Callable[..., torch.Tensor], *arguments: object) -> float:
    with torch.inference_mode():
        start = time.process_time()
        decode(*arguments, torch.tensor([3]))
        return time.process_time() - start
