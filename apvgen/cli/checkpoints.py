"""`python -m apvgen checkpoints`: what is published and what is here; downloads, checks, conversion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apvgen.cli.options import json_option
from apvgen.cli.progress import progress

if TYPE_CHECKING:
    from apvgen.model.checkpoint import CheckpointInfo, OnFile
    from apvgen.model.hub import OnBytes
    from apvgen.model.registry import Published

_PRECISIONS = ("float16", "bfloat16", "float32")

_path = click.Path(path_type=Path)


@click.group()
def checkpoints() -> None:
    """List, download, verify and convert model weights; they live in APVGEN_CHECKPOINTS or the user's data folder."""


@checkpoints.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the published weights and the checkpoints on this machine."""
    from apvgen.model.checkpoint import checkpoint_roots, examine_checkpoints, list_checkpoints
    from apvgen.model.registry import PUBLISHED

    root, with_program = checkpoint_roots()
    ready, damaged = examine_checkpoints([root])
    bundled = list_checkpoints([with_program])
    summary = {
        "folder": str(root),
        "published": [_published_summary(entry, root / entry.name) for entry in PUBLISHED.values()],
        "checkpoints": [_checkpoint_summary(info) for info in ready],
        "bundled": [_checkpoint_summary(info) for info in bundled],
        "damaged": {str(folder): why for folder, why in damaged.items()},
    }
    lines = ["Published (sizes as their pages show them):"]
    lines += [line for entry in PUBLISHED.values() for line in _published_lines(entry, root / entry.name)]
    lines += ["", f"Ready to render, in {root}:", *(_checkpoint_line(info) for info in ready)]
    if not ready:
        lines.append("  none; run: python -m apvgen checkpoints download controlnext-svd-v2")
    lines += [f"  {folder.name:<20}cannot be used: {why}" for folder, why in damaged.items()]
    if bundled:
        lines += ["", "Bundled, to try the diffusion path without a download:", *map(_checkpoint_line, bundled)]
    _say(as_json, summary, "\n".join(lines))


@checkpoints.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--token", help="Of the model hub, for gated weights; default: HF_TOKEN or a stored login.")
@click.option("--offline", is_flag=True, help="Use only what is on this machine; HF_HUB_OFFLINE does the same.")
@json_option
def download(names: tuple[str, ...], token: str | None, offline: bool, as_json: bool) -> None:
    """Download published weights and what they need; an interrupted download goes on where it stopped."""
    from apvgen.model import hub
    from apvgen.model.checkpoint import checkpoints_folder
    from apvgen.model.registry import with_needs

    root = checkpoints_folder()
    fetched = {}
    with _bytes_progress(as_json) as on_bytes:
        for entry in with_needs(names):
            hub.download(entry, root / entry.name, hub.Access(token, offline), on_bytes)
            fetched[entry.name] = entry
    text = "\n".join(f"{name}: {root / name}; for {entry.use}." for name, entry in fetched.items())
    _say(as_json, {"downloaded": {name: str(root / name) for name in fetched}}, text)


@checkpoints.command()
@click.argument("names", nargs=-1)
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare downloads and checkpoints with their hashes; without names, all that are on this machine.

    A name is one that `list` shows, or the folder of a checkpoint.
    """
    from apvgen.model.checkpoint import METADATA, checkpoint_roots
    from apvgen.model.registry import PUBLISHED

    root, bundled = checkpoint_roots()
    whole = [name for name, entry in PUBLISHED.items() if not entry.missing(root / name)]
    there = {path.parent.name for place in (root, bundled) for path in place.glob(f"*/{METADATA}")}
    chosen = names or (*whole, *sorted(there))
    with progress(as_json) as on_progress:
        found = {name: _verified(name, root, partial(on_progress, name)) for name in chosen}
    text = "\n".join(f"ok  {name}: {what}" for name, what in found.items()) or f"Nothing to verify in {root}."
    _say(as_json, {"verified": found}, text)


@checkpoints.command()
@click.option("--unet", type=_path, help="The published unet.bin; default: the downloaded one.")
@click.option("--control", type=_path, help="The published controlnet.bin; default: the downloaded one.")
@click.option("--base", type=_path, help="Folder of SVD-XT 1.1, laid out as on the hub; default: the downloaded one.")
@click.option("--out", type=_path, help="Checkpoint folder to write; default: controlnext-svd beside the downloads.")
@click.option("--dtype", type=click.Choice(_PRECISIONS), help="Precision to store; default: the files' own.")
@json_option
def convert(
    unet: Path | None, control: Path | None, base: Path | None, out: Path | None, dtype: str | None, as_json: bool
) -> None:
    """Turn the published ControlNeXt-SVD weights into a checkpoint folder, once."""
    import torch

    from apvgen.model.checkpoint import checkpoints_folder
    from apvgen.model.convert import NAME, convert_controlnext
    from apvgen.model.hub import check_download
    from apvgen.model.registry import CONTROLNEXT_SVD, SVD

    root = checkpoints_folder()
    needed = tuple(file for file, own in zip(CONTROLNEXT_SVD.files, (unet, control), strict=True) if own is None)
    check_download(replace(CONTROLNEXT_SVD, files=needed), root / CONTROLNEXT_SVD.name)
    downloaded = [root / CONTROLNEXT_SVD.name / file.path for file in CONTROLNEXT_SVD.files]
    info = convert_controlnext(
        unet or downloaded[0],
        control or downloaded[1],
        base or root / SVD.name,
        out or root / NAME,
        getattr(torch, dtype) if dtype else None,
    )
    text = f"Checkpoint: {info.folder}; the .bin files are no longer needed."
    _say(as_json, {"checkpoint": _checkpoint_summary(info)}, text)


def _verified(name: str, root: Path, on_file: OnFile) -> str:
    from apvgen.model.checkpoint import checkpoint_named, read_info
    from apvgen.model.checkpoint import verify as verify_checkpoint
    from apvgen.model.hub import check_download
    from apvgen.model.registry import PUBLISHED

    if name in PUBLISHED:
        known = check_download(PUBLISHED[name], root / name, on_file)
        return f"{known} of {len(PUBLISHED[name].files)} files have a known hash, and match it"
    info = read_info(checkpoint_named(name))
    verify_checkpoint(info, on_file)
    return f"{len(info.files)} files match their hashes, and the weights their configurations"


def _published_summary(entry: Published, folder: Path) -> dict[str, Any]:
    missing = entry.missing(folder)
    files = [vars(file) | {"here": file not in missing} for file in entry.files]
    return vars(entry) | {"page": entry.page, "size": entry.size, "files": files}


def _published_lines(entry: Published, folder: Path) -> list[str]:
    missing = len(entry.missing(folder))
    state = f"in {folder}" if not missing else f"{missing} of {len(entry.files)} files not here"
    hashes = sum(file.sha256 is not None for file in entry.files)
    facts = [
        f"licence: {entry.licence or 'unknown, see its page'}",
        f"revision {entry.revision[:12]}" if entry.revision else "revision: newest (none is pinned)",
        f"hash known for {hashes} of {len(entry.files)} files",
        *(["gated: needs a token"] if entry.gated else []),
    ]
    return [f"  {entry.name:<20}{_size(entry.size):>8}  {state}", f"      {entry.use}", f"      {'; '.join(facts)}"]


def _checkpoint_summary(info: CheckpointInfo) -> dict[str, Any]:
    return {**vars(info), "folder": str(info.folder), "fps": str(info.fps)}


def _checkpoint_line(info: CheckpointInfo) -> str:
    height, width = info.hw
    return (
        f"  {info.folder.name:<20}{height}x{width} at {info.fps} fps, faces as {info.face_style}, "
        f"step {info.training_step}; licence: {info.licence}"
    )


def _size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"


@contextmanager
def _bytes_progress(quiet: bool) -> Iterator[OnBytes]:
    """A bar for each file on standard error, with speed and time left."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=quiet) as bars:
        tasks = {}

        def on_bytes(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield on_bytes


def _say(as_json: bool, summary: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(summary) if as_json else text)
