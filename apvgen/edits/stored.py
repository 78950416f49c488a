"""Edits as JSON: `{"face": [...], "points": [...], "bridges": [...]}`, each with the fields of its type."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from apvgen.edits import Edits
from apvgen.errors import InputError

LIMIT_BYTES = 256 * 1024**2


def edits_json(edits: Edits) -> bytes:
    """Equal edits give equal bytes."""
    return _adapter().dump_json(edits)


def parse_edits(text: bytes) -> Edits:
    """The inverse of `edits_json`. Raises ValueError."""
    return _adapter().validate_json(text)


def read_edits(path: Path) -> Edits:
    """Edits from a file that holds them alone, or under the key `edits` as `project.json` and a result's settings do.

    Raises InputError.
    """
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise InputError(f"{path} is larger than edits can be; choose another file.")
        stored = json.loads(path.read_bytes())
        return _adapter().validate_python(stored.get("edits", stored))
    except OSError as error:
        raise InputError(f"The edits {path} cannot be read: {error.strerror or error}; check the path.") from error
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path} holds no edits: {first_fault(error)}.") from error


def first_fault(error: Exception) -> str:
    """Where and what is wrong, of an error that pydantic or `json` raised."""
    if not hasattr(error, "errors"):
        return str(error)
    details = error.errors()[0]
    return f"{'.'.join(map(str, details['loc']))}: {details['msg']}"


@cache
def _adapter():  # pydantic is imported only where edits are read or written
    from pydantic import TypeAdapter

    return TypeAdapter(Edits)
