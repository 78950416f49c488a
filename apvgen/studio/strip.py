"""The line under a panel that does long work: buttons that start it, one that stops it, and how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

import gradio as gr

from apvgen.errors import Cancelled
from apvgen.studio import markup
from apvgen.studio.context import Studio
from apvgen.studio.jobs import Job

TICK = 0.2
"""Seconds between two looks at a job."""


Work = Literal["analysis", "render"]


@dataclass(frozen=True)
class Strip:
    """Buttons and the status line of one kind of work."""

    work: Work
    starts: tuple[gr.Button, ...]
    stop: gr.Button
    status: gr.HTML

    @property
    def outputs(self) -> list[gr.Component]:
        return [self.status, self.stop, *self.starts]


def build(work: Work, *starts: gr.Button) -> Strip:
    """Lay out a row of buttons that are given unrendered, a stop and the status line below."""
    with gr.Row(elem_classes="actions"):
        for button in starts:
            button.render()
        stop = gr.Button("Stop", variant="stop", size="md", interactive=False)
    return Strip(work, starts, stop, gr.HTML(elem_classes="status"))


def job_name(work: Work, project: str) -> str:
    """What the board calls that work on a project."""
    return f"{work} of {project}"


def following(studio: Studio, line: Strip) -> Callable[[str], AsyncIterator[tuple]]:
    """`follow` for one strip, as gradio calls it."""

    async def call(project: str) -> AsyncIterator[tuple]:
        async for values in follow(studio, line.work, len(line.starts), project):
            yield values

    return call


async def follow(studio: Studio, work: Work, starts: int, project: str) -> AsyncIterator[tuple]:
    """Values for a strip's outputs while its work on a project lasts, and once more when it has ended."""
    job = studio.board.get(job_name(work, project))
    if job is None:
        yield (gr.skip(),) * (2 + starts)
        return
    while not job.ended:
        look = "" if job.look is None else markup.filmstrip(job.look)
        yield markup.bar(job.progress) + look, *_buttons(starts, busy=True)
        await asyncio.sleep(TICK)
    yield outcome(studio, job), *_buttons(starts, busy=False)


def stop(studio: Studio, work: Work, project: str) -> str:
    """Stop that work on a project; the status line."""
    job = studio.board.get(job_name(work, project))
    if job is None or job.ended:
        return markup.say("Nothing is running.")
    job.stop()
    return markup.bar(job.progress)


def outcome(studio: Studio, job: Job) -> str:
    """How an ended job went, in one sentence."""
    if job.error is None:
        return markup.say(f"Done in {job.seconds:.1f} s.", "good")
    return markup.say(studio.sentence(job.error), "quiet" if isinstance(job.error, Cancelled) else "bad")


def _buttons(starts: int, busy: bool) -> tuple[gr.Button, ...]:
    return gr.Button(interactive=busy), *[gr.Button(interactive=not busy)] * starts
