"""The ablation's rows differ in one switch, and its table says what was measured."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from train import ablation
from train.ablation import VARIANTS, Plan, commands, main, scores_of, tables
from train.evaluate import Score
from train.presets import parse

PLAN = Plan(
    Path("base"),
    Path("data"),
    Path("meter"),
    Path("mouths"),
    "--guidance 1 --schedule karras-5",
    Path("work"),
    4,
    26,
    ("--steps", "7"),
)
GOOD = Score(0.02, 0.8, 1.0, 0.05, 0.9, 0.3, 0.2, 0.1)


def test_rows_differ_in_one_switch_only():
    runs = {name: parse(next(iter(commands(PLAN, name, 1)))[1:]) for name in VARIANTS}
    switches = {
        name: (run.method.fda, run.method.mixed_data, run.method.reference_training, run.method.body_only)
        for name, run in runs.items()
    }
    assert switches == {
        "full": (True, True, True, False),
        "no-fda": (False, True, True, False),
        "no-mixed-data": (True, False, True, False),
        "no-reference-training": (True, True, False, False),
        "body-only": (True, True, True, True),
    }
    alike = {name: (run.optimiser, run.data, run.init, run.dropout) for name, run in runs.items()}
    assert set(map(repr, alike.values())) == {repr(alike["full"])}
    assert runs["full"].optimiser.steps == 7


def test_all_rows_are_measured_alike():
    measured = [list(commands(PLAN, name, 1))[1] for name in VARIANTS]
    assert {command[0] for command in measured} == {"train.evaluate"}
    assert {command[-6:-2] for command in measured} == {("--guidance", "1", "--schedule", "karras-5")}


def test_the_table_has_means_and_intervals_over_cases():
    cases = [[replace(GOOD, akd=akd) for akd in (0.01, 0.03)], [replace(GOOD, akd=akd) for akd in (0.03, 0.05)]]
    text = tables({"full": cases, "body-only": cases[:1]})
    assert "| APV-Gen | 0.0300 [0.0200, 0.0400] | 0.800 [0.800, 0.800] | 1.000" in text
    assert "| ControlNeXt: no face training | 0.0200 [0.0100, 0.0300] |" in text
    # Cases differ from each other, and by the same from the first row's.
    assert "| ControlNeXt: no face training | -0.0100 [-0.0100, -0.0100] | +0.000 [+0.000, +0.000] |" in text


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Commands that end at once, leaving the figures that they would have measured."""
    ran = []

    def run(command, **_):
        ran.append(command[2])
        if command[2] == "train.evaluate":
            path = Path(command[command.index("--out") + 1])
            path.write_text(json.dumps({"cases": [asdict(GOOD)] * 2}))

    monkeypatch.setattr(ablation.subprocess, "run", run)
    return ran


def test_a_second_run_only_makes_what_is_missing(tmp_path, measured):
    arguments = [
        "--init",
        "i",
        "--data",
        "d",
        "--meter",
        "m",
        "--mouth-meter",
        "mm",
        "--work",
        str(tmp_path / "w"),
        "--seeds",
        "1",
    ]
    arguments += ["--out", str(tmp_path / "table.md"), "--steps", "3"]
    for only, expected in (("full",), 2), (("full", "no-fda"), 4), ((), 10):
        rows = [part for name in only for part in ("--only", name)]
        done = CliRunner().invoke(main, [*arguments, *rows], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert len(measured) == expected
    assert (tmp_path / "table.md").read_text().count("\n") == 7 + 3 + 6
    (result,) = (tmp_path / "w").glob("full-1-*.json")
    assert scores_of(result) == [GOOD, GOOD]
    again = CliRunner().invoke(
        main, [*arguments, "--only", "full", "--sampling", "--guidance 2"], catch_exceptions=False
    )
    assert again.exit_code == 0
    assert len(measured) == 12  # what was measured in another way does not count
