"""A studio whose analyses are known beforehand and whose models are drawn, for tests of its handlers."""

import asyncio
import threading
from dataclasses import astuple
from pathlib import Path

from apvgen import project
from apvgen.align import align
from apvgen.config import Options
from apvgen.edits import Edits
from apvgen.studio import scrub, settings, strip

ROOT = Path(__file__).resolve().parents[1]
DEFAULTS = settings.restored(Options())
LOOK = astuple(scrub.START)
LOOKS = (["body"], "all", *LOOK)
"""Values of `Page.looks`."""
LOOKS = (["body"], "all", *LOOK)
REPORT = {
    "frames": 12,
    "seconds": 0.48,
    "motion_frames": 12,
    "share_with_body": 1.0,
    "share_with_hands": 0.0,
    "share_with_face": 0.9,
    "share_with_drawn_face": 1.0,
    "lip_gap_kept": 0.987,
}


class ScriptedAnalyser:
    """Makes a project of a known analysis; waits at its second frame until it is let go."""

    def __init__(self, options, analysis):
        self.options, self.analysis = options, analysis
        self.at_work, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def analyse(self, files, folder, on_progress):
        for k in range(len(self.analysis)):
            on_progress("detect", k + 1, len(self.analysis))
            self.at_work.set()
            self.go_on.wait(60)
        made = project.create(folder, files, self.options)
        aligned = align(self.analysis, self.options.align, Edits(), self.options.hw)
        project.save_tracks(made, self.analysis, aligned)
        return made.with_settings(report=REPORT, made_with={"detector": "scripted 1", "voice_model": "scripted 1"})


def ended(studio, name, work="analysis"):
    studio.board.get(strip.job_name(work, name))._future.exception(120)


def followed(studio, name, work="analysis"):
    async def collect():
        return [values async for values in strip.follow(studio, work, 1, name)]

    return asyncio.run(collect())
