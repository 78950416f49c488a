"""Panel: the photo, the motion and the voice, each shown and checked when it is chosen, or the bundled example."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from html import escape
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import numpy as np

from apvgen import exchange
from apvgen.errors import ApvgenError, InputError
from apvgen.media import VideoReader, check_voice, read_audio, read_image
from apvgen.pose import draw_pose
from apvgen.project import ROLES, Project
from apvgen.studio import markup
from apvgen.studio.context import QUIET, Studio, bound
from apvgen.studio.scaling import fitted, shrunk

USUAL_RATE = Fraction(25)
"""Frames a second of a track that does not say."""

THUMBNAIL = 240
"""Longest side of a card's picture, px."""

_VIDEOS = ["video", ".mkv", ".avi", ".ts", ".mts", ".flv"]
_MOTIONS = [*_VIDEOS, *exchange.TRACK_SUFFIXES]
_SOUNDS = ["audio", ".opus", ".mka", *_VIDEOS]


@dataclass(frozen=True)
class Wanted:
    """What a card asks for."""

    title: str
    hint: str
    file_types: list[str]
    example: str


WANTED = {
    "reference": Wanted("Photo", "One person, face and upper body in view", ["image"], "photo"),
    "driving": Wanted("Motion", "Video of a person moving, or a track (.npz, .zip)", _MOTIONS, "motion"),
    "voice": Wanted("Voice", "Speech: a recording, or a video with sound", _SOUNDS, "voice"),
}
"""`Wanted.example`: what the bundled file is called, without its ending."""

DRAWN = {"Mia": "mia", "Leo": "leo"}
"""Characters of the world that `train.demo` trains on, and their folders among the examples."""


@dataclass(frozen=True)
class Card:
    """One input: `file` where nothing is chosen yet, else what was chosen and a button to choose again."""

    file: gr.File
    look: gr.HTML
    again: gr.Button

    @property
    def outputs(self) -> list[gr.Component]:
        return [self.file, self.look, self.again]


@dataclass(frozen=True)
class Panel:
    """`cards` by role, in the order of `project.ROLES`."""

    cards: dict[str, Card]
    example: gr.Button
    drawn: dict[str, gr.Button]

    @property
    def files(self) -> list[gr.File]:
        return [card.file for card in self.cards.values()]

    @property
    def outputs(self) -> list[gr.Component]:
        return [component for card in self.cards.values() for component in card.outputs]


def build() -> Panel:
    """Lay the cards out below each other."""
    cards = {role: _build_card(role, WANTED[role]) for role in ROLES}
    usual = gr.Button("Use the bundled example", size="sm")
    with gr.Row():
        drawn = {name: gr.Button(f"Use {name}, a drawn character", size="sm", min_width=120) for name in DRAWN}
    return Panel(cards, usual, drawn)


def _build_card(role: str, wanted: Wanted) -> Card:
    with gr.Column(elem_classes=["sheet", "card"], elem_id=f"card-{role}", min_width=200):
        gr.HTML(f'<h2>{wanted.title}</h2><p class="subdued">{wanted.hint}</p>')
        file = gr.File(show_label=False, container=False, height=84, file_types=wanted.file_types)
        look = gr.HTML(visible=False)
        again = gr.Button("Change", size="sm", visible=False, elem_classes="again")
    return Card(file, look, again)


def wire(panel: Panel, studio: Studio) -> list[gr.events.Dependency]:
    """Connect the cards and the example; the events after which other files are chosen."""
    changes = [panel.example.click(bound(studio, example), None, panel.outputs, **QUIET)]
    for name, button in panel.drawn.items():
        changes.append(button.click(bound(studio, example, DRAWN[name]), None, panel.outputs, **QUIET))
    for role, card in panel.cards.items():
        outputs = [card.look, card.again, card.file]
        changes.append(card.file.upload(bound(studio, chosen, role), card.file, outputs, **QUIET))
        changes.append(card.again.click(emptied, None, card.outputs, **QUIET))
    return changes


def chosen(studio: Studio, role: str, path: str) -> tuple:
    """A file was uploaded: show it, or what is wrong with it, in the place of the upload box."""
    return *_looks(studio, role, studio.trusted(path)), gr.File(visible=False)


def emptied() -> tuple:
    """Back to the upload box."""
    return gr.File(value=None, visible=True), gr.HTML(visible=False), gr.Button(visible=False)


def example(studio: Studio, folder: str = ".") -> tuple:
    """Fill every card from a bundled example. Raises InputError where it is not installed."""
    files = {role: next((studio.example / folder).glob(f"{WANTED[role].example}.*"), None) for role in ROLES}
    if not all(files.values()):
        raise InputError("The bundled example is missing from this installation; choose your own three files.")
    return _filled(studio, files)


def restored(studio: Studio, made: Project) -> tuple:
    """Fill every card from a project's own copies."""
    entries = {role: made.settings.inputs[role] for role in ROLES}
    return _filled(
        studio,
        {role: studio.lend(made.input_path(role), entry.name, entry.sha256) for role, entry in entries.items()},
    )


def untouched() -> tuple:
    """Values that leave the cards as they are."""
    return (gr.skip(),) * len(ROLES) * len(fields(Card))


def paths(studio: Studio, files: tuple[str | None, ...]) -> dict[str, Path]:
    """The three chosen files by role. Raises InputError, which names what is still missing."""
    missing = [WANTED[role].title.lower() for role, file in zip(ROLES, files, strict=True) if file is None]
    if missing:
        raise InputError(f"No {' and no '.join(missing)} was chosen yet; choose all three, or use the example.")
    return {role: studio.trusted(file) for role, file in zip(ROLES, files, strict=True)}


def _filled(studio: Studio, files: dict[str, Path]) -> tuple:
    return tuple(
        update
        for role, path in files.items()
        for update in (gr.File(value=str(path), visible=False), *_looks(studio, role, path))
    )


def _looks(studio: Studio, role: str, path: Path) -> tuple[gr.HTML, gr.Button]:
    try:
        shown = LOOKS[role](path, studio)
    except ApvgenError as error:
        shown = f'<div class="look">{markup.say(studio.sentence(error), "bad")}</div>'
    return gr.HTML(shown, visible=True), gr.Button(visible=True)


def look_at_photo(path: Path, studio: Studio) -> str:
    """A thumbnail and the size. Raises MediaError, LimitError."""
    image = read_image(path, studio.limits)
    height, width = image.shape[:2]
    return _described(fitted(image, THUMBNAIL), path, f"{width} × {height} px")


def look_at_motion(path: Path, studio: Studio) -> str:
    """The frame halfway, or a track's pose there, and the length. Raises MediaError, LimitError."""
    if exchange.is_track(path):
        motion = exchange.read_motion(path, exchange.Reading(studio.limits, default_fps=USUAL_RATE))
        pose = shrunk(draw_pose(motion, len(motion) // 2, "mesh"), THUMBNAIL)
        facts = f"Motion track, {float(len(motion) / motion.fps):.1f} s, {float(motion.fps):.4g} frames a second"
        return _described(pose, path, facts)
    video = VideoReader(path, None, studio.limits, max_side=THUMBNAIL)
    (height, width), info = video.info.hw, video.info
    middle = next(video.frames(video.frame_count // 2))
    facts = f"{float(info.duration):.1f} s, {width} × {height} px, {float(info.fps):.4g} frames a second"
    return _described(middle, path, facts)


def look_at_voice(path: Path, studio: Studio) -> str:
    """A player and the loudness over time. Raises MediaError, LimitError."""
    audio = read_audio(path, studio.limits)
    check_voice(audio)
    player = f'<audio src="gradio_api/file={quote(str(path))}" preload="metadata" controls></audio>'
    facts = f"{float(audio.duration):.1f} s, {audio.rate / 1000:g} kHz"
    return f'<div class="look heard">{_facts(path, facts)}{markup.waveform(audio.mono)}{player}</div>'


LOOKS = {"reference": look_at_photo, "driving": look_at_motion, "voice": look_at_voice}


def _described(picture: np.ndarray, path: Path, facts: str) -> str:
    image = f'<img class="picture" src="{markup.data_url(picture)}" alt="">'
    return f'<div class="look">{image}{_facts(path, facts)}</div>'


def _facts(path: Path, facts: str) -> str:
    return f'<p class="facts"><b>{escape(path.name)}</b><span>{escape(facts)}</span></p>'
