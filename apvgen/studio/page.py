"""The page: its panels side by side, what happens when it is opened, and the server under it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

import gradio as gr

from apvgen.errors import ApvgenError
from apvgen.project import Project
from apvgen.studio import (
    adjust,
    analysis,
    exporting,
    inputs,
    lab,
    markup,
    persons,
    rendering,
    report,
    scrub,
    settings,
    stale,
    strip,
)
from apvgen.studio.context import QUIET, Studio, bound
from apvgen.studio.theme import CSS, theme

TITLE = "APV-Gen Studio"
SUBTITLE = "The person in a photo moves as in a video and speaks with a voice."
LOST = "The project that was open here is gone; start a new one."
INTERRUPTED = "The program was restarted during the analysis; start it again."

UPLOADS_KEPT = (3600, 24 * 3600)
"""Seconds between two clean-ups of uploads and served copies, and the age at which they go; projects have their own."""

RECALL = """(open, running, ...look) => [
    sessionStorage.getItem("apvgen.open") ?? localStorage.getItem("apvgen.open") ?? "",
    sessionStorage.getItem("apvgen.running") ?? "",
    ...look,
]"""
REMEMBER = """(open, running) => {
    sessionStorage.setItem("apvgen.open", open);
    sessionStorage.setItem("apvgen.running", running);
    if (open) localStorage.setItem("apvgen.open", open);
}"""
"""A tab keeps its own project; a new tab begins with the one that was opened last in any."""


@dataclass(frozen=True)
class Page:
    """The panels, and which project this tab shows: `opened` is its name, `running` that of an analysis under way."""

    opened: gr.Textbox
    running: gr.Textbox
    inputs: inputs.Panel
    settings: settings.Panel
    analysis: analysis.Panel
    persons: gr.HTML
    scrub: scrub.Panel
    adjust: adjust.Panel
    lab: lab.Panel
    report: gr.HTML
    rendering: rendering.Panel
    exporting: exporting.Panel

    @property
    def names(self) -> list[gr.Textbox]:
        return [self.opened, self.running]

    @property
    def project_outputs(self) -> list[gr.Component]:
        """What shows an analysed project."""
        own = [*self.scrub.outputs, *self.adjust.project_outputs, *self.rendering.outputs]
        return [*self.inputs.outputs, self.analysis.findings, *own]

    @property
    def looks(self) -> list[gr.Component]:
        """How a person looks at frames: what `shown` needs to show a project."""
        return [*self.adjust.look, *self.scrub.look]


def build(studio: Studio) -> gr.Blocks:
    """The whole page, connected."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=UPLOADS_KEPT) as blocks:
        page = _lay_out(studio)
        _wire_inputs(page, studio)
        scrub.wire(page.scrub, studio, page.opened)
        _wire_adjusting(page, studio)
        _wire_lab(page, studio)
        _wire_analysis(page, studio)
        _wire_rendering(page, studio)
        exporting.wire(page.exporting, studio, page.opened)
        _wire_opening(page, studio, blocks)
    return blocks


def _lay_out(studio: Studio) -> Page:
    names = [gr.Textbox(visible=False) for _ in range(2)]
    gr.HTML(f'<div class="head"><h1>{TITLE}</h1><p>{SUBTITLE}</p></div>')
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=4, min_width=280, elem_classes="side"):
            cards = inputs.build()
            with gr.Column(elem_classes="sheet"):
                options, analysing, people = settings.build(), analysis.build(), persons.build()
        with gr.Column(scale=9, min_width=320, elem_classes="side"):
            with gr.Column(elem_classes="sheet", elem_id="inspect"):
                frames = scrub.build(studio, lab.mode_pictures)
            with gr.Column(elem_classes="sheet"):
                adjusting = adjust.build(studio)
            with gr.Column(elem_classes="sheet"):
                laboratory = lab.build()
            with gr.Column(elem_classes="sheet"):
                reported = report.build()
            with gr.Row(elem_classes="sheet", elem_id="render"):
                renders = rendering.build()
            with gr.Column(elem_classes="sheet"):
                exports = exporting.build()
    return Page(*names, cards, options, analysing, people, frames, adjusting, laboratory, reported, renders, exports)


def _wire_inputs(page: Page, studio: Studio) -> None:
    for changed in inputs.wire(page.inputs, studio):
        cleared = changed.then(lambda: "", None, page.analysis.strip.status, queue=False, **QUIET)
        _follow_files(cleared, page, studio)
    for button in page.inputs.drawn.values():
        button.click(lambda: settings.DRAWN_SIZE, None, page.settings.size, queue=False, **QUIET)
    drawer, controls = page.settings.drawer, page.settings.controls
    altered = [control.change for control in controls]
    counting = {"queue": False, "preprocess": False, "trigger_mode": "always_last", **QUIET}
    gr.on(altered, settings.titled, controls, drawer, **counting)


def _follow_files(changed: gr.events.Dependency, page: Page, studio: Studio) -> None:
    given, told = [page.opened, *page.inputs.files], [page.analysis.note, page.rendering.note]
    changed.then(bound(studio, stale.notes), given, told, **scrub.GROUP)


def _wire_analysis(page: Page, studio: Studio) -> None:
    line = page.analysis.strip
    given = [*page.inputs.files, *page.settings.controls]
    started = line.starts[0].click(bound(studio, analysis.start), given, [page.running, line.status], **QUIET)
    _follow_analysis(started, page, studio)
    line.stop.click(bound(studio, strip.stop, line.work), page.running, line.status, queue=False, **QUIET)
    page.persons.select(persons.chosen, None, [page.settings.person, line.status], queue=False, **QUIET)


def _follow_analysis(started: gr.events.Dependency, page: Page, studio: Studio) -> None:
    line = page.analysis.strip
    kept = started.then(None, page.names, None, js=REMEMBER, **QUIET)
    followed = kept.then(strip.following(studio, line), page.running, line.outputs, concurrency_limit=None, **QUIET)
    adopting = bound(studio, adopt, len(page.project_outputs))
    ended = followed.then(adopting, [*page.names, *page.looks], [*page.names, *page.project_outputs], **QUIET)
    ended.then(None, page.names, None, js=REMEMBER, **QUIET)
    _follow_opening(ended, page, studio)


def _wire_rendering(page: Page, studio: Studio) -> None:
    panel, line = page.rendering, page.rendering.strip
    render, preview, compare = line.starts
    choice = [page.opened, *panel.controls]
    for started in (
        render.click(bound(studio, rendering.start), choice, line.status, **rendering.UNCHECKED, **QUIET),
        preview.click(bound(studio, rendering.start_preview), page.opened, line.status, **QUIET),
        compare.click(bound(studio, rendering.start_comparison), page.opened, line.status, **QUIET),
    ):
        _follow_rendering(started, page, studio)
    shown = [panel.quality, panel.drawer, *panel.advised]
    settled = panel.renderer.change(
        rendering.choices_of, panel.renderer, shown, queue=False, **rendering.UNCHECKED, **QUIET
    )
    for changed in (settled.then, panel.quality.change):
        changed(bound(studio, report.shown), choice, page.report, trigger_mode="always_last", **report.GROUP)
    line.stop.click(bound(studio, strip.stop, line.work), page.opened, line.status, queue=False, **QUIET)


def _follow_rendering(started: gr.events.Dependency, page: Page, studio: Studio) -> None:
    line = page.rendering.strip
    followed = started.then(strip.following(studio, line), page.opened, line.outputs, concurrency_limit=None, **QUIET)
    followed.then(bound(studio, finished), page.opened, page.rendering.outputs, **QUIET)


def _wire_opening(page: Page, studio: Studio, blocks: gr.Blocks) -> None:
    said = [page.analysis.strip.status, page.rendering.strip.status]
    outputs = [*page.names, *said, *page.settings.controls, *page.project_outputs]
    restored = blocks.load(bound(studio, reopen), [*page.names, *page.looks], outputs, js=RECALL, **QUIET)
    restored.then(ready, None, list(page.analysis.strip.starts), queue=False, **QUIET)
    blocks.load(rendering.offered, None, page.rendering.renderer, **QUIET)
    _follow_opening(restored, page, studio)
    _follow_analysis(restored, page, studio)
    _follow_rendering(restored, page, studio)


def _follow_opening(opened: gr.events.Dependency, page: Page, studio: Studio) -> None:
    """What takes a moment, after the pictures of a project are there."""
    _follow_files(opened, page, studio)
    opened.then(bound(studio, persons.shown), page.opened, page.persons, **scrub.GROUP)
    _follow_change(opened, page, studio)


def _follow_change(opened: gr.events.Dependency, page: Page, studio: Studio) -> None:
    """The part of it that an edit changes."""
    opened.then(bound(studio, scrub.worst), [page.opened, page.scrub.below], page.scrub.worst, **scrub.GROUP)
    given = [page.opened, page.scrub.frame, page.lab.unfolded]
    opened.then(bound(studio, lab.adopted), given, page.lab.outputs, **lab.GROUP)
    choice = [page.opened, *page.rendering.controls]
    opened.then(bound(studio, report.shown), choice, page.report, **report.GROUP)


def _follow_edit(edited: gr.events.Dependency, page: Page, studio: Studio) -> None:
    edited.then(bound(studio, scrub.worst), [page.opened, page.scrub.below], page.scrub.worst, **scrub.GROUP)
    given = [page.opened, page.scrub.frame, page.lab.smoothing, page.lab.unfolded]
    edited.then(bound(studio, lab.redrawn), given, page.lab.curves, **lab.GROUP)


def _wire_adjusting(page: Page, studio: Studio) -> None:
    shows = [page.analysis.findings, page.scrub.pictures]
    for edited in adjust.wire(page.adjust, studio, page.opened, page.scrub.frame):
        frames = [page.opened, page.scrub.frame, *page.scrub.look]
        changed = edited.success(bound(studio, edited_pictures), frames, shows, **scrub.GROUP)
        _follow_edit(changed, page, studio)


def _wire_lab(page: Page, studio: Studio) -> None:
    lab.wire(page.lab, studio, page.opened, page.scrub.frame)
    given = [page.opened, page.lab.mode, page.lab.smoothing]
    used = page.lab.use.click(bound(studio, lab.use), given, page.lab.status, **lab.GROUP)
    shows = [page.analysis.findings, page.scrub.pictures, page.settings.mode, page.settings.smoothing]
    frames = [page.opened, page.scrub.frame, *page.scrub.look]
    changed = used.success(bound(studio, realigned), frames, shows, **scrub.GROUP)
    _follow_change(changed, page, studio)


def edited_pictures(studio: Studio, name: str, t: float, *look: object) -> tuple:
    """Findings and pictures of a project that was edited."""
    return analysis.shown(studio.store.open(name)), scrub.redrawn(studio, name, t, *look)


def realigned(studio: Studio, name: str, t: float, *look: object) -> tuple:
    """Findings, pictures and the two options of a project whose face was placed in another way."""
    made = studio.store.open(name)
    options = made.settings.options.align
    return analysis.shown(made), scrub.redrawn(studio, name, t, *look), options.mode, options.smoothing


def ready() -> gr.Button:
    """The button that analyses, once the page has been opened: a later answer would forget the analysis under way."""
    return gr.Button(interactive=True)


def reopen(studio: Studio, opened: str, running: str, *look: object) -> tuple:
    """What a tab had open, from its folder: names, statuses, options and all that shows a project."""
    made, note = _recalled(studio, opened)
    known = studio.board.get(strip.job_name("analysis", running))
    if running and known is None and studio.store.open(running) is None:
        running, note = "", markup.say(INTERRUPTED, "bad")
    options = settings.restored(made.settings.options) if made else settings.untouched()
    names = opened if made else "", running
    return *names, note, rendering.swept(studio, made), *options, *shown(studio, made, *look)


def adopt(studio: Studio, unchanged: int, opened: str, running: str, *look: object) -> tuple:
    """Names and project of an analysis that has ended; without one, `unchanged` values that leave the page as it is."""
    job = studio.board.get(strip.job_name("analysis", running))
    if not running or (job and not job.ended):  # another follower's, begun since: its name must stay
        return (gr.skip(),) * (2 + unchanged)
    made = studio.store.open(running)
    if made is None:
        return opened, "", *(gr.skip(),) * unchanged
    return running, "", *shown(studio, made, *look)


def finished(studio: Studio, opened: str) -> tuple:
    """The video of a render that has ended."""
    return rendering.shown(studio, studio.store.open(opened))


def shown(studio: Studio, made: Project | None, parts: list[str], close: str, *look: object) -> tuple:
    """All that shows an analysed project, or that there is none. The rest: see `Page.looks`."""
    cards = inputs.restored(studio, made) if made else inputs.untouched()
    frames = (*scrub.shown(studio, made, *look), *adjust.shown(made, parts, close))
    return *cards, analysis.shown(made), *frames, *rendering.shown(studio, made)


def _recalled(studio: Studio, name: str) -> tuple[Project | None, str]:
    if not name:
        return None, ""
    try:
        made = studio.store.open(name)
    except ApvgenError as error:
        return None, markup.say(studio.sentence(error), "bad")
    return made, "" if made else markup.say(LOST, "bad")


def serve(studio: Studio, host: str | None, port: int | None, share: bool) -> None:
    """Run the server until it is interrupted; then stop the work under way. Raises OSError for a port that is taken.

    host, port: None takes gradio's environment variables, which a Space sets, or this machine only and the first free.
    """
    blocks = build(studio)
    blocks.launch(
        server_name=host,
        server_port=port,
        share=share,
        theme=theme(),
        css_paths=CSS,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        max_file_size=studio.limits.file_bytes,
        allowed_paths=[str(studio.example)],
        prevent_thread_lock=True,
        quiet=True,
    )
    print(f"{TITLE} is open at {blocks.share_url or blocks.local_url} (Ctrl-C stops it); projects: {studio.store.root}")
    if studio.warm_up is not None:
        studio.board.start("warm-up", studio.warm_up)
    try:
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
    finally:
        print("\nStopping; open pages may hold this up for 5 seconds.")
        studio.board.close()
        blocks.close(verbose=False)
