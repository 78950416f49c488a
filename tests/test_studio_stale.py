"""Whose files a page shows: the open project's, or others that were chosen since."""

import shutil
from pathlib import Path

import pytest
from scripted_studio import DEFAULTS

from apvgen.studio import analysis, stale


def told(studio, name, files):
    notes = stale.notes(studio, name, *files)
    return [note.value for note in notes if note.visible]


def test_nothing_is_said_without_a_project_or_while_the_files_are_its_own(studio, opened, files):
    assert told(studio, "", files) == []
    assert told(studio, opened, files) == []
    again = shutil.copytree(Path(files[0]).parent, studio.uploads / "again")
    assert told(studio, opened, [str(again / Path(file).name) for file in files]) == []


@pytest.mark.parametrize("change", ["emptied", "gone", "other", "as large"])
def test_other_files_are_told_from_the_open_projects_beside_findings_and_render(studio, opened, files, change):
    photo = Path(files[0])
    other = photo.with_name("<other>.png")
    content = photo.read_bytes()
    other.write_bytes(content + b"1" if change == "other" else bytes(len(content)))
    first = {"emptied": None, "gone": str(photo.with_name("gone.png"))}.get(change, str(other))
    found, rendered = told(studio, opened, (first, *files[1:]))
    assert "earlier files: photo.png, motion.npz, voice.wav; analyse the new ones." in found
    assert "This renders the earlier files: photo.png, motion.npz, voice.wav." in rendered


def test_a_trim_beyond_the_end_is_refused_before_anything_is_queued(studio, files):
    options = (*DEFAULTS[:6], "4", *DEFAULTS[7:])
    name, status = analysis.start(studio, *files, *options)
    assert name == ""
    assert "voice.wav lasts 0.48 s, so it cannot be used up to 4.00 s; end earlier" in status
