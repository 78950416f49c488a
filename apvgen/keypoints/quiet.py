"""MediaPipe and TensorFlow Lite report on starting to file descriptor 2, whatever their log levels say."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

_starting = Lock()
"""The descriptor belongs to the whole process: one start at a time, or the wrong one would be put back."""


@contextmanager
def quiet_start() -> Iterator[None]:
    """Start a network in here without its reports. Python's own errors are raised as ever."""
    with _starting:
        sys.stderr.flush()
        kept = os.dup(2)
        try:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
