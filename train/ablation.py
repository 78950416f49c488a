"""Table 2 in kind: `python -m train.ablation --init BASE --data SHARDS --meter FILE --out docs/ablation.md`.

From one base that has seen dancers only, as ControlNeXt's public weights have, every variant is fine-tuned for the same
number of steps by the same script with one switch changed, and measured on the same held-out people and voices. Run
again to go on after a stop; `--only` does one row.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

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
    "motion": ("motion (1 is right)", 3),
}


@dataclass(frozen=True)
class Plan:
    """What is the same for all rows. init: the base. budget: further arguments of `train.finetune`."""

    init: Path
    data: Path
    meter: Path
    work: Path
    cases: int
    budget: tuple[str, ...]

    def result(self, name: str, seed: int) -> Path:
        """The measurement of one run."""
        return self.work / f"{name}-{seed}.json"


def commands(plan: Plan, name: str, seed: int) -> Iterator[Sequence[str]]:
    """Train, then measure, one variant with one seed: modules and arguments."""
    run = plan.work / f"{name}-{seed}"
    checkpoint = run / "checkpoint"
    data = ("--data", str(plan.data), "--init", str(plan.init), "--seed", str(seed))
    into = ("--out", str(run), "--checkpoint", str(checkpoint), "--validate-every", "0")
    yield "train.finetune", "--preset", "demo", *data, *plan.budget, *VARIANTS[name].switches, *into
    measured = ("--meter", str(plan.meter), "--cases", str(plan.cases), "--out", str(plan.result(name, seed)))
    yield "train.evaluate", "--checkpoint", str(checkpoint), *measured


def table(results: dict[str, list[list[Score]]]) -> str:
    """Markdown: a row for each variant, means over seeds and cases with 95 % intervals by bootstrap over cases.

    results: by variant, of each seed, the scores of the same cases in the same order.
    """
    lines = ["| | " + " | ".join(title for title, _ in _COLUMNS.values()) + " |", "| --- " * (len(_COLUMNS) + 1) + "|"]
    for name, seeds in results.items():
        told = summary([_mean(same_case) for same_case in zip(*seeds, strict=True)])
        cells = [
            f"{told[column]['mean']:.{digits}f} [{told[column]['low']:.{digits}f}, {told[column]['high']:.{digits}f}]"
            for column, (_, digits) in _COLUMNS.items()
        ]
        lines.append(f"| {VARIANTS[name].title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def scores_of(path: Path) -> list[Score]:
    """What `train.evaluate` wrote."""
    return [Score(**case) for case in json.loads(path.read_text("utf-8"))["cases"]]


def _mean(scores: Sequence[Score]) -> Score:
    """Of one case over all seeds."""
    return Score(*(float(np.mean([getattr(score, field.name) for score in scores])) for field in fields(Score)))


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--init", type=click.Path(path_type=Path), required=True, help="The base, a checkpoint folder.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of shards, faces and bodies.")
@click.option("--meter", type=click.Path(path_type=Path), required=True, help="What train.keypoint_meter wrote.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("build/ablation"), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Markdown file for the table.")
@click.option("--only", type=click.Choice(list(VARIANTS)), multiple=True, help="Rows to make; default: all.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--cases", default=40, show_default=True, help="Held-out people of each measurement.")
@click.argument("budget", nargs=-1, type=click.UNPROCESSED)
def main(out: Path, only: tuple[str, ...], seeds: int, budget: tuple[str, ...], **how: Path) -> None:
    """Train and measure every variant; further arguments, such as --steps 500, go to train.finetune."""
    plan, chosen = Plan(budget=budget, **how), only or tuple(VARIANTS)
    plan.work.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for name in chosen:
            if not plan.result(name, seed).is_file():
                _run(commands(plan, name, seed))
    results = {name: [scores_of(plan.result(name, seed)) for seed in range(seeds)] for name in chosen}
    with complete_or_absent(out) as temporary:
        temporary.write_text(table(results), "utf-8")
    click.echo(table(results))


def _run(modules: Iterator[Sequence[str]]) -> None:
    for command in modules:
        click.echo(f"python -m {' '.join(command)}", err=True)
        try:
            subprocess.run([sys.executable, "-m", *command], check=True)
        except subprocess.CalledProcessError as error:
            raise click.ClickException(f"{command[0]} failed, see above; the same command goes on there.") from error


if __name__ == "__main__":
    main()
