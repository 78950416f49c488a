"""Train the built-in voice model from nothing: `python -m train.voice_train --out assets/voice`.

Speaks the corpus (kept in --cache), trains, resumes where an interrupted run of the same settings stopped, and writes
the weights, what they are and how well they do on voices never heard in training, and the mesh fields.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import numpy as np
import torch
from safetensors.numpy import save_file
from torch.nn.functional import mse_loss
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from apvgen.audio2face.articulation import CHANNELS
from apvgen.audio2face.features import BANDS, SILENCE, band_centres, normalise_level
from apvgen.audio2face.mesh import BASIS_FILE
from apvgen.audio2face.network import NetworkShape, VoiceNetwork, save_network
from apvgen.files import complete_or_absent
from train.voice_basis import build_basis
from train.voice_corpus import HELD_OUT_VARIANTS, VARIANTS, Corpus, build_corpus

_ORIGIN = {
    "command": "python -m train.voice_train --out assets/voice",
    "licence": "that of this project",
    "data": "sound that espeak-ng made of pseudo-words; no recordings of people",
    "face_basis": "weights on the graph of MediaPipe's face mesh (Apache-2.0)",
}
_CHANNEL_WEIGHTS = (2.0, 1.0, 1.0, 1.0, 1.0, 1.0)
_VELOCITY_WEIGHT = 4.0
"""Weight of the squared error of frame-to-frame differences, which are about a tenth of the values."""
_CHECKPOINT_EVERY = 100
SPLITS = {"train": VARIANTS, "held_out": HELD_OUT_VARIANTS}


@dataclass(frozen=True)
class TrainConfig:
    """One training run; the same numbers give the same weights on the same machine."""

    scenes: int = 4000
    held_out_scenes: int = 100
    steps: int = 8000
    batch: int = 16
    crop: int = 200
    """Articulation frames a sample."""
    rate: float = 2e-3
    warm_up: int = 300
    averaging: float = 0.998
    """The weights shipped are a running mean over about 1 / (1 - averaging) steps."""
    seed: int = 1
    shape: NetworkShape = field(default_factory=NetworkShape)


PRESETS = {
    "full": TrainConfig(),
    "debug": TrainConfig(6, 2, 40, batch=4, crop=100, warm_up=5, averaging=0.8, shape=NetworkShape(24, (1, 2))),
}


@dataclass
class Run:
    """A training run between two steps."""

    config: TrainConfig
    network: VoiceNetwork
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def start(cls, config: TrainConfig) -> Run:
        torch.manual_seed(config.seed)
        network = VoiceNetwork(config.shape)
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.averaging))
        return cls(config, network, average, torch.optim.AdamW(network.parameters(), config.rate, weight_decay=0.01))

    @property
    def _parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        return {"network": self.network, "average": self.average, "optimiser": self.optimiser}

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        states = {name: part.state_dict() for name, part in self._parts.items()}
        torch.save(states | {"step": self.step}, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Go on from the state that `save` wrote."""
        states = torch.load(path, weights_only=True)
        for name, part in self._parts.items():
            part.load_state_dict(states[name])
        self.step = states["step"]


def steps(run: Run, corpus: Corpus) -> Iterator[float]:
    """Train to the end of the run, yielding each loss. What a step does depends on the seed and its number alone."""
    config = run.config
    mel = np.stack([normalise_level(scene.astype(np.float32)) for scene in corpus.power_db]).astype(np.float16)
    run.network.train()
    while run.step < config.steps:
        rng = np.random.default_rng((config.seed, run.step))
        heard, wanted = sample_batch(mel, corpus.mouth, config, rng)
        loss = articulation_loss(run.network(heard), wanted)
        for group in run.optimiser.param_groups:
            group["lr"] = config.rate * schedule(run.step, config)
        run.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
        run.optimiser.step()
        run.average.update_parameters(run.network)
        run.step += 1
        yield loss.item()


def schedule(step: int, config: TrainConfig) -> float:
    """Share of the full learning rate: a linear warm-up, then a half cosine to zero."""
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (step - config.warm_up) / (config.steps - config.warm_up))


def articulation_loss(said: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Squared error of positions and of velocities, `[B, T, channels]` each."""
    weights = torch.tensor(_CHANNEL_WEIGHTS).sqrt()
    said, wanted = said * weights, wanted * weights
    return mse_loss(said, wanted) + _VELOCITY_WEIGHT * mse_loss(said.diff(dim=1), wanted.diff(dim=1))


def sample_batch(
    mel: np.ndarray, mouth: np.ndarray, config: TrainConfig, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random crops: log-mel `[B, 2 crop, BANDS]`, varied, and the mouth `[B, crop, channels]`."""
    scenes = rng.integers(0, len(mel), config.batch)
    starts = rng.integers(0, mouth.shape[1] - config.crop + 1, config.batch)
    pairs = list(zip(scenes, starts, strict=True))
    heard = np.stack([mel[s, 2 * t : 2 * (t + config.crop)] for s, t in pairs]).astype(np.float32)
    wanted = np.stack([mouth[s, t : t + config.crop] for s, t in pairs]).astype(np.float32)
    return torch.from_numpy(np.stack([varied(sample, rng) for sample in heard])), torch.from_numpy(wanted)


def varied(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float32 `[T, BANDS]`: another vocal tract, microphone, level, noise floor and grain (all cheap on log-mel)."""
    moved = mel @ band_warp(np.exp(rng.normal(0, 0.06)))
    moved += np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 6), rng.normal(0, 0.15, 6)) + rng.normal(0, 0.12)
    moved += rng.uniform(0, 0.12) * rng.standard_normal(moved.shape)
    return np.maximum(moved, rng.uniform(SILENCE, -1.0) if rng.random() < 0.4 else SILENCE).astype(np.float32)


def band_warp(factor: float) -> np.ndarray:
    """float32 `[BANDS, BANDS]`: the matrix that moves every band's level to `factor` times its frequency."""
    centres = band_centres()
    places = np.interp(centres / factor, centres, np.arange(BANDS))
    return np.maximum(0, 1 - np.abs(np.arange(BANDS)[:, None] - places)).astype(np.float32)


def correlations(network: VoiceNetwork, corpus: Corpus) -> dict[str, float]:
    """Pearson correlation of each channel with what was wanted, over all scenes."""
    mel = np.stack([normalise_level(scene.astype(np.float32)) for scene in corpus.power_db])
    with torch.inference_mode():
        said = network.eval()(torch.from_numpy(mel)).numpy()
    return {
        name: round(float(np.corrcoef(said[..., k].ravel(), corpus.mouth[..., k].ravel().astype(np.float32))[0, 1]), 3)
        for k, name in enumerate(CHANNELS)
    }


def cached_corpus(cache: Path, name: str, scenes: int, seed: int) -> Corpus:
    """The corpus of these numbers, by the voices that `name` stands for in SPLITS, spoken once and kept."""
    path = cache / f"voice_{name}_{scenes}_{seed}.npz"
    if not path.is_file():
        click.echo(f"speaking {scenes} scenes")
        build_corpus(scenes, seed, SPLITS[name]).save(path)
    return Corpus.load(path)


def save_basis(out: Path) -> None:
    """Write the mesh fields, whole or not at all."""
    with complete_or_absent(out / BASIS_FILE) as temporary:
        save_file(build_basis(), temporary)


def train(config: TrainConfig, out: Path, cache: Path) -> list[float]:
    """Do or resume the run, write everything under `out`, and return the losses of the steps that this call made."""
    checkpoint = cache / f"voice_run_{config.scenes}_{config.steps}_{config.seed}.pt"
    run, losses = Run.start(config), []
    corpus = cached_corpus(cache, "train", config.scenes, config.seed)
    if checkpoint.is_file():
        run.load(checkpoint)
    for loss in steps(run, corpus):
        losses.append(loss)
        if run.step % _CHECKPOINT_EVERY == 0:
            run.save(checkpoint)
            click.echo(f"step {run.step} of {config.steps}: loss {np.mean(losses[-_CHECKPOINT_EVERY:]):.4f}")
    network = run.average.module
    held_out = correlations(network, cached_corpus(cache, "held_out", config.held_out_scenes, config.seed))
    settings = {name: value for name, value in vars(config).items() if name != "shape"}
    save_network(network, out, _ORIGIN | {"settings": settings, "held_out": held_out})
    save_basis(out)
    return losses


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the model.")
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), default="full", help="debug is a toy that trains in seconds."
)
@click.option(
    "--cache", type=click.Path(path_type=Path), default=Path("build/voice"), help="For corpus and checkpoint."
)
@click.option("--seed", default=1, help="Draws corpus, weights and batches.")
def main(out: Path, preset: str, cache: Path, seed: int) -> None:
    """Train the built-in voice model; run again to go on after an interruption."""
    train(replace(PRESETS[preset], seed=seed), out, cache)


if __name__ == "__main__":
    main()
