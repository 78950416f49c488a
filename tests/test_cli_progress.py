"""Ctrl-C during long work."""

import os
import signal
from contextlib import suppress

import pytest

from apvgen.cli.progress import progress
from apvgen.errors import Cancelled


def test_a_ctrl_c_that_a_library_swallows_ends_the_work_at_its_next_report():
    with progress(quiet=True) as on_progress:
        on_progress("draft", 1, 9)
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Cancelled):
            on_progress("draft", 2, 9)


def test_afterwards_ctrl_c_is_what_it_was():
    before = signal.getsignal(signal.SIGINT)
    with progress(quiet=True):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
