"""AniPortrait's two networks, tiny and random, so that the path through the voice model runs in seconds."""

import json
from pathlib import Path

import torch
from transformers import Wav2Vec2Config

from apvgen.audio2face.aniportrait import MESH_WEIGHTS, POSE_WEIGHTS, SPEECH_CONFIG
from apvgen.audio2face.audio2mesh import Audio2Mesh
from apvgen.audio2face.audio2pose import Audio2Pose

SPEECH = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
WIDTH = 64


def tiny_networks(seed: int = 0) -> tuple[Audio2Mesh, Audio2Pose]:
    """Both networks in evaluation mode; what they say changes from frame to frame, as with real weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = Wav2Vec2Config(**SPEECH)
        return Audio2Mesh(config, WIDTH).eval(), Audio2Pose(config, WIDTH).eval()


def make_tiny_aniportrait(folder: Path, seed: int = 0) -> Path:
    """Write both networks as they are published: pickled state dicts, and the encoder's architecture beside them."""
    mesh, pose = tiny_networks(seed)
    (folder / SPEECH_CONFIG).parent.mkdir(parents=True)
    (folder / SPEECH_CONFIG).write_text(json.dumps(SPEECH))
    torch.save(mesh.state_dict(), folder / f"{MESH_WEIGHTS}.pt")
    torch.save(pose.state_dict(), folder / f"{POSE_WEIGHTS}.pt")
    return folder
