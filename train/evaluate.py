"""Measure a checkpoint on the drawn world: `python -m train.evaluate --checkpoint FOLDER ...`.

A case is a person and a voice that no training clip has: their portrait is the reference, a dance with speech says what
is to be shown, and the truth of every frame is known. The product's own sampler renders it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from apvgen.backbones import protocol
from apvgen.backbones.controlnext_svd import ControlNeXtSVD, Networks
from apvgen.backbones.protocol import Backbone
from apvgen.files import complete_or_absent
from apvgen.media import write_video
from apvgen.model.checkpoint import read_info
from apvgen.sampler.settings import Memory, Settings
from apvgen.types import HW, Motion
from train.keypoint_meter import KeypointMeter, load_meter, measure
from train.mouth_meter import MouthMeter, load_mouth_meter, opening
from train.region_loss import RegionMeter
from train.synthetic.people import PEOPLE, person
from train.synthetic.reading import colour_layout, layout_distance
from train.synthetic.shots import Shot, shot
from train.synthetic.world import portrait

CROWD = 50
"""People, of both splits, among whom the rendered one is to be recognised."""
LEAST_SPEECH = 0.01
"""Deviation of the true mouth opening in face heights below which a case says nothing about lips."""

_BOOTSTRAPS = 2000


@dataclass(frozen=True)
class Cases:
    """hw: size in pixels. indices: numbers of held-out people with their dances. frames: of each."""

    hw: HW
    indices: range
    frames: int


@dataclass(frozen=True)
class Meters:
    """joints, mouth: read them from pictures. regions: of the networks that are measured, where there are any."""

    joints: KeypointMeter
    mouth: MouthMeter
    regions: RegionMeter | None = None


@dataclass(frozen=True)
class Score:
    """The figures of one rendered case.

    akd: mean distance of body joints from the truth, both axes normalised to the frame; lower is better.
    lips: correlation over time of the measured opening of the mouth with the true one; NaN where nobody speaks.
    identity: 1 where the colours of hair, skin and clothes are nearest to the right person's among CROWD, else 0.
    error: mean absolute error of the pixels that show the person, in [0, 1]; lower is better.
    motion: deviation of body joints over time, as a share of the truth's.
    mouth_loss, face_loss, person_loss: see `train.region_loss`; NaN where only frames were looked at.
    """

    akd: float
    lips: float
    identity: float
    error: float
    motion: float
    mouth_loss: float = float("nan")
    face_loss: float = float("nan")
    person_loss: float = float("nan")


def score(frames: np.ndarray, truth: Shot, true_frames: np.ndarray, mask: np.ndarray, meters: Meters) -> Score:
    """Compare frames, RGB uint8 `[T, H, W, 3]`, with the truth; mask: uint8 `[T, H, W]`, 255 on the person."""
    motion = truth.motion
    joints, wanted = measure(meters.joints, frames), _normalised(motion)
    difference = np.abs(frames.astype(np.float32) - true_frames).mean(-1) / 255
    return Score(
        akd=float(np.nanmean(np.linalg.norm(joints - wanted, axis=-1))),
        lips=correlation(opening(meters.mouth, frames, motion), truth.opening),
        identity=float(recognised(frames, motion, truth.figure.person.number)),
        error=float(difference[mask > 127].mean()),
        motion=float(joints.std(0).mean() / np.nanmean(np.nanstd(wanted, 0))),
    )


def correlation(measured: np.ndarray, true: np.ndarray) -> float:
    """Pearson's, of `[T]` each, over the frames where the measured one is a number.

    NaN where the true mouth hardly moves or nothing was measured, 0 where only the measured one stays still.
    """
    known = np.isfinite(measured)
    if true.std() < LEAST_SPEECH or known.sum() < 2:
        return float("nan")
    return float(np.corrcoef(measured[known], true[known])[0, 1]) if measured[known].std() > 0 else 0.0


def recognised(frames: np.ndarray, motion: Motion, number: int) -> bool:
    """Whether, among CROWD people, the one of that number looks most like the frames."""
    rng = np.random.default_rng(number)
    others = [int(people[int(rng.integers(len(people)))]) for people in PEOPLE.values() for _ in range(CROWD // 2)]
    crowd = [number, *(other for other in others[1:] if other != number)]
    seen = colour_layout(frames, motion)
    distances = [layout_distance(seen, _own_layout(each, motion.hw)) for each in crowd]
    return int(np.argmin(distances)) == 0


def render(backbone: Backbone, truth: Shot) -> np.ndarray:
    """The case as the product makes it: the person's portrait, moved as the truth moves; RGB uint8 `[T, H, W, 3]`."""
    asked = protocol.Shot(portrait(truth.figure.person, truth.figure.hw), truth.motion)
    return np.stack(list(backbone.frames(asked, range(len(asked)))))


def summary(scores: Sequence[Score]) -> dict[str, dict[str, float]]:
    """Mean of each figure over the cases in which it is known, with a 95 % interval by bootstrap over cases."""
    rng = np.random.default_rng(0)
    told = {}
    for name in (field.name for field in fields(Score)):
        values = np.array([getattr(each, name) for each in scores])
        known = np.isfinite(values)
        values = values[known] if known.any() else np.array([np.nan])  # of which all figures are NaN
        low, high = np.quantile(rng.choice(values, (_BOOTSTRAPS, len(values))).mean(1), (0.025, 0.975))
        told[name] = {"mean": float(values.mean()), "low": float(low), "high": float(high), "cases": int(known.sum())}
    return told


def _normalised(motion: Motion) -> np.ndarray:
    body = motion.body
    return np.where(body.seen[..., None], body.xy, np.nan) / np.array(motion.hw[::-1], np.float32)


def _own_layout(number: int, hw: HW) -> np.ndarray:
    reference = portrait(person(number), hw)
    return colour_layout(reference.image[None], reference.motion)


def evaluate(backbone: Backbone, meters: Meters, cases: Cases, videos: Path | None = None) -> Iterator[Score]:
    """Render and measure held-out cases one after the other; videos: folder for truth and result side by side."""
    for index in cases.indices:
        truth = shot("speaking_dancer", 0, index, cases.hw, cases.frames, split="held_out")
        true_frames, mask = truth.frames()
        made = render(backbone, truth)
        if videos is not None:
            both = np.concatenate([true_frames, made], axis=2)
            write_video(videos / f"{index:03d}.mp4", both, truth.figure.fps, truth.voice)
        measured = score(made, truth, true_frames, mask, meters)
        losses = asdict(meters.regions.measure(truth, true_frames, mask)) if meters.regions else {}
        yield replace(measured, **{f"{region}_loss": loss for region, loss in losses.items()})


@click.command()
@click.option("--checkpoint", type=click.Path(path_type=Path), required=True, help="Checkpoint folder.")
@click.option("--meter", type=click.Path(path_type=Path), required=True, help="What train.keypoint_meter wrote.")
@click.option("--mouth-meter", type=click.Path(path_type=Path), required=True, help="Of train.mouth_meter.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON file to write.")
@click.option(
    "--cases",
    type=click.IntRange(1),
    default=40,
    show_default=True,
    help="Held-out people, each with a dance and a voice.",
)
@click.option("--frames", type=click.IntRange(2), default=26, show_default=True, help="Of each case, at 25 a second.")
@click.option("--schedule", default="align-your-steps-10", show_default=True)
@click.option("--guidance", type=float, show_default="the checkpoint's")
@click.option("--initial-noise", type=float, show_default="the checkpoint's")
@click.option("--losses/--no-losses", default=True, help="Measure the networks too, by region of the picture.")
@click.option("--videos", type=click.Path(path_type=Path), help="Folder for videos: the truth beside the result.")
def main(checkpoint: Path, meter: Path, mouth_meter: Path, out: Path, videos: Path | None, **how: Any) -> None:
    """Measure a checkpoint on people and voices that it has never seen."""
    info = read_info(checkpoint)
    sampling = Settings(
        schedule=how["schedule"],
        guidance_min=how["guidance"],
        guidance_max=how["guidance"],
        initial_noise=how["initial_noise"],
    )
    backbone = ControlNeXtSVD(Networks(info, Memory()), sampling)
    cases = Cases(info.hw, range(how["cases"]), how["frames"])
    regions = RegionMeter(info, backbone.networks.resources.device) if how["losses"] else None
    meters = Meters(load_meter(meter), load_mouth_meter(mouth_meter), regions)
    done = list(tqdm(evaluate(backbone, meters, cases, videos), total=how["cases"], unit="case"))
    write_report(out, {"made_by": backbone.describe(), "frames": how["frames"], **told_of(done)})
    for name, figure in summary(done).items():
        click.echo(
            f"{name:<13}{figure['mean']:.3f}  [{figure['low']:.3f}, {figure['high']:.3f}]  {figure['cases']} cases"
        )


def told_of(scores: Sequence[Score]) -> Mapping[str, object]:
    """What is written of a measurement: means with intervals, and every case."""
    return {"summary": summary(scores), "cases": [asdict(each) for each in scores]}


def write_report(path: Path, told: Mapping[str, object]) -> None:
    """Write JSON, whole or not at all."""
    with complete_or_absent(path) as temporary:
        temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
