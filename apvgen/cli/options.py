"""The options that commands share, with the defaults of `config` and `backbones`."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import click

from apvgen import config
from apvgen.types import HW


def _choice(kind: object) -> click.Choice:
    return click.Choice(get_args(kind))


class Rational(click.ParamType):
    """A number, also as a fraction. wanted: what it is, and how to write it."""

    def __init__(self, name: str, wanted: str) -> None:
        self.name, self._wanted = name, wanted

    def convert(self, value: str, parameter: click.Parameter | None, context: click.Context | None) -> Fraction:
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            return self.fail(f"{value!r} is no {self._wanted}.", parameter, context)


FPS = Rational("fps", "frame rate; write 25 or 30000/1001")
_SECONDS = Rational("seconds", "number of seconds; write 2 or 2.5")
_SPAN = (_SECONDS, _SECONDS)


class Size(click.ParamType):
    """Height and width in pixels."""

    name = "HxW"

    def convert(self, value: str, parameter: click.Parameter | None, context: click.Context | None) -> HW:
        height, _, width = value.lower().partition("x")
        if not (height.isdigit() and width.isdigit()):
            self.fail(f"{value!r} is no size; write HEIGHTxWIDTH, for example 768x512.", parameter, context)
        return int(height), int(width)


def stack(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def input_options(required: bool) -> Callable[[Any], Any]:
    return stack(
        click.option("--reference", type=click.Path(path_type=Path), required=required, help="Photo of the person."),
        click.option(
            "--driving",
            type=click.Path(path_type=Path),
            required=required,
            help="Video to move like; or a motion .npz, or another tool's track (see import).",
        ),
        click.option("--voice", type=click.Path(path_type=Path), required=required, help="Any file with speech in it."),
    )


def setting(flag: str, default: object, text: str = "", **more: Any) -> Callable[[Any], Any]:
    """An option that is absent unless given: defaults live in `config`, a stored project keeps what it has."""
    return click.option(flag, default=None, show_default=str(default), help=text, **more)


_DEFAULTS = config.Options()

setting_options = stack(
    setting("--fps", _DEFAULTS.fps, "Frames per second of the result.", type=FPS),
    setting("--size", "768x512", "Height and width of the result, px.", type=Size()),
    setting("--seed", _DEFAULTS.seed, "Same seed, same bytes.", type=int),
    setting("--detector", _DEFAULTS.detector, "Keypoint detector.", type=_choice(config.DetectorName)),
    setting(
        "--trim-driving",
        "all of it",
        "Seconds of the driving input to use, from and to.",
        type=_SPAN,
    ),
    setting("--trim-voice", "all of it", "Seconds of the voice to use, from and to.", type=_SPAN),
    setting("--voice-model", _DEFAULTS.voice_model, "Voice to face.", type=_choice(config.VoiceModelName)),
    setting("--isolate-vocals/--no-isolate-vocals", "no", "Take the voice out of music first (Demucs).", type=bool),
    setting("--person", _DEFAULTS.person, "0 is the largest tracked person, 1 the next.", type=int),
    setting(
        "--length",
        _DEFAULTS.length,
        "What the motion does when the voice is longer.",
        type=_choice(config.LengthMode),
    ),
    setting("--face-style", _DEFAULTS.face_style, "How pose frames draw faces.", type=_choice(config.FaceStyle)),
)

align_options = stack(
    setting("--fda", _DEFAULTS.align.mode, "How the face is aligned.", type=_choice(config.FdaMode)),
    setting(
        "--head-rotation", _DEFAULTS.align.head_rotation, "Whose head rotation.", type=_choice(config.HeadRotation)
    ),
    setting("--smoothing", _DEFAULTS.align.smoothing, "Of the face's size, frames; 0 is the paper.", type=float),
    setting("--fit-body/--no-fit-body", "fit-body", "Fit to the person's proportions.", type=bool),
    click.option(
        "--edits",
        type=click.Path(path_type=Path),
        help="Corrections to use: what `edits --json` prints, or any project.json. A project's own are replaced.",
    ),
    click.option(
        "--override",
        "overrides",
        type=(int, float, float, float, float),
        multiple=True,
        metavar="FRAME SX SY DX DY",
        help="Key frame: scale and shift (in face sizes) of the drawn face. Repeatable; replaces all key frames.",
    ),
)

limit_options = stack(
    setting("--max-seconds", _DEFAULTS.limits.video_seconds, "Longest video or voice that is read.", type=float),
    setting("--max-mib", _DEFAULTS.limits.file_bytes >> 20, "Largest file that is read.", type=int),
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print a machine-readable summary.")
out_option = click.option("--out", type=click.Path(path_type=Path), required=True, help="Video to write (.mp4).")


def project_option(required: bool) -> Callable[[Any], Any]:
    return click.option(
        "--project", "folder", type=click.Path(path_type=Path), required=required, help="Project folder."
    )
