"""Project folders under names that cannot be guessed: knowing a name is the right to open it."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from apvgen.errors import ProjectError
from apvgen.project import Project, load

_NAME = re.compile(r"[A-Za-z0-9_-]{22}")


class Store:
    """The folder that holds the studio's projects."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def new_name(self) -> str:
        """A name of 128 random bits that no project has yet."""
        return secrets.token_urlsafe(16)

    def folder(self, name: str) -> Path:
        """Where a project lies or will lie. Raises ProjectError for what `new_name` cannot have given."""
        if not _NAME.fullmatch(name):
            raise ProjectError("That is not the name of a project; start a new one.")
        return self.root / name

    def open(self, name: str) -> Project | None:
        """The analysed project of that name, or None where there is none, as without a name.

        Raises ProjectError for a damaged one.
        """
        if not name:
            return None
        folder = self.folder(name)
        if not (folder / "project.json").exists():
            return None
        project = load(folder)
        return project if project.analysed and project.settings.report else None
