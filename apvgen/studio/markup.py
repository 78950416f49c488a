"""Small pieces of HTML. Text is escaped here and nowhere else."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from html import escape
from typing import Literal

import cv2
import numpy as np

from apvgen.studio.jobs import Progress
from apvgen.studio.words import doing

Tone = Literal["quiet", "good", "fair", "bad"]

_CODE = re.compile(r"`[^`]+`|python -m apvgen(?: [\w.-]*\w)+(?=[.;,)]|$)|(?<![\w-])--[a-z][\w-]+")

JPEG_QUALITY = 88
BARS = 96
FILMSTRIP = 5


def say(text: str, tone: Tone = "quiet") -> str:
    """One line of text."""
    role = "alert" if tone == "bad" else "status"
    return f'<p class="say {tone}" role="{role}">{prose(text)}</p>'


def prose(text: str) -> str:
    """Text in which commands, options and what stands between backticks look like code."""
    return _CODE.sub(lambda found: f"<code>{found[0].strip('`')}</code>", escape(text))


def bar(progress: Progress) -> str:
    """What a job is at, over a bar that fills."""
    share = progress.done / progress.total if progress.total else 0
    return f'{say(doing(progress))}<div class="bar"><div style="width:{100 * share:.1f}%"></div></div>'


def filmstrip(pictures: np.ndarray) -> str:
    """A few of the frames of an unfinished result, RGB uint8 `[n, h, w, 3]`, in a row."""
    chosen = np.unique(np.linspace(0, len(pictures) - 1, FILMSTRIP).round().astype(int))
    images = "".join(f'<img src="{data_url(pictures[k])}" alt="" decoding="sync">' for k in chosen)
    return f'<div class="filmstrip" aria-label="unfinished result">{images}</div>'


def data_url(picture: np.ndarray) -> str:
    """A picture (RGB uint8 `[H, W, 3]`) inside its own address, as JPEG: no file, no second request."""
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode("ascii")


def figure(picture: np.ndarray, caption: str) -> str:
    """A picture with its title below. Decoded before it is shown, so that a new frame never flashes."""
    return (
        f'<figure><div class="shot"><img src="{data_url(picture)}" alt="{escape(caption)}" decoding="sync"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def region(draw: str, spec: str, t: int, inside: str) -> str:
    """A part of the page that follows the frame slider: see player.js."""
    return f'<div class="region" data-draw="{draw}" data-spec="{escape(spec)}" data-at="{t}">{inside}</div>'


def findings(lines: Iterable[tuple[str, str, Tone]]) -> str:
    """A list of (what, how much), each with a dot that says how good that is."""
    rows = "".join(
        f'<li><span class="what">{escape(what)}</span><span class="mark {tone}">{escape(much)}</span></li>'
        for what, much, tone in lines
    )
    return f'<ul class="findings">{rows}</ul>'


def meanings(lines: Iterable[tuple[str, str]]) -> str:
    """A list of (name, what it means)."""
    return "".join(f'<p class="subdued"><b>{escape(name)}</b>: {escape(meaning)}</p>' for name, meaning in lines)


def waveform(samples: np.ndarray) -> str:
    """The loudness of a sound, float `[N]`, over time, in the colour of the text."""
    blocks = np.array_split(np.abs(samples), min(BARS, len(samples)))
    peaks = np.array([block.max() for block in blocks])
    heights = 4 + 44 * peaks / max(float(peaks.max()), 1e-6)
    rects = "".join(
        f'<rect x="{4 * k}" y="{24 - height / 2:.1f}" width="2.6" height="{height:.1f}" rx="1.3"/>'
        for k, height in enumerate(heights)
    )
    box = f'viewBox="0 0 {4 * len(peaks)} 48" preserveAspectRatio="none"'
    return f'<svg class="wave" {box} aria-hidden="true">{rects}</svg>'
