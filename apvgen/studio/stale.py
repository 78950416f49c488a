"""What to say while the files in the cards are others than those of the open project."""

from __future__ import annotations

import gradio as gr

from apvgen.errors import InputError
from apvgen.media import content_hash
from apvgen.project import ROLES, Project
from apvgen.studio import markup
from apvgen.studio.context import Studio

FOUND = "These are of the earlier files: {}; analyse the new ones."
RENDERED = "This renders the earlier files: {}. To render the new ones, analyse them first."


def build() -> gr.HTML:
    """Room for a note."""
    return gr.HTML(visible=False)


def notes(studio: Studio, name: str, *files: str | None) -> tuple[gr.HTML, gr.HTML]:
    """What stands above the findings and above the buttons that render. files: of the cards, in the order of `ROLES`.

    Raises ProjectError.
    """
    made = studio.store.open(name)
    if made is None or all(_same(studio, made, role, file) for role, file in zip(ROLES, files, strict=True)):
        return (gr.HTML(visible=False),) * 2
    names = ", ".join(made.settings.inputs[role].name for role in ROLES)
    found, rendered = (markup.say(text.format(names), "fair") for text in (FOUND, RENDERED))
    return gr.HTML(found, visible=True), gr.HTML(rendered, visible=True)


def _same(studio: Studio, made: Project, role: str, file: str | None) -> bool:
    """Whether a card holds a project's input; an empty one does not."""
    if file is None:
        return False
    try:
        place = studio.trusted(file)
    except InputError:
        return False
    digest = made.settings.inputs[role].sha256
    lent = place.parent.name == digest  # see `Studio.lend`
    return lent or (place.stat().st_size == made.input_path(role).stat().st_size and content_hash(place) == digest)
