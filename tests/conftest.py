"""Where tests find the reference numbers and real media, and small helpers that several test files share."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(folder: str) -> Path:
    path = SHARED / folder
    if not path.is_dir():
        pytest.skip(f"NOT CHECKED: {path} is absent, so this part is unproved on this machine")
    return path


@pytest.fixture(scope="session")
def golden() -> Path:
    return _shared("golden")


@pytest.fixture(scope="session")
def media() -> Path:
    return _shared("media")
