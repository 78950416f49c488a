"""Videos -> shards of clips: `python -m train.prepare --kind face --source DIR --out DATA/face`.

Several processes share the work, also of several machines that see the same folders, with GPUs or without:
`accelerate launch --multi_gpu --num_processes 8 -m train.prepare ...`, or `torchrun --nproc-per-node 8 -m ...`. The
same command goes on after a kill. Beside the shards lie the settings and `rejected.csv`: all that no clip was made of,
and why. Clips made with other settings belong in another folder.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, get_args

import click
from filelock import FileLock, Timeout
from tqdm import tqdm

from apvgen.config import DetectorName
from apvgen.errors import ApvgenError, InputError
from apvgen.files import complete_or_absent
from apvgen.keypoints import load_detector
from apvgen.process import wait_calmly
from train import clipping, journal
from train.clipping import Recipe, Tools, source_name
from train.examples import Clip, Kind
from train.fda_statistics import PAPER, read_maps
from train.journal import Outcome, Rejection
from train.outpaint import Classical, Margins, load_painter
from train.quality import Standards
from train.shards import ShardWriter, open_shards, shard_paths
from train.sources import Source, find_sources

_SETTINGS = "prepare.json"

_SIDES: dict[Kind, int] = {"face": 512, "body": 1024}
"""VFHQ's size; and the TikTok data set's, about."""


@dataclass(frozen=True)
class Share:
    """Which of several processes this one is: it takes every `processes`-th source, and names shards after itself."""

    process: int = 0
    processes: int = 1

    def of(self, sources: list[Source]) -> list[Source]:
        return sources[self.process :: self.processes]

    def name(self, kind: Kind) -> str:
        """Of its shards and its journal."""
        return f"{kind}-{self.process:03d}"


@dataclass(frozen=True)
class Done:
    """What one process did."""

    clips: int
    frames: int
    seconds: float
    rejected: list[Rejection]


def prepare(sources: list[Source], out: Path, recipe: Recipe, tools: Tools, share: Share, shard_bytes: int) -> Done:
    """Make the clips of this process's share that are not there yet. Raises OutputError where that fails."""
    present = _keys_by_source(out)
    finished = journal.done(out, {key for keys in present.values() for key in keys})
    left = [source for source in share.of(sources) if source.name not in finished]
    clips, frames, begun = 0, 0, perf_counter()
    with ShardWriter(out, share.name(recipe.kind), shard_bytes) as writer:
        for source in tqdm(left, unit="source", disable=share.process > 0):
            keys, rejected = list(present.get(source.name, ())), []
            for made in clipping.prepare(source, recipe, tools, present.get(source.name, ())):
                if isinstance(made, Clip):
                    writer.write(made)
                    keys.append(made.key)
                    clips, frames = clips + 1, frames + len(made.frames)
                else:
                    rejected.append(made)
            journal.append(out, share.name(recipe.kind), Outcome(source.name, tuple(keys), tuple(rejected)))
    return Done(clips, frames, perf_counter() - begun, journal.write_rejected(out))


def _keys_by_source(out: Path) -> dict[str, list[str]]:
    """The clips in complete shards."""
    keys: dict[str, list[str]] = {}
    for entry in open_shards(out) if shard_paths(out) else ():
        keys.setdefault(source_name(entry.key), []).append(entry.key)
    return keys


@contextmanager
def alone(out: Path, name: str) -> Iterator[None]:
    """Keep a second run from writing shards of the same names. Raises InputError where one is under way."""
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / f".{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(f"Another run prepares clips in {out}; wait for it, or choose another folder.") from error
    try:
        yield
    finally:
        lock.release()


def keep_settings(out: Path, settings: dict[str, Any]) -> None:
    """Write the settings of a folder. Raises InputError where it was made with others, and names them."""
    path = out / _SETTINGS
    if path.exists():
        before = json.loads(path.read_text())
        other = [f"{key} {before.get(key)}" for key in settings if before.get(key) != settings[key]]
        if other:
            raise InputError(f"{out} holds clips made with {', '.join(other)}; go on so, or choose another folder.")
        return
    with complete_or_absent(path) as temporary:
        temporary.write_text(json.dumps(settings, indent=1))


def _stop(_number: int, _frame: object) -> None:
    """Leave by the ordinary way, so that the open shard is completed."""
    sys.exit(128 + signal.SIGTERM)


def _path(**kinds: bool) -> click.Path:
    return click.Path(path_type=Path, **kinds)


@click.command(context_settings={"show_default": True, "max_content_width": 110})
@click.option("--kind", type=click.Choice(get_args(Kind)), required=True, help="Close-ups of talkers, or dancers.")
@click.option("--source", type=_path(exists=True), required=True, help="Videos, picture folders or VFHQ clip lists.")
@click.option(
    "--videos", type=_path(exists=True), help="Where the videos of VFHQ clip lists lie; default: beside them."
)
@click.option("--out", type=_path(file_okay=False), required=True, help="Folder for the shards, such as DATA/face.")
@click.option("--seconds", default=8.0, help="Of the longest clip; longer shots are cut.")
@click.option("--side", type=int, help="Of a clip's longer side, px; default: 512 for faces, 1024 for bodies.")
@click.option("--maps", type=_path(exists=True), help="Folder with fda.json; default: the paper's FDA maps.")
@click.option("--detector", type=click.Choice(get_args(DetectorName)), default="auto")
@click.option("--painter", default="auto", help="auto, classical, or a diffusers inpainting model (folder or name).")
@click.option("--least-seconds", type=float, help="Of a shot.")
@click.option("--least-share", type=float, help="Of frames with a face (faces) or body (bodies).")
@click.option("--least-face-px", type=float, help="Median height of the face in the source.")
@click.option("--most-company", type=float, help="Of frames with somebody else in them, as a share.")
@click.option("--least-sharpness", type=float, help="See train.quality.sharpness.")
@click.option("--shard-mib", default=512, help="Of a shard; a kill loses less than one a process.")
def main(**given: Any) -> None:
    """Turn videos into shards of clips for training. A stopped run goes on with the same command."""
    wait_calmly()
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        _run(given)
    except ApvgenError as error:
        raise click.ClickException(str(error)) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(given: dict[str, Any]) -> None:
    from accelerate import PartialState

    # Processes talk by gloo, with or without GPUs, of which several may share one.
    state, out = PartialState(cpu=True), given["out"]
    recipe = _recipe(given)
    sources = find_sources(given["source"], given["videos"])
    painter = load_painter(given["painter"], state.local_process_index) if recipe.kind == "face" else Classical()
    tools = Tools(load_detector(given["detector"]), painter)
    share = Share(state.process_index, state.num_processes)
    with alone(out, share.name(recipe.kind)):
        if state.is_main_process:
            keep_settings(out, asdict(recipe) | {"detector": tools.detector.name, "painter": tools.painter.name})
            for unfinished in out.glob(".*.tar"):
                unfinished.unlink()
        state.wait_for_everyone()
        done = prepare(sources, out, recipe, tools, share, given["shard_mib"] << 20)
    click.echo(_summary(done, out))


def _recipe(given: dict[str, Any]) -> Recipe:
    kind = given["kind"]
    options = {"seconds": "least_seconds", "share": "least_share", "face_px": "least_face_px"}
    options |= {"company": "most_company", "sharpness": "least_sharpness"}
    chosen = {field: given[option] for field, option in options.items() if given[option] is not None}
    maps = read_maps(given["maps"]) if given["maps"] else PAPER
    standards = replace(Standards.of(kind), **chosen)
    return Recipe(kind, given["seconds"], given["side"] or _SIDES[kind], standards, Margins.of(maps))


def _summary(done: Done, out: Path) -> str:
    reasons = Counter(re.sub(r"[\d.,%]+", "..", one.reason) for one in done.rejected)
    rejected = "".join(f"\n  {count} x {reason}" for reason, count in reasons.most_common(12))
    return (
        f"{done.clips} clips of {done.frames} frames made in {done.seconds:.0f} s "
        f"({done.frames / max(done.seconds, 1e-9):.1f} frames/s).\n"
        f"{len(done.rejected)} stretches rejected so far, listed in {out / journal.REJECTED}:{rejected}"
    )


if __name__ == "__main__":
    main()
