"""Table 2 in kind: `python -m train.ablation --init BASE --data SHARDS ...`; docs/ablation.md has a whole command.

From one base that has seen dancers only, as ControlNeXt's public weights have, every variant is fine-tuned for the same
number of steps by the same script with one switch changed, and measured on the same held-out people and voices. Run
again to go on after a stop; `--only` does one row.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from zlib import crc32

import click
import numpy as np

from apvgen.files import complete_or_absent
from train.evaluate import Score, summary


@dataclass(frozen=True)
class Variant:
    """A row of the table. switches: of `train.finetune`."""

    title: str
    switches: tuple[str, ...] = ()


VARIANTS = {
    "full": Variant("APV-Gen"),
    "no-fda": Variant("without FDA", ("--no-fda",)),
    "no-mixed-data": Variant("without mixed data", ("--no-mixed-data",)),
    "no-reference-training": Variant("without reference training", ("--no-reference-training",)),
    "body-only": Variant("ControlNeXt: no face training", ("--body-only",)),
}

_COLUMNS = {
    "akd": ("AKD (lower)", 4),
    "lips": ("lips (higher)", 3),
    "identity": ("identity (higher)", 3),
    "error": ("error (lower)", 4),
    "motion": ("motion (1 is right)", 2),
    "mouth_loss": ("loss: mouth (lower)", 4),
    "face_loss": ("loss: face (lower)", 4),
    "person_loss": ("loss: person (lower)", 4),
}


@dataclass(frozen=True)
class Plan:
    """What is the same for all rows. init: the base. sampling, budget: further arguments of `train.evaluate` and
    `train.finetune`."""

    init: Path
    data: Path
    meter: Path
    mouth_meter: Path
    sampling: str
    work: Path
    cases: int
    frames: int
    budget: tuple[str, ...]

    @property
    def measuring(self) -> tuple[str, ...]:
        """Arguments of `train.evaluate` that decide what comes out."""
        meters = ("--meter", str(self.meter), "--mouth-meter", str(self.mouth_meter))
        return (*meters, "--cases", str(self.cases), "--frames", str(self.frames), *shlex.split(self.sampling))

    def result(self, name: str, seed: int) -> Path:
        """The measurement of one run; another place for each way to measure, so that rows are never mixed."""
        return self.work / f"{name}-{seed}-{crc32(shlex.join(self.measuring).encode()):08x}.json"


def commands(plan: Plan, name: str, seed: int) -> Iterator[Sequence[str]]:
    """Train, then measure, one variant with one seed: modules and arguments."""
    run = plan.work / f"{name}-{seed}"
    checkpoint = run / "checkpoint"
    data = ("--data", str(plan.data), "--init", str(plan.init), "--seed", str(seed))
    into = ("--out", str(run), "--checkpoint", str(checkpoint), "--validate-every", "0")
    yield "train.finetune", "--preset", "demo", *data, *plan.budget, *VARIANTS[name].switches, *into
    yield "train.evaluate", "--checkpoint", str(checkpoint), *plan.measuring, "--out", str(plan.result(name, seed))


Results = dict[str, list[list[Score]]]
"""By variant, of each seed, the scores of the same cases in the same order."""


def tables(results: Results) -> str:
    """Markdown: a row for each variant, means over seeds and cases with 95 % intervals by bootstrap over cases.

    Then how each row differs from the first, in the same cases.
    """
    means = {name: [_mean(same_case) for same_case in zip(*seeds, strict=True)] for name, seeds in results.items()}
    first, *others = means
    differences = {
        name: [_difference(*pair) for pair in zip(means[name], means[first], strict=True)] for name in others
    }
    parts = [_rows(means, "")]
    if differences:
        parts.append(f"Differences from {VARIANTS[first].title}, case by case:\n\n{_rows(differences, '+')}")
    return "\n".join(parts)


def _rows(measured: dict[str, list[Score]], sign: str) -> str:
    lines = ["| | " + " | ".join(title for title, _ in _COLUMNS.values()) + " |", "| --- " * (len(_COLUMNS) + 1) + "|"]
    for name, cases in measured.items():
        told = summary(cases)
        cells = [_cell(told[column], f"{sign}.{digits}f") for column, (_, digits) in _COLUMNS.items()]
        lines.append(f"| {VARIANTS[name].title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(figure: dict[str, float], how: str) -> str:
    return f"{figure['mean']:{how}} [{figure['low']:{how}}, {figure['high']:{how}}]"


def scores_of(path: Path) -> list[Score]:
    """What `train.evaluate` wrote."""
    return [Score(**case) for case in json.loads(path.read_text("utf-8"))["cases"]]


def _mean(scores: Sequence[Score]) -> Score:
    """Of one case over all seeds."""
    return Score(*(float(np.mean([getattr(score, field.name) for score in scores])) for field in fields(Score)))


def _difference(score: Score, base: Score) -> Score:
    return Score(*(getattr(score, field.name) - getattr(base, field.name) for field in fields(Score)))


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--init", type=click.Path(path_type=Path), required=True, help="The base, a checkpoint folder.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of shards, faces and bodies.")
@click.option("--meter", type=click.Path(path_type=Path), required=True, help="What train.keypoint_meter wrote.")
@click.option("--mouth-meter", type=click.Path(path_type=Path), required=True, help="Of train.mouth_meter.")
@click.option("--sampling", default="", help="How measured videos are made: arguments of train.evaluate, in quotes.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("build/ablation"), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Markdown file for the table.")
@click.option("--only", type=click.Choice(list(VARIANTS)), multiple=True, help="Rows to make; default: all.")
@click.option("--seeds", default=3, show_default=True, help="Runs of each row, with the seeds 1 and up.")
@click.option(
    "--cases", type=click.IntRange(1), default=40, show_default=True, help="Held-out people of each measurement."
)
@click.option(
    "--frames", type=click.IntRange(2), default=26, show_default=True, help="Of each case; after --: of training."
)
@click.argument("budget", nargs=-1, type=click.UNPROCESSED)
def main(out: Path, only: tuple[str, ...], seeds: int, budget: tuple[str, ...], **how: Path) -> None:
    """Train and measure every variant; further arguments, such as --steps 500, go to train.finetune."""
    plan, chosen = Plan(budget=budget, **how), only or tuple(VARIANTS)
    plan.work.mkdir(parents=True, exist_ok=True)
    numbers = range(1, seeds + 1)
    for seed in numbers:
        for name in chosen:
            if not plan.result(name, seed).is_file():
                _run(commands(plan, name, seed))
    results = {name: [scores_of(plan.result(name, seed)) for seed in numbers] for name in chosen}
    with complete_or_absent(out) as temporary:
        temporary.write_text(tables(results), "utf-8")
    click.echo(tables(results))


def _run(modules: Iterator[Sequence[str]]) -> None:
    for command in modules:
        click.echo(f"python -m {' '.join(command)}", err=True)
        try:
            subprocess.run([sys.executable, "-m", *command], check=True)
        except subprocess.CalledProcessError as error:
            raise click.ClickException(f"{command[0]} failed, see above; the same command goes on there.") from error


if __name__ == "__main__":
    main()
