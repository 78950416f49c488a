"""The network from log-mel frames to articulation: gated dilated convolutions over time, and its file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import silu

from apvgen.audio2face.articulation import CHANNELS
from apvgen.audio2face.features import BANDS
from apvgen.errors import MissingModelError

WEIGHTS_FILE, METADATA_FILE = "voice.safetensors", "voice.json"


@dataclass(frozen=True)
class NetworkShape:
    """Width of the hidden layers and the dilation of each block."""

    width: int = 112
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1)


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.gather = nn.Conv1d(width, 2 * width, 3, dilation=dilation, padding=dilation)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.gather(x).chunk(2, dim=1)
        return x + self.mix(silu(value) * torch.sigmoid(gate))


class VoiceNetwork(nn.Module):
    """`[B, 2 T, BANDS]` log-mel at 100 frames a second -> `[B, T, len(CHANNELS)]` in [0, 1] at 50 frames a second."""

    def __init__(self, shape: NetworkShape = NetworkShape()) -> None:
        super().__init__()
        self.shape = shape
        self.halve = nn.Conv1d(BANDS, shape.width, 5, stride=2, padding=2)
        self.blocks = nn.Sequential(*(_Block(shape.width, dilation) for dilation in shape.dilations))
        self.read = nn.Conv1d(shape.width, len(CHANNELS), 1)

    @property
    def reach(self) -> int:
        """Output frames to either side on which an output frame depends."""
        return sum(self.shape.dilations) + 1

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        hidden = silu(self.halve(mel.transpose(1, 2)))
        return torch.sigmoid(self.read(self.blocks(hidden))).transpose(1, 2)


def save_network(network: VoiceNetwork, folder: Path, notes: dict[str, object]) -> None:
    """Write the weights and, beside them, the shape and `notes` (licence, command, figures) as JSON."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{WEIGHTS_FILE}.partial"
    save_file(network.state_dict(), partial)
    partial.replace(folder / WEIGHTS_FILE)
    metadata = {"shape": asdict(network.shape), "channels": CHANNELS} | notes
    partial.write_text(json.dumps(metadata, indent=2) + "\n")
    partial.replace(folder / METADATA_FILE)


def load_network(folder: Path) -> tuple[VoiceNetwork, str]:
    """The network, ready to run, and a version that changes with its weights.

    Raises MissingModelError when a file is absent, damaged, or has other keys or shapes than the network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    for name in (WEIGHTS_FILE, METADATA_FILE):
        if not (folder / name).is_file():
            raise MissingModelError(
                f"{folder / name} is absent: install the program again, or train with python -m train.voice_train"
            )
    encoded = (folder / WEIGHTS_FILE).read_bytes()
    try:
        shape = json.loads((folder / METADATA_FILE).read_text())["shape"]
        network = VoiceNetwork(NetworkShape(shape["width"], tuple(shape["dilations"])))
        network.load_state_dict(load(encoded))
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise MissingModelError(
            f"the voice model in {folder} is damaged or of another version ({error}): install it again"
        ) from error
    return network.eval(), hashlib.sha256(encoded).hexdigest()[:12]
