"""Make the drawn examples, the same on every run: `python -m train.make_drawn_examples`.

Each is a folder in `assets/example/`: a held-out person of the drawn world as `photo.png`, the dance of another as
`motion.npz`, and `voice.wav`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import cv2

from apvgen.tracks import save_motion
from apvgen.types import HW
from train.make_example import EXAMPLE, make_voice, write
from train.small_networks import DEMO_HW
from train.synthetic.people import PEOPLE, person
from train.synthetic.shots import shot
from train.synthetic.world import portrait
from train.voice_speech import Voice

PHOTO_HW: HW = (768, 512)
FRAMES = 75


@dataclass(frozen=True)
class Character:
    """number: among the held-out people. dance: number of a held-out shot."""

    number: int
    dance: int
    text: str
    voice: Voice


CHARACTERS = {
    "mia": Character(2, 3, "Hello, I am Mia! I was drawn, and now I dance.", Voice("en-us+Annie", speed=165)),
    "leo": Character(15, 5, "My name is Leo. Give me a voice, and watch me move.", Voice("en-us+Andy", speed=165)),
}


def make_drawn(character: Character, folder: Path) -> None:
    """Write the three files of an example."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = portrait(person(PEOPLE["held_out"][character.number]), PHOTO_HW).image
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write(folder / "photo.png", encoded.tobytes())
    save_motion(folder / "motion.npz", shot("body", 0, character.dance, DEMO_HW, FRAMES, split="held_out").motion)
    make_voice(folder / "voice.wav", character.text, character.voice)


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=EXAMPLE, show_default=True)
def main(out: Path) -> None:
    """Write the examples to OUT."""
    for name, character in CHARACTERS.items():
        make_drawn(character, out / name)


if __name__ == "__main__":
    main()
