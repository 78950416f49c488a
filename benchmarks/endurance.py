"""One process that works on and on, as a studio does: does its memory stay flat?"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import app
from apvgen import pipeline
from apvgen.config import Options
from apvgen.pipeline import AnalysisModels, Animator
from apvgen.project import ROLES
from apvgen.studio.inputs import WANTED

ROUNDS = int(os.environ.get("APVGEN_BENCHMARK_ROUNDS", "50"))
EVERY = 10
SETTLED = 10
"""Rounds after which everything that is loaded once is there."""
HW = (320, 256)


def run() -> dict[str, object]:
    """Resident MB after every tenth round of one analysis and one draft of the bundled example, in one process."""
    inputs = {role: app.EXAMPLE / WANTED[role].example for role in ROLES}
    models, resident = AnalysisModels(), {}
    with tempfile.TemporaryDirectory() as name:
        for done in range(1, ROUNDS + 1):
            folder = Path(name) / str(done)
            made = Animator(replace(Options(), hw=HW, seed=done), models).analyse(inputs, folder)
            pipeline.render(made, folder / "draft.mp4")
            if done % EVERY == 0:
                resident[done] = _resident_mb()
    last = resident[max(resident)]
    return {"rounds": ROUNDS, "resident_mb": resident, "growth_after_10_rounds_mb": last - resident[SETTLED]}


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
