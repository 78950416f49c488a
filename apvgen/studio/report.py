"""Panel: what may go wrong in a render, said before it, with buttons that jump to the frames concerned."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import gradio as gr

from apvgen.preflight import Finding, assess
from apvgen.studio import markup, rendering
from apvgen.studio.context import QUIET, Studio

GROUP = {"concurrency_id": "report", "concurrency_limit": 2, **rendering.UNCHECKED, **QUIET}
JUMPS = 6
"""Stretches of frames that get a button; the rest are counted."""
TONES: dict[str, markup.Tone] = {"green": "good", "amber": "fair", "red": "bad"}
SAYS = {"green": "fine", "amber": "worth a look", "red": "to be changed"}
EMPTY = '<p class="subdued">What may go wrong in the render is listed here after the analysis.</p>'


def build() -> gr.HTML:
    """Room for the list."""
    gr.HTML("<h2>Before you render</h2>")
    return gr.HTML(EMPTY, elem_id="report")


def shown(studio: Studio, name: str, *controls: object) -> str:
    """The list for the open project and the renderer that `rendering.Panel.controls` choose; the worst first.

    Raises ProjectError, InputError.
    """
    made = studio.store.open(name)
    if made is None:
        return EMPTY
    *how, _, _ = controls
    findings = assess(made, rendering.chosen(made.settings.options, *how))
    worst_first = sorted(findings, key=lambda finding: list(TONES)[::-1].index(finding.level))
    return f'<ul class="findings report">{"".join(map(_line, worst_first))}</ul>'


def _line(finding: Finding) -> str:
    tone = TONES[finding.level]
    jumps = _jumps(finding.frames) if finding.level != "green" else ""
    return (
        f'<li><span class="what">{escape(finding.topic.capitalize())}</span>'
        f'<span class="mark {tone}" title="{SAYS[finding.level]}">{markup.prose(finding.sentence)}{jumps}</span></li>'
    )


def _jumps(frames: Iterable[range]) -> str:
    stretches = list(frames)
    buttons = "".join(
        f'<button data-frame="{part.start}" title="Go to frame {part.start}">{_name(part)}</button>'
        for part in stretches[:JUMPS]
    )
    more = f"<span>and {len(stretches) - JUMPS} more</span>" if len(stretches) > JUMPS else ""
    return f'<span class="jumps">{buttons}{more}</span>' if buttons else ""


def _name(part: range) -> str:
    return str(part.start) if len(part) == 1 else f"{part.start}–{part[-1]}"
