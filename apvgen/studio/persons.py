"""Panel: everybody in the driving video; a click chooses whom the next analysis follows."""

from __future__ import annotations

import cv2
import gradio as gr
import numpy as np

from apvgen.errors import InputError
from apvgen.studio import markup
from apvgen.studio.context import Studio
from apvgen.studio.scaling import fitted
from apvgen.studio.viewer import Look, Viewer, open_viewer

HEIGHT = 110
MARGIN = 0.08
"""Around a person, in shares of the box's height."""

MOST = 6
"""People with a picture; smaller ones are left out."""

CHOOSE = """element.addEventListener("click", event => {
    const person = event.target.closest("[data-person]");
    if (person) trigger("select", { person: Number(person.dataset.person) });
});"""
NEXT = "Person {} is followed by the next analysis."


def build() -> gr.HTML:
    """Room for the pictures."""
    return gr.HTML("", elem_id="persons", js_on_load=CHOOSE)


def shown(studio: Studio, name: str) -> str:
    """A picture of each person, where there are several; nothing otherwise. Raises ProjectError, MediaError."""
    if not name:
        return ""
    viewer = open_viewer(studio.store.folder(name))
    people = viewer.analysis.people
    if people is None or len(people) < 2:
        return ""
    followed = viewer.made.settings.options.person
    buttons = "".join(_button(viewer, k, k == followed) for k in range(min(len(people), MOST)))
    words = f"{len(people)} people are in the video; click the one to follow, then analyse again."
    return f'<p class="subdued">{words}</p><div class="persons">{buttons}</div>'


def chosen(event: gr.EventData) -> tuple[int, str]:
    """A person was clicked: their number for the options, and what it means. Raises InputError."""
    person = event._data.get("person")
    if not isinstance(person, int) or not 0 <= person < 1000:
        raise InputError("That is no person of the video; reload the page.")
    return person, markup.say(NEXT.format(person))


def _button(viewer: Viewer, person: int, followed: bool) -> str:
    image = f'<img src="{markup.data_url(portrait(viewer, person))}" alt="">'
    note = f"person {person}{', followed now' if followed else ''}"
    pressed = f'data-person="{person}" aria-pressed="{str(followed).lower()}"'
    return f'<button {pressed} title="Follow person {person}">{image}{note}</button>'


def portrait(viewer: Viewer, person: int) -> np.ndarray:
    """A person of the driving video, cut out where the box is largest: RGB uint8 `[HEIGHT, any, 3]` at most.

    Raises MediaError.
    """
    boxes = viewer.analysis.people[person]
    sizes = np.nan_to_num((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), nan=-1)
    t = int(sizes.argmax())
    height, width = viewer.analysis.driving.hw
    picture = viewer.pictures(Look(layers=("frame",), shots=()), t, max(height, width))["motion"]
    scale = picture.shape[0] / height
    margin = MARGIN * (boxes[t, 3] - boxes[t, 1])
    left, top, right, bottom = (scale * (boxes[t] + margin * np.array([-1, -1, 1, 1]))).round().astype(int)
    cut = picture[max(top, 0) : max(bottom, 1), max(left, 0) : max(right, 1)]
    shrink = HEIGHT / cut.shape[0]
    if shrink >= 1:
        return fitted(cut, HEIGHT)
    return cv2.resize(cut, (max(1, round(cut.shape[1] * shrink)), HEIGHT), interpolation=cv2.INTER_AREA)
