"""How fast this machine rendered before, kept in the cache folder. Free of torch."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from apvgen.errors import OutputError
from apvgen.files import complete_or_absent
from apvgen.keypoints.cache import cache_folder

LEAST_SECONDS = 2.0
"""Shorter work tells more about starting than about pace."""

PROCESSOR = "this computer"

_FILE = "pace.json"


def remember(kind: str, units: float, seconds: float) -> None:
    """Note that work of a kind took so long; the latest counts. Work that was short is not noted.

    kind: what decides the pace, such as renderer, device and precision. units: how much was done, in any unit that
    `recall` is read in. A cache that cannot be written is done without.
    """
    if seconds < LEAST_SECONDS or units <= 0:
        return
    path = _path()
    paces = {**_stored(path), kind: units / seconds}
    with suppress(OutputError), complete_or_absent(path) as temporary:
        temporary.write_text(json.dumps(paces, indent=2) + "\n", "utf-8")


def recall(kind: str) -> float | None:
    """Units a second at which the last work of a kind was done; None where there was none."""
    pace = _stored(_path()).get(kind)
    return pace if isinstance(pace, float) and pace > 0 else None


def _path() -> Path:
    return cache_folder() / _FILE


def _stored(path: Path) -> dict[str, float]:
    with suppress(OSError, ValueError):
        stored = json.loads(path.read_text("utf-8"))
        return stored if isinstance(stored, dict) else {}
    return {}
