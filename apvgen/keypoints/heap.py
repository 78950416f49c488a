"""Memory that the C library keeps after it was freed."""

from __future__ import annotations

import ctypes
import sys


def return_freed_memory() -> None:
    """Give freed memory back to the system where the C library is one that hoards it (glibc); elsewhere do nothing.

    Closed networks and per-frame figures are many small pieces: glibc would hold on to their pages, some 250 MB.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
