"""Training states in a folder: whole or absent, the newest few, and what a run that goes on must have in common."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from safetensors import SafetensorError

from apvgen.errors import CheckpointError, InputError, OutputError
from apvgen.files import complete_or_absent

SETTINGS = "run.json"
_PREFIX, _UNFINISHED = "step-", ".unfinished"


class States:
    """The training states of one run.

    folder: shared by all processes, on all machines. keep: how many stay.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder, self._keep = folder, keep

    def newest(self) -> int | None:
        """The iteration of the last state, or None."""
        return max(self._steps(), default=None)

    def save(self, accelerator: Accelerator, step: int) -> None:
        """Write the state after an iteration, then drop the oldest; to be called by all processes.

        Raises OutputError when the disk is full; what was there stays.
        """
        temporary = self._folder / _UNFINISHED
        if accelerator.is_main_process:
            shutil.rmtree(temporary, ignore_errors=True)
        accelerator.wait_for_everyone()
        with _full_disk_explained(temporary):
            accelerator.save_state(str(temporary))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            temporary.rename(self._path(step))
            for old in sorted(self._steps())[: -self._keep]:
                shutil.rmtree(self._path(old))
        accelerator.wait_for_everyone()

    def load(self, accelerator: Accelerator, step: int) -> None:
        """Set everything that the accelerator has prepared or registered to the state after an iteration.

        Raises CheckpointError when it is damaged.
        """
        path = self._path(step)
        try:
            accelerator.load_state(str(path))
        except (OSError, RuntimeError, EOFError, KeyError, SafetensorError, pickle.UnpicklingError) as error:
            raise CheckpointError(
                f"{path} is damaged ({_first_line(error)}); delete it, and the run goes on from the one before."
            ) from error

    def _path(self, step: int) -> Path:
        return self._folder / f"{_PREFIX}{step:08d}"

    def _steps(self) -> Iterator[int]:
        for path in self._folder.glob(f"{_PREFIX}*"):
            yield int(path.name.removeprefix(_PREFIX))


def check_same_run(folder: Path, settings: Mapping[str, Any]) -> None:
    """Note the settings of a run that begins in `folder`; raise InputError where one began there with others.

    settings: plain JSON values.
    """
    path, settings = folder / SETTINGS, json.loads(json.dumps(settings))
    if not path.exists():
        with complete_or_absent(path) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")
        return
    try:
        begun = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); begin in another --out.") from error
    other = [
        f"{name} {begun.get(name)!r}, not {value!r}" for name, value in settings.items() if begun.get(name) != value
    ]
    if other:
        raise InputError(
            f"The run in {folder} began with {'; '.join(other)}: go on with the same, or begin in another --out."
        )


@contextmanager
def _full_disk_explained(temporary: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:  # torch's writer raises RuntimeError for a full disk
        shutil.rmtree(temporary, ignore_errors=True)
        raise OutputError(
            f"The training state cannot be written to {temporary.parent} ({_first_line(error)}); "
            "free some space, and the same command goes on from the last one."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
