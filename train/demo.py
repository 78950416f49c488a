"""Make the demo checkpoint from nothing: `python -m train.demo --work FOLDER --out CHECKPOINT`; again, to go on.

Draws the world, trains VAE and image encoder, then UNet and control branch in stages of growing size, each a plain
`python -m train.finetune` that starts from the stage before: first on dancers alone, as the published ControlNeXt was,
since a network that learns its pose from nothing does so far slower beside close-ups; then on both, with faces cut out
in between: they are a twentieth of a dancer's picture, and their lips a hundredth. What teaches lips to follow on a
dancer is a reference whose face lies elsewhere (`--reference-apart`). What is finished is not done again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from apvgen.model.checkpoint import METADATA
from apvgen.types import HW
from train.config import Schedule
from train.examples import Kind
from train.small_networks import DEMO_HW

Command = Sequence[str]
"""Module and arguments."""


@dataclass(frozen=True)
class Stage:
    """One run of `train.finetune`: size in pixels, frames besides the reference, clips a step, iterations, rate.

    draws: how many examples of each clip; the VAE, which takes as long as the UNet, sees each once. stride: every so
    many frames of the clip. Neighbours look alike, so a pair of them hides its noise from each other's eyes and teaches
    little of the pose; frames far apart have only the pose to go by. noise: times the published noise levels.
    only: the kind of clips, where it is one. face_window: size to which face clips are cut. mouth, apart: how much more
    mouths count, and how far from the frames' face the reference's may be (`MethodSettings`). warm_up: iterations.
    """

    name: str
    hw: HW
    frames: int
    batch: int
    steps: int
    rate: float
    draws: int
    stride: int = 8
    schedule: Schedule = "constant_with_warmup"
    noise: float = 3.0
    only: Kind | None = None
    face_window: HW | None = None
    mouth: float = 1.0
    apart: float = 0.0
    warm_up: int = 100

    def arguments(self) -> Command:
        sizes = ("--hw", *map(str, self.hw), "--frames", str(self.frames), "--batch", str(self.batch))
        counts = ("--steps", str(self.steps), "--draws", str(self.draws), "--stride", str(self.stride))
        rates = ("--learning-rate", str(self.rate), "--warm-up", str(self.warm_up), "--schedule", self.schedule)
        weights = ("--noise-scale", str(self.noise), "--mouth-weight", str(self.mouth))
        kinds = {"body": ("--body-only",), "face": ("--no-mixed-data",), None: ()}[self.only]
        window = ("--face-window", *map(str, self.face_window)) if self.face_window else ()
        faces = (*window, "--reference-apart", str(self.apart))
        return (*sizes, *counts, *rates, *weights, *kinds, *faces, "--validate-every", "0")


_FACE_WINDOW: HW = (96, 96)
_MOUTHS = {"face_window": _FACE_WINDOW, "warm_up": 20}

STAGES = (
    Stage("small-dancers", (192, 128), 2, 5, 600, 5e-4, draws=2, noise=1, only="body"),
    Stage("small-poses", (192, 128), 2, 5, 750, 5e-4, draws=4, only="body"),
    Stage("pictures", DEMO_HW, 2, 2, 1910, 4e-4, draws=2),
    Stage("faces", DEMO_HW, 2, 8, 517, 5e-4, draws=2, only="face", face_window=_FACE_WINDOW),
    Stage("mixed", DEMO_HW, 2, 4, 700, 5e-4, draws=2, schedule="cosine", face_window=_FACE_WINDOW),
    Stage("mouths", DEMO_HW, 2, 8, 231, 5e-4, draws=2, only="face", **_MOUTHS, mouth=20),
    Stage("heads", DEMO_HW, 2, 8, 597, 5e-4, draws=2, only="face", **_MOUTHS, mouth=10, apart=0.35),
    Stage("together", DEMO_HW, 2, 4, 320, 5e-4, draws=2, schedule="cosine", **_MOUTHS, mouth=10, apart=0.35),
)


@dataclass(frozen=True)
class Places:
    """Where things of one demo lie: everything in `work`, the finished checkpoint at `out`."""

    work: Path
    out: Path

    @property
    def data(self) -> Path:
        return self.work / "world"

    @property
    def begun(self) -> Path:
        """The checkpoint that knows nothing yet."""
        return self.work / "checkpoints" / "begun"

    def after(self, stage: int) -> Path:
        """The checkpoint that a stage writes; -1 is before the first."""
        if stage < 0:
            return self.begun
        return self.out if stage == len(STAGES) - 1 else self.work / "checkpoints" / STAGES[stage].name


def commands(places: Places, clips: int, seed: int) -> Iterator[tuple[Path, Command]]:
    """What is run, in order, each with what shows that it has ended."""
    data, seeded = ("--data", str(places.data)), ("--seed", str(seed))
    vae, encoder = places.work / "vae", places.work / "image_encoder"
    drawn = ("--faces", str(clips), "--bodies", str(clips), "--frames", "32", "--outpainting", "truth", *seeded)
    yield places.work / "world.done", ("train.synthetic", "--out", str(places.data), *drawn)
    yield vae, ("train.autoencoder", *data, "--out", str(vae))
    yield encoder, ("train.image_encoder", *data, "--out", str(encoder))
    parts = ("--vae", str(vae), "--image-encoder", str(encoder))
    yield places.begun, ("train.small_networks", *parts, "--out", str(places.begun), *seeded)
    for number, stage in enumerate(STAGES):
        # Body batches count as much as faces: from nothing, a tenth of their gradient would teach no dancing.
        how = ("--preset", "demo", "--init", str(places.after(number - 1)), *data, "--alpha", "1", *seeded)
        kept = ("--kept", str(places.work / "kept"))
        into = ("--out", str(places.work / stage.name), "--checkpoint", str(places.after(number)), *kept)
        small = ("--weights", "bfloat16") if places.after(number) == places.out else ()
        yield places.work / f"{stage.name}.done", ("train.finetune", *how, *stage.arguments(), *into, *small)


def make(places: Places, clips: int, seed: int) -> None:
    """Run what is not finished. Raises CalledProcessError where a command fails; it has said why."""
    places.work.mkdir(parents=True, exist_ok=True)
    for done, command in commands(places, clips, seed):
        if done.exists():
            continue
        click.echo(f"python -m {' '.join(command)}", err=True)
        subprocess.run([sys.executable, "-m", *command], check=True)
        if done.suffix == ".done":
            done.touch()


@click.command()
@click.option("--work", type=click.Path(path_type=Path), default=Path("build/demo"), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Checkpoint folder to make.")
@click.option("--clips", default=640, show_default=True, help="Of each kind that are drawn.")
@click.option("--seed", default=1, show_default=True)
def main(work: Path, out: Path, clips: int, seed: int) -> None:
    """Make the demo checkpoint from nothing; run again to go on after an interruption."""
    try:
        make(Places(work, out), clips, seed)
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"{error.cmd[2]} failed, see above; the same command goes on from there.") from error
    click.echo(f"The checkpoint is {out / METADATA}")


if __name__ == "__main__":
    main()
