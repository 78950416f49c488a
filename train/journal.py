"""What preparation has done so far, so that a killed run goes on where it was.

Each process appends a line to a journal of its own for every source that it has been through. A source is done when it
has a line and all clips that the line names are in complete shards; what a kill kept from being one is made again.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from apvgen.files import complete_or_absent

_FOLDER = "journal"
REJECTED = "rejected.csv"


@dataclass(frozen=True)
class Rejection:
    """A stretch of a source that no clip was made of, and why. stop 0: the whole source."""

    source: str
    path: str
    reason: str
    start: int = 0
    stop: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a source. clips: keys."""

    source: str
    clips: tuple[str, ...]
    rejected: tuple[Rejection, ...]


def append(folder: Path, process: str, outcome: Outcome) -> None:
    """Add an outcome to the journal of a process; on disk when this returns."""
    path = folder / _FOLDER / f"{process}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        # A kill may have left half a line: what follows must not be glued to it.
        file.write(b"\n" + json.dumps(asdict(outcome)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> dict[str, Outcome]:
    """The last outcome of every source, of all processes' journals; half a line of a killed process is no outcome."""
    outcomes = {}
    for path in sorted((folder / _FOLDER).glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                fields = json.loads(line)
            except ValueError:
                continue
            rejected = tuple(Rejection(**one) for one in fields["rejected"])
            outcomes[fields["source"]] = Outcome(fields["source"], tuple(fields["clips"]), rejected)
    return outcomes


def done(folder: Path, present: Collection[str]) -> dict[str, Outcome]:
    """The outcomes that stand, where clips with the keys `present` are in complete shards."""
    return {name: outcome for name, outcome in read(folder).items() if set(outcome.clips) <= set(present)}


def write_rejected(folder: Path) -> list[Rejection]:
    """List all that was rejected so far in `rejected.csv`; the same as a list."""
    rejected = [one for _, outcome in sorted(read(folder).items()) for one in outcome.rejected]
    with complete_or_absent(folder / REJECTED) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(Rejection.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(map(asdict, rejected))
    return rejected
