"""Player: the buttons above the frame slider, and the script that makes pictures and curves follow it (player.js)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import gradio as gr

from apvgen.studio.context import Studio, answering

SPEEDS = ((1, "1"), (0.5, "½"), (0.25, "¼"))
SCRIPT = Path(__file__).with_name("player.js")


def build(studio: Studio, drawers: Iterable[Callable]) -> gr.HTML:
    """Lay the buttons out; one player serves the page.

    drawers: `drawer(studio, spec, t)` returns what the regions that name it show of frame `t`: `pictures`, their
    addresses in order, and `words`.
    """
    asked = [answering(studio, drawer) for drawer in drawers]
    return gr.HTML(buttons(), js_on_load=SCRIPT.read_text("utf-8"), server_functions=asked)


def buttons(fps: float = 25, sound: Path | None = None) -> str:
    """The buttons for a clip with its voice, or, without one, switched off."""
    off = "" if sound else "disabled"
    audio = f'<audio src="gradio_api/file={quote(str(sound))}" preload="auto"></audio>' if sound else ""
    speeds = "".join(f'<option value="{speed}">{name} ×</option>' for speed, name in SPEEDS)
    return f"""<div class="transport" data-fps="{fps}">
        <button data-do="-1" {off} aria-label="One frame back" title="One frame back (left arrow)">‹</button>
        <button data-do="play" {off} aria-pressed="false" title="Play and pause (space)">Play</button>
        <button data-do="1" {off} aria-label="One frame on" title="One frame on (right arrow)">›</button>
        <label title="Playing speed">Speed <select data-speed {off}>{speeds}</select></label>
        <label title="Play the voice along"><input type="checkbox" data-sound checked {off}> Sound</label>
        <span class="keys">Space plays; ← and → step, with Shift by ten</span>{audio}</div>"""
