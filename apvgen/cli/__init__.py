"""`python -m apvgen`: the command line. Heavy imports happen inside the commands, so that `--help` is instant."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apvgen import __version__, config
from apvgen.cli import check, checkpoints, edits, exchange, options, rendering
from apvgen.cli.progress import progress
from apvgen.errors import ApvgenError, Cancelled, InputError
from apvgen.process import wait_calmly

if TYPE_CHECKING:
    from apvgen.doctor import Check
    from apvgen.edits import Edits
    from apvgen.progress import OnProgress
    from apvgen.project import Project
    from apvgen.result import Rendered

FAILED, STOPPED = 2, 130
_DEFAULTS = config.Options()
FIELDS = {"fda": "mode", "size": "hw", "trim_driving": "driving_trim", "trim_voice": "voice_trim"}
"""Options whose field in `config` has another name."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
def cli() -> None:
    """Make the person in a photo move like a dancer in a video and speak with a given voice."""


cli.add_command(checkpoints.checkpoints)
cli.add_command(exchange.export)
cli.add_command(exchange.import_)
cli.add_command(edits.edits)
cli.add_command(check.check)


@cli.command()
@options.input_options(required=False)
@options.project_option(required=True)
@options.setting_options
@options.align_options
@options.limit_options
@options.json_option
def analyse(folder: Path, as_json: bool, **given: Any) -> None:
    """Detect, voice and align into a project folder; without inputs, align an existing project again."""
    with progress(as_json) as on_progress:
        made = _analyse(folder, given, on_progress)
    _say(as_json, {"project": str(folder), **made.settings.report}, f"Analysed into {folder}: {_sentence(made)}")


@cli.command()
@options.project_option(required=True)
@options.out_option
@options.json_option
def preview(folder: Path, out: Path, as_json: bool) -> None:
    """Write a video of detections, talking face, pose frame and overlay, side by side, with sound."""
    from apvgen import pipeline, project

    with progress(as_json) as on_progress:
        rendered = pipeline.preview(project.load(folder), out, on_progress)
    _say_rendered(as_json, rendered, "Preview")


@cli.command()
@options.project_option(required=True)
@options.out_option
@rendering.render_options
@options.setting("--seed", "the project's", "Of the noise that sampling starts from.", type=int)
@click.option("--reuse", is_flag=True, help="Sample only the frames that changed since the last render with --reuse.")
@rendering.watermark_option
@options.json_option
def render(
    folder: Path, out: Path, seed: int | None, reuse: bool, watermark: bool, as_json: bool, **given: Any
) -> None:
    """Render an analysed project. The draft warps the photo; it needs no GPU and is not the diffusion result."""
    from apvgen import pipeline, project
    from apvgen.backbones.registry import load_backbone
    from apvgen.result import Handling

    made = project.load(folder)
    stored = made.settings.options
    how = rendering.chosen(given, stored.seed if seed is None else seed)
    backbone = load_backbone(how, stored.face_style)
    with progress(as_json) as on_progress:
        rendered = pipeline.render(made, out, on_progress, backbone, Handling(reuse, watermark))
    _say_rendered(as_json, rendered, how.renderer.capitalize())


@cli.command()
@options.input_options(required=True)
@options.out_option
@options.project_option(required=False)
@rendering.render_options
@rendering.watermark_option
@options.setting_options
@options.align_options
@options.limit_options
@options.json_option
def run(out: Path, folder: Path | None, watermark: bool, as_json: bool, **given: Any) -> None:
    """All of it: photo, driving video and voice in, finished video out."""
    from apvgen import pipeline
    from apvgen.backbones.registry import load_backbone
    from apvgen.result import Handling

    how = rendering.chosen(given, given["seed"] or _DEFAULTS.seed)
    backbone = load_backbone(how, given["face_style"] or _DEFAULTS.face_style)
    folder = folder or out.with_suffix(".project")
    _check_places(out, folder, given)
    with progress(as_json) as on_progress:
        made = _analyse(folder, given, on_progress)
        rendered = pipeline.render(made, out, on_progress, backbone, Handling(watermark=watermark))
    _say_rendered(as_json, rendered, how.renderer.capitalize(), {"project": str(folder), **made.settings.report})


@cli.command()
@options.json_option
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
    from apvgen.edits import Edits

    inputs = {role: given.pop(role) for role in project.ROLES}
    stored = None if any(inputs.values()) else project.load(folder)
    wanted = _edits(given, stored.settings.edits if stored else Edits())
    try:
        options = _options(stored.settings.options if stored else _DEFAULTS, given)
    except ValueError as error:
        raise InputError(f"An option is out of range: {error}.") from error
    if stored:
        return _align_again(stored, options, wanted)
    made = pipeline.Animator(options).analyse(inputs, folder, on_progress)
    return made if wanted == Edits() else pipeline.realign(made, options.align, wanted)


def _edits(given: dict[str, Any], before: Edits) -> Edits:
    """Take what concerns edits out of `given`; raises InputError, one sentence, for what is out of range."""
    from apvgen.edits import Override
    from apvgen.edits.stored import read_edits

    file, overrides = given.pop("edits"), given.pop("overrides")
    wanted = read_edits(file) if file else before
    if not overrides:
        return wanted
    try:
        return replace(wanted, face=tuple(Override(k, (sx, sy), (dx, dy)) for k, sx, sy, dx, dy in overrides))
    except ValueError as error:
        raise InputError(f"An option is out of range: {error}.") from error


def _align_again(stored: Project, options: config.Options, wanted: Edits) -> Project:
    from apvgen import pipeline

    before = stored.settings.options
    changed = [name for name, value in vars(options).items() if value != getattr(before, name) and name != "align"]
    if changed:
        raise InputError(f"A change of {', '.join(changed)} needs a new analysis; give the three inputs again.")
    return pipeline.realign(stored, options.align, wanted)


def _options(base: config.Options, given: dict[str, Any]) -> config.Options:
    """`base` with the options that were given; raises ValueError for values out of range."""
    chosen = {name: value for name, value in given.items() if value is not None}
    seconds = chosen.pop("max_seconds", base.limits.video_seconds)
    file_bytes = chosen.pop("max_mib", base.limits.file_bytes >> 20) << 20
    limits = replace(base.limits, file_bytes=file_bytes, video_seconds=seconds, audio_seconds=seconds)
    chosen = {FIELDS.get(flag, flag): value for flag, value in chosen.items()}
    trims = {name: config.Trim(*chosen.pop(name)) for name in ("driving_trim", "voice_trim") if name in chosen}
    align = replace(base.align, **{name: chosen.pop(name) for name in vars(base.align) if name in chosen})
    return replace(base, align=align, limits=limits, **trims, **chosen)


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
    lips = "the mouth never opens" if kept is None else f"lip gap kept {100 * kept:.0f} %"
    return (
        f"{report['frames']} frames, face drawn in {100 * report['share_with_drawn_face']:.0f} %, {lips}, "
        f"detector {made.settings.made_with['detector']}."
    )


def main() -> None:
    """Run the command line; every expected failure is one sentence on standard error."""
    wait_calmly()
    try:
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt, Cancelled):
        click.echo("Stopped; no half-written result was left behind.", err=True)
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
