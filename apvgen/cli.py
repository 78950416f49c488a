"""`python -m apvgen`: the command line. Heavy imports happen inside the commands, so that `--help` is instant."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from apvgen import __version__, config
from apvgen.errors import ApvgenError, Cancelled, InputError

if TYPE_CHECKING:
    from apvgen.doctor import Check
    from apvgen.fda import Override
    from apvgen.pipeline import OnProgress, Rendered
    from apvgen.project import Project
    from apvgen.types import HW

FAILED, STOPPED = 2, 130
FIELDS = {"fda": "mode", "size": "hw"}
"""Options whose field in `config` has another name."""
STAGES = {"detect": "Detecting", "voice": "Voice to face", "preview": "Preview", "draft": "Draft render"}


def _choice(kind: object) -> click.Choice:
    return click.Choice(get_args(kind))


class _Fps(click.ParamType):
    name = "fps"

    def convert(self, value: str, parameter: click.Parameter | None, context: click.Context | None) -> Fraction:
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            return self.fail(f"{value!r} is no frame rate; write 25 or 30000/1001.", parameter, context)


class _Size(click.ParamType):
    name = "HxW"

    def convert(self, value: str, parameter: click.Parameter | None, context: click.Context | None) -> HW:
        height, _, width = value.lower().partition("x")
        if not (height.isdigit() and width.isdigit()):
            self.fail(f"{value!r} is no size; write HEIGHTxWIDTH, for example 768x512.", parameter, context)
        return int(height), int(width)


def _stack(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _input_options(required: bool) -> Callable[[Any], Any]:
    return _stack(
        click.option("--reference", type=click.Path(path_type=Path), required=required, help="Photo of the person."),
        click.option(
            "--driving",
            type=click.Path(path_type=Path),
            required=required,
            help="Video to move like, or a motion .npz.",
        ),
        click.option("--voice", type=click.Path(path_type=Path), required=required, help="Any file with speech in it."),
    )


def _setting(flag: str, default: object, text: str = "", **more: Any) -> Callable[[Any], Any]:
    """An option that is absent unless given: defaults live in `config`, a stored project keeps what it has."""
    return click.option(flag, default=None, show_default=str(default), help=text, **more)


_DEFAULTS = config.Options()

_setting_options = _stack(
    _setting("--fps", _DEFAULTS.fps, "Frames per second of the result.", type=_Fps()),
    _setting("--size", "768x512", "Height and width of the result, px.", type=_Size()),
    _setting("--seed", _DEFAULTS.seed, "Same seed, same bytes.", type=int),
    _setting("--detector", _DEFAULTS.detector, "Keypoint detector.", type=_choice(config.DetectorName)),
    _setting("--person", _DEFAULTS.person, "0 is the largest tracked person, 1 the next.", type=int),
    _setting(
        "--length",
        _DEFAULTS.length,
        "What the motion does when the voice is longer.",
        type=_choice(config.LengthMode),
    ),
    _setting("--face-style", _DEFAULTS.face_style, "How pose frames draw faces.", type=_choice(config.FaceStyle)),
)

_align_options = _stack(
    _setting("--fda", _DEFAULTS.align.mode, "How the face is aligned.", type=_choice(config.FdaMode)),
    _setting(
        "--head-rotation", _DEFAULTS.align.head_rotation, "Whose head rotation.", type=_choice(config.HeadRotation)
    ),
    _setting("--smoothing", _DEFAULTS.align.smoothing, "Of the face's size, frames; 0 is the paper.", type=float),
    _setting("--fit-body/--no-fit-body", "fit-body", "Fit to the person's proportions.", type=bool),
    click.option(
        "--override",
        "overrides",
        type=(int, float, float, float, float),
        multiple=True,
        metavar="FRAME SX SY DX DY",
        help="Key frame: scale and shift (in face sizes) of the drawn face. Repeatable; a project's own are replaced.",
    ),
)

_limit_options = _stack(
    _setting("--max-seconds", _DEFAULTS.limits.video_seconds, "Longest video or voice that is read.", type=float),
    _setting("--max-mib", _DEFAULTS.limits.file_bytes >> 20, "Largest file that is read.", type=int),
)

_json_option = click.option("--json", "as_json", is_flag=True, help="Print a machine-readable summary.")
_out_option = click.option("--out", type=click.Path(path_type=Path), required=True, help="Video to write (.mp4).")
_renderer_option = click.option("--renderer", type=click.Choice(["draft"]), default="draft", show_default=True)


def _project_option(required: bool) -> Callable[[Any], Any]:
    return click.option(
        "--project", "folder", type=click.Path(path_type=Path), required=required, help="Project folder."
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
def cli() -> None:
    """Make the person in a photo move like a dancer in a video and speak with a given voice."""


@cli.command()
@_input_options(required=False)
@_project_option(required=True)
@_setting_options
@_align_options
@_limit_options
@_json_option
def analyse(folder: Path, as_json: bool, **given: Any) -> None:
    """Detect, voice and align into a project folder; without inputs, align an existing project again."""
    with _progress(as_json) as on_progress:
        made = _analyse(folder, given, on_progress)
    _say(as_json, {"project": str(folder), **made.settings.report}, f"Analysed into {folder}: {_sentence(made)}")


@cli.command()
@_project_option(required=True)
@_out_option
@_json_option
def preview(folder: Path, out: Path, as_json: bool) -> None:
    """Write a video of detections, talking face, pose frame and overlay, side by side, with sound."""
    from apvgen import pipeline, project

    with _progress(as_json) as on_progress:
        rendered = pipeline.preview(project.load(folder), out, on_progress)
    _say_rendered(as_json, rendered, "Preview")


@cli.command()
@_project_option(required=True)
@_out_option
@_renderer_option
@_json_option
def render(folder: Path, out: Path, renderer: str, as_json: bool) -> None:
    """Render an analysed project. The draft warps the photo; it needs no GPU and is not the diffusion result."""
    from apvgen import pipeline, project

    with _progress(as_json) as on_progress:
        rendered = pipeline.render(project.load(folder), out, on_progress)
    _say_rendered(as_json, rendered, renderer.capitalize())


@cli.command()
@_input_options(required=True)
@_out_option
@_project_option(required=False)
@_renderer_option
@_setting_options
@_align_options
@_limit_options
@_json_option
def run(out: Path, folder: Path | None, renderer: str, as_json: bool, **given: Any) -> None:
    """All of it: photo, driving video and voice in, finished video out."""
    from apvgen import pipeline

    folder = folder or out.with_suffix(".project")
    _check_places(out, folder, given)
    with _progress(as_json) as on_progress:
        made = _analyse(folder, given, on_progress)
        rendered = pipeline.render(made, out, on_progress)
    _say_rendered(as_json, rendered, renderer.capitalize(), {"project": str(folder), **made.settings.report})


@cli.command()
@_json_option
def doctor(as_json: bool) -> None:
    """Say what is installed, found and missing, and what to do about it."""
    from apvgen.doctor import examine

    checks = examine()
    lines = [f"{_verdict(check)}  {check.name}: {check.found}" for check in checks]
    advice = [None if check.ok else f"         -> {check.advice}" for check in checks]
    text = "\n".join(part for pair in zip(lines, advice, strict=True) for part in pair if part)
    _say(as_json, {"checks": [vars(check) for check in checks]}, text)
    sys.exit(0 if all(check.ok or not check.required for check in checks) else 1)


def _check_places(out: Path, folder: Path, given: dict[str, Any]) -> None:
    """Refuse, before any work, an output that would fail or overwrite what the user gave."""
    from apvgen import media, project

    media.check_output(out)
    for role in project.ROLES:
        if given[role].resolve() in (out.resolve(), out.with_suffix(".json").resolve()):
            raise InputError(f"--out {out} would overwrite the {role} file; name another file.")
    project.check_folder(folder)


def _verdict(check: Check) -> str:
    return "ok     " if check.ok else "MISSING" if check.required else "better "


def _analyse(folder: Path, given: dict[str, Any], on_progress: OnProgress) -> Project:
    from apvgen import pipeline, project
    from apvgen.fda import Override

    inputs = {role: given.pop(role) for role in project.ROLES}
    stored = None if any(inputs.values()) else project.load(folder)
    try:
        overrides = tuple(Override(k, (sx, sy), (dx, dy)) for k, sx, sy, dx, dy in given.pop("overrides"))
        options = _options(stored.settings.options if stored else _DEFAULTS, given)
    except ValueError as error:
        raise InputError(f"An option is out of range: {error}.") from error
    if stored:
        return _align_again(stored, options, overrides)
    made = pipeline.Animator(options).analyse(inputs, folder, on_progress)
    return pipeline.realign(made, options.align, overrides) if overrides else made


def _align_again(stored: Project, options: config.Options, overrides: tuple[Override, ...]) -> Project:
    from apvgen import pipeline

    before = stored.settings.options
    changed = [name for name, value in vars(options).items() if value != getattr(before, name) and name != "align"]
    if changed:
        raise InputError(f"A change of {', '.join(changed)} needs a new analysis; give the three inputs again.")
    return pipeline.realign(stored, options.align, overrides or stored.settings.overrides)


def _options(base: config.Options, given: dict[str, Any]) -> config.Options:
    """`base` with the options that were given; raises ValueError for values out of range."""
    chosen = {name: value for name, value in given.items() if value is not None}
    seconds = chosen.pop("max_seconds", base.limits.video_seconds)
    file_bytes = chosen.pop("max_mib", base.limits.file_bytes >> 20) << 20
    limits = replace(base.limits, file_bytes=file_bytes, video_seconds=seconds, audio_seconds=seconds)
    chosen = {FIELDS.get(flag, flag): value for flag, value in chosen.items()}
    align = replace(base.align, **{name: chosen.pop(name) for name in vars(base.align) if name in chosen})
    return replace(base, align=align, limits=limits, **chosen)


@contextmanager
def _progress(quiet: bool) -> Iterator[OnProgress]:
    """A bar for each stage on standard error, with the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        tasks = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES.get(stage, stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield on_progress


def _say(as_json: bool, summary: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(summary) if as_json else text)


def _say_rendered(as_json: bool, rendered: Rendered, kind: str, more: dict[str, Any] | None = None) -> None:
    summary = {
        "video": str(rendered.video),
        "settings": str(rendered.settings),
        "kind": kind.lower(),
        "frames": rendered.frames,
        "render_seconds": round(rendered.seconds, 2),
        **(more or {}),
    }
    text = f"{kind}: {rendered.video} ({rendered.frames} frames in {rendered.seconds:.1f} s); settings beside it."
    _say(as_json, summary, text)


def _sentence(made: Project) -> str:
    report = made.settings.report
    kept = report["lip_gap_kept"]
    lips = "the mouth never opens" if kept is None else f"lip gap kept {kept:.0%}"
    return (
        f"{report['frames']} frames, face drawn in {report['share_with_drawn_face']:.0%}, {lips}, "
        f"detector {made.settings.made_with['detector']}."
    )


def main() -> None:
    """Run the command line; every expected failure is one sentence on standard error."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt, Cancelled):
        click.echo("Stopped; nothing unfinished was left behind.", err=True)
        sys.exit(STOPPED)
    except ApvgenError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)
    except ImportError as error:
        if ".so" not in str(error):
            raise
        from apvgen.doctor import missing_library

        click.echo(f"Error: {missing_library(error)}", err=True)
        sys.exit(FAILED)
