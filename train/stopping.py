"""A wish to stop, heard at once and heeded when it suits."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

_HEARD = (signal.SIGTERM, signal.SIGINT)


class StopAsked:
    """Context in which SIGTERM and Ctrl-C do nothing but set `signal`; the same one again acts as outside of it."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopAsked:
        self._before = {number: signal.signal(number, self._hear) for number in _HEARD}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        signal.signal(number, self._before[number])
