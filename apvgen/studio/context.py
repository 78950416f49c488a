"""What the handlers of one running studio share, and how they report an error."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Protocol

import gradio as gr
from gradio.utils import get_upload_folder

from apvgen.backbones.options import RenderOptions
from apvgen.backbones.protocol import Backbone
from apvgen.config import FaceStyle, Limits, Options
from apvgen.errors import InputError
from apvgen.files import complete_or_absent
from apvgen.model.checkpoint import checkpoints_folder
from apvgen.progress import OnProgress
from apvgen.studio import words
from apvgen.studio.jobs import Board
from apvgen.studio.store import Store

QUIET = {"show_progress": "hidden", "api_visibility": "private"}
"""For every event: no veil over what it changes, and nothing that other programs may call."""


class Analyser(Protocol):
    """The part of `pipeline.Animator` that makes a project."""

    def analyse(self, inputs: Mapping[str, Path], folder: Path, on_progress: OnProgress) -> object: ...


@dataclass(frozen=True)
class Studio:
    """One running studio.

    analyser: makes the analyser for a person's options. example: folder of the bundled example.
    backbone: makes what renders, for a person's choice and a style of faces.
    warm_up: loads what an analysis will need; the first job of all.
    """

    store: Store
    analyser: Callable[[Options], Analyser]
    backbone: Callable[[RenderOptions, FaceStyle], Backbone]
    example: Path
    limits: Limits = field(default_factory=Limits)
    board: Board = field(default_factory=Board)
    warm_up: Callable[[OnProgress], object] | None = None

    @property
    def uploads(self) -> Path:
        """Where gradio puts what browsers send, and the only folder besides the example that it serves."""
        return Path(get_upload_folder())

    def trusted(self, path: str) -> Path:
        """A path that came from a browser, if it is an upload or part of the example. Raises InputError."""
        place = Path(path).resolve()
        if not any(place.is_relative_to(root.resolve()) for root in (self.uploads, self.example)):
            raise InputError("That file was not uploaded here; choose it again.")
        if not place.is_file():
            raise InputError(f"The upload {place.name} is gone, as uploads are kept for a day; choose it again.")
        return place

    def lend(self, path: Path, name: str, sha256: str) -> Path:
        """A copy that gradio may serve, called `name`, in a folder named by its content. Raises OutputError."""
        place = self.uploads / sha256 / Path(name).name
        if not place.exists():
            with complete_or_absent(place) as temporary:
                shutil.copyfile(path, temporary)
        return place

    def sentence(self, error: BaseException) -> str:
        """An error in one sentence that names no folder of this machine."""
        return words.sentence(error, (self.uploads, self.store.root, self.example, checkpoints_folder()))


def bound(studio: Studio, handler: Callable, *first: object) -> Callable:
    """`handler(studio, *first, ...)` as gradio calls it; an error becomes a note on the page in one sentence."""

    def call(*args: object) -> object:
        try:
            return handler(studio, *first, *args)
        except Exception as error:
            raise gr.Error(escape(studio.sentence(error), quote=False), print_exception=False) from error

    call.__name__ = handler.__name__
    return call


def answering(studio: Studio, handler: Callable) -> Callable[[Mapping[str, object]], Mapping[str, object]]:
    """`handler(studio, **request)` as a page's script calls it; an error becomes the answer `{"error": sentence}`."""

    def call(request: Mapping[str, object]) -> Mapping[str, object]:
        try:
            return handler(studio, **request)
        except Exception as error:
            return {"error": studio.sentence(error)}

    call.__name__ = handler.__name__
    return call
