"""Three settings of a process that decide how fast torch is on a CPU, and how much memory it holds.

The C library that has the two of memory is glibc; on other systems they do nothing.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""glibc, malloc.h: M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX."""

_AHEAD = 256 * 2**20


def wait_calmly() -> None:
    """Have threads that wait for each other sleep; to be called before torch is imported.

    Beside one other busy process, torch's threads spend most of their time spinning: a pass of a small UNet took
    8 s instead of 0.05 s. An `OMP_WAIT_POLICY` of the user's own stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_freed_memory() -> None:
    """Have the C library keep large blocks that were freed, for the next layer of a network: twice as fast or more.

    Otherwise each goes back to the system, and the next one's pages are cleared one by one.
    """
    mallopt = _of_the_c_library("mallopt")
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, _AHEAD)


def return_freed_memory() -> None:
    """Give freed memory back to the system. Closed networks and per-frame figures are many small pieces: 250 MB."""
    trim = _of_the_c_library("malloc_trim")
    if trim is not None:
        trim(0)


def _of_the_c_library(name: str) -> ctypes._FuncPtr | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
