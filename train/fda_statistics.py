"""How large faces are, and where, in the body videos: the distribution that FDA maps of face clips are drawn from.

A map (a, b), in coordinates normalised to the frame, puts the picture of a face clip into a body's frame (Eq. 2-7). The
paper's averages come from TikTok; `measure` finds those of other body videos, and `python -m train.fda_statistics`
writes them beside the data.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from apvgen import fda
from apvgen.errors import ApvgenError, InputError, NoPersonError
from apvgen.files import complete_or_absent
from apvgen.retarget import map_motion
from apvgen.types import HW, Affine
from train.quality import face_boxes
from train.shards import Shards, open_shards, read_motion
from train.window import body_window

FILE = "fda.json"

_LEAST_SIZE = 0.02
"""Of the frame: a face clip would be a few pixels wide; the faces were missed or are too small to learn from."""

_HAIR = 1e-9
"""Of the frame: what rounding may add."""


@dataclass(frozen=True)
class FdaDistribution:
    """Where the maps of face clips lie; the defaults are the paper's.

    a_x, a_y: mean width and height of the scaled face picture, of the frame's. b_y: mean distance of its upper edge
    from the frame's. delta_*: half widths of the uniform distributions around them. b_x is uniform over all places
    inside the frame. Raises InputError for values with which a picture could lie outside the frame.
    """

    a_x: float = fda.MEAN_A[0]
    a_y: float = fda.MEAN_A[1]
    b_y: float = fda.MEAN_B_Y
    delta_x: float = fda.DELTA
    delta_y: float = fda.DELTA
    delta_b: float = fda.DELTA

    def __post_init__(self) -> None:
        least = min(self.a_x - self.delta_x, self.a_y - self.delta_y)
        top, bottom = self.b_y - self.delta_b, self.a_y + self.delta_y + self.b_y + self.delta_b
        right = self.a_x + self.delta_x
        if not (least > 0 and top >= -_HAIR and max(right, bottom) <= 1 + _HAIR):
            raise InputError(
                f"With {self} a face could lie outside the frame; measure it again, or correct the numbers."
            )

    def sample(self, rng: np.random.Generator) -> Affine:
        """The map of one clip (Eq. 2-5)."""
        deltas = (self.delta_x, self.delta_y, self.delta_b)
        return fda.sample(rng, (self.a_x, self.a_y), self.b_y, deltas)


PAPER = FdaDistribution()


def face_places(shards: Shards, hw: HW | None) -> np.ndarray:
    """float `[N, 3]`: width, height and top of the face in each clip that has one, on average over its frames, as
    shares of the picture. hw: of the window that is trained on (bodies); None for the whole picture.
    """
    places = []
    for entry in shards:
        motion = read_motion(entry)
        if not motion.face.seen.any():
            continue
        if hw is not None:
            motion = map_motion(motion, body_window(motion, hw).filling(hw), hw)
        left, top, right, bottom = np.nanmean(face_boxes(motion.face), axis=0) / ([*motion.hw[::-1]] * 2)
        places.append((right - left, bottom - top, top))
    return np.array(places).reshape(-1, 3)


def measure(bodies: np.ndarray, faces: np.ndarray) -> FdaDistribution:
    """The maps that make the average face of face clips as large and as high as those of body clips.

    bodies, faces: of `face_places`. A half width is that of the uniform distribution with the standard deviation found,
    shortened where a picture would leave the frame. Raises NoPersonError where one set has no faces, InputError where
    its bodies' faces are too small.
    """
    for places, kind in ((bodies, "body"), (faces, "face")):
        if not len(places):
            raise NoPersonError(f"No face is known in any {kind} clip, so FDA cannot be measured; prepare such clips.")
    width, height, top = faces.mean(0)
    maps = np.stack([bodies[:, 0] / width, bodies[:, 1] / height], -1)
    maps = np.minimum(np.column_stack([maps, bodies[:, 2] - maps[:, 1] * top]), 1)
    maps[:, 2] = np.clip(maps[:, 2], 0, 1 - maps[:, 1])
    (a_x, a_y, b_y), half = maps.mean(0), np.sqrt(3) * maps.std(0)
    if min(a_x, a_y) < _LEAST_SIZE:
        raise InputError(
            f"Faces of body clips would make face clips {a_x:.1%} x {a_y:.1%} of the frame; give larger bodies."
        )
    below = max(1 - a_y - b_y, 0)
    delta_x, delta_y = min(half[0], 1 - a_x, a_x / 2), min(half[1], below / 2, a_y / 2)
    delta_b = min(half[2], b_y, below - delta_y)
    return FdaDistribution(*(float(number) for number in (a_x, a_y, b_y, delta_x, delta_y, delta_b)))


def read_maps(folder: Path) -> FdaDistribution:
    """The distribution measured for a folder of shards. Raises InputError where it has not been, or is damaged."""
    path = folder / FILE
    try:
        return FdaDistribution(**json.loads(path.read_text())["maps"])
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; `python -m train.fda_statistics {folder}` measures it.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({error}); measure it again.") from error


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--hw", type=(int, int), default=(768, 512), show_default=True, help="Height and width trained at, px.")
def main(folder: Path, hw: HW) -> None:
    """Measure where faces lie in the body clips of FOLDER, and write the FDA maps for its face clips to fda.json."""
    try:
        click.echo(write_maps(folder, hw))
    except ApvgenError as error:
        raise click.ClickException(str(error)) from error


def write_maps(folder: Path, hw: HW) -> str:
    """Measure the clips of a folder and write its fda.json; what was written."""
    shards = open_shards(folder)
    places = {"body": face_places(shards.of_kind("body"), hw), "face": face_places(shards.of_kind("face"), None)}
    maps = measure(places["body"], places["face"])
    counts = {f"{kind}_clips": len(found) for kind, found in places.items()}
    text = json.dumps({"maps": asdict(maps), "measured": {"hw": hw, **counts}, "paper": asdict(PAPER)}, indent=1)
    with complete_or_absent(folder / FILE) as temporary:
        temporary.write_text(text)
    return text


if __name__ == "__main__":
    main()
