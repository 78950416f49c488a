"""What tests of the trainer set up; a plugin, so that several files may ask for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from tiny_checkpoint import make_tiny_checkpoint


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The tiny checkpoint's folder."""
    return make_tiny_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other beside other busy processes take tens of times what tiny networks do.

    For all of a module, since the last bits of a sum depend on the number of threads.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fresh_accelerator() -> Iterator[None]:
    """Let a test choose precision and accumulation anew: accelerate remembers the first of a process."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
