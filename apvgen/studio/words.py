"""What the page says, as plain text."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from apvgen.errors import ApvgenError, Cancelled
from apvgen.studio.jobs import Progress

STAGES = {
    "detect": "Finding the person in the driving video",
    "voice": "Turning the voice into a face",
    "draft": "Drawing the draft",
    "stick": "Drawing the poses",
    "load": "Loading the networks",
    "denoise": "Denoising",
    "diffusion": "Decoding",
    "preview": "Drawing the preview",
    "comparison": "Laying the videos side by side",
}
ONE_HAND = "A hand found"
"""All that reports of earlier versions tell of the hands."""
SHARES = {
    "Body found": "share_with_body",
    ONE_HAND: "share_with_hands",
    "Left hand found": "share_with_left_hand",
    "Right hand found": "share_with_right_hand",
    "Face found": "share_with_face",
    "Face drawn": "share_with_drawn_face",
}
UNITS = {"denoise": "pass"}
UNEXPECTED = "Something went wrong that should not have; the program's log says what. Trying again may help."
STOPPED = "Stopped. Nothing unfinished was kept."

_log = logging.getLogger(__name__)


_FILE_NAME = re.compile(r"\S+\.\w{2,4}\s")


def sentence(error: BaseException, roots: Iterable[Path]) -> str:
    """An error in one sentence; what nobody expected goes to the log with its traceback.

    roots: folders of the server, which a message may name but the page must not show.
    """
    if isinstance(error, Cancelled):
        return STOPPED
    if not isinstance(error, ApvgenError):
        _log.error("unexpected error in the studio", exc_info=error)
        return UNEXPECTED
    text = str(error)
    folders = [re.compile(rf"{re.escape(str(root))}(?:[\\/][\w.-]+)*[\\/]") for root in roots]
    begins_with_a_file = any(folder.match(text) for folder in folders)
    for folder in folders:
        text = folder.sub("", text)
    begin = text[:1] if begins_with_a_file or _FILE_NAME.match(text) else text[:1].upper()
    return begin + text[1:] + ("" if text.endswith(".") else ".")


def doing(progress: Progress) -> str:
    """What a running job is at, with the time left."""
    if progress.stopping:
        return "Stopping…"
    if progress.waiting:
        return "Waiting for other work to end…"
    if not progress.stage:
        return "Preparing…"
    words = STAGES.get(progress.stage, progress.stage)
    if progress.total <= 1 or not progress.done:
        return f"{words}…"
    unit = UNITS.get(progress.stage, "frame")
    return f"{words}: {unit} {progress.done} of {progress.total}{_left(progress.seconds_left)}"


def _left(seconds: float | None) -> str:
    if seconds is None or seconds < 1:
        return ""
    if seconds < 90:
        return f", about {seconds:.0f} s left"
    return f", about {seconds / 60:.0f} min left"


def findings(report: Mapping[str, float]) -> list[tuple[str, str, float | None]]:
    """The report of an analysis as (what, how much, share): share in [0, 1] where more is better, else None."""
    frames, seconds = int(report["frames"]), float(report["seconds"])
    lines = [("Length", f"{seconds:.2f} s, {frames} frames at {frames / seconds:.4g} a second", None)]
    lines += [
        (what, f"in {share(report[key])} of the frames", report[key]) for what, key in SHARES.items() if key in report
    ]
    if "share_with_left_hand" in report:
        lines = [line for line in lines if line[0] != ONE_HAND]
    kept = report["lip_gap_kept"]
    much = "not known: the voice never opens the mouth" if kept is None else f"{share(kept)} of what the voice asks for"
    return [*lines, ("Lip opening kept", much, kept)]


def share(part: float) -> str:
    """0.987 -> 98 %: rounded down, so that 100 % means every frame."""
    return f"{int(100 * part + 1e-4)} %"
