"""`python -m apvgen check`: what may go wrong in a render, before it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apvgen.cli import rendering
from apvgen.cli.options import json_option, project_option

if TYPE_CHECKING:
    from apvgen.preflight import Finding

_MARKS = {"green": ("ok   ", "green"), "amber": ("look ", "yellow"), "red": ("STOP ", "red")}
_SHOWN = 4
"""Ranges of frames that a line names."""


@click.command()
@project_option(required=True)
@rendering.render_options
@json_option
def check(folder: Path, as_json: bool, **given: Any) -> None:
    """Say what may go wrong in a render of an analysed project; exit code 1 if something surely will.

    The render options say which render is planned. Frames are numbered from 0; a range's end is part of it.
    """
    from apvgen import preflight, project

    made = project.load(folder)
    findings = preflight.assess(made, rendering.chosen(given, made.settings.options.seed))
    if as_json:
        click.echo(json.dumps({"project": str(folder), "findings": [as_json_values(finding) for finding in findings]}))
    else:
        click.echo("\n".join(_line(finding) for finding in findings))
    sys.exit(1 if any(finding.level == "red" for finding in findings) else 0)


def as_json_values(finding: Finding) -> dict[str, object]:
    """A finding as plain JSON values; frames as `[first, last]`, both included."""
    return vars(finding) | {"frames": [[frames.start, frames.stop - 1] for frames in finding.frames]}


def _line(finding: Finding) -> str:
    mark, colour = _MARKS[finding.level]
    return click.style(mark, fg=colour) + f"{finding.topic}: {finding.sentence}{_frames(finding)}"


def _frames(finding: Finding) -> str:
    """The first ranges, in words."""
    if not finding.frames or finding.level == "green":
        return ""
    names = [f"{r.start}-{r.stop - 1}" if len(r) > 1 else str(r.start) for r in finding.frames[:_SHOWN]]
    more = f" and {len(finding.frames) - _SHOWN} more" if len(finding.frames) > _SHOWN else ""
    return f" (frames {', '.join(names)}{more})"
