"""Panel: start the analysis, follow or stop it, and read in words what was found."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import gradio as gr

from apvgen import exchange
from apvgen.config import Options
from apvgen.errors import ApvgenError
from apvgen.inputs import check_trims
from apvgen.progress import OnProgress
from apvgen.project import ROLES, Project
from apvgen.studio import inputs, markup, settings, stale, strip, words
from apvgen.studio.context import Studio

GOOD, FAIR = 0.95, 0.75
"""Shares from which a finding counts as good, and as fair."""


@dataclass(frozen=True)
class Panel:
    """note: above the findings, whose files they are of."""

    strip: strip.Strip
    note: gr.HTML
    findings: gr.HTML


def build() -> Panel:
    """Lay out the button and, below it, room for what is found."""
    line = strip.build("analysis", gr.Button("Analyse", variant="primary", size="md", interactive=False, render=False))
    return Panel(line, stale.build(), gr.HTML(shown(None), elem_id="findings"))


def start(studio: Studio, *values: object) -> tuple[str, str]:
    """Queue an analysis. Takes the three files, then the options; returns its name ("" if refused) and the status."""
    try:
        files = inputs.paths(studio, values[: len(ROLES)])
        options = settings.chosen(*values[len(ROLES) :])
        # Another tool's track is not read twice: the analysis reads it first of all.
        check_trims({role: path for role, path in files.items() if not exchange.is_track(path)}, options)
    except ApvgenError as error:
        return "", markup.say(studio.sentence(error), "bad")
    name = studio.store.new_name()
    work = partial(_analyse, studio, options, files, studio.store.folder(name))
    job = studio.board.start(strip.job_name("analysis", name), work)
    return name, markup.bar(job.progress)


def _analyse(studio: Studio, options: Options, files: dict[str, Path], folder: Path, on_progress: OnProgress) -> None:
    try:
        studio.analyser(options).analyse(files, folder, on_progress)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def shown(made: Project | None) -> str:
    """What was found, in words."""
    if made is None:
        return '<p class="subdued">What is found in the three files will be listed here.</p>'
    lines = [(what, much, _tone(share)) for what, much, share in words.findings(made.settings.report)]
    models = made.settings.made_with
    lines.append(("Made with", f"{models['detector']}, voice model {models['voice_model']}", "quiet"))
    return markup.findings(lines)


def _tone(share: float | None) -> markup.Tone:
    if share is None:
        return "quiet"
    return "good" if share >= GOOD else "fair" if share >= FAIR else "bad"
