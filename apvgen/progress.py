"""How long work tells what it is at."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[str, int, int], None]
"""Called with (stage, done, total); may raise `Cancelled`, which ends the work there."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""
