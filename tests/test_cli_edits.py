"""Edits on the command line: the same bytes as in the studio, from a process that knows only the folder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from walking_person import same

from apvgen import cli, editing, project
from apvgen.edits import Edits, Mirror, Override, PointEdit
from apvgen.edits.keys import set_over
from apvgen.edits.operations import copy_points, mirror
from apvgen.errors import ApvgenError
from apvgen.pose import pose_frames

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def opened(small_project):
    made = small_project.with_settings(report={"motion_frames": 12, "frames": 12, "lip_gap_kept": None})
    made = made.with_settings(made_with={"detector": "scripted"})
    return editing.open_project(made.folder)


@pytest.fixture
def edited(opened):
    """Edits of every kind, made as the studio makes them."""
    turned = Override(0, (1.1, 0.9), (0.05, -0.1), 11.0)
    now = editing.change(opened, lambda now: set_over(now.edits, turned, range(3, 6), len(now), 2), "face turned")
    now = editing.move(now, PointEdit("body", 4, 5, (30.7, 61.3), 2, 3, "fade"), space="output")
    now = editing.move(now, PointEdit("face", 13, 8, (20.1, 30.2)), space="output")
    now = editing.change(now, lambda now: copy_points(now.edits, now.seen, "body", 6, range(7, 9)), "body copied")
    return editing.change(now, lambda now: mirror(now.edits, Mirror(1, 2, "all", True)), "mirrored")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli.cli, arguments)
    if result.exception:
        raise result.exception
    return result.output


def fresh(*arguments: str) -> str:
    """Output of the command line in a process of its own."""
    command = [sys.executable, "-m", "apvgen", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_command_line_makes_the_bytes_that_the_studio_made(opened, edited, tmp_path):
    folder, copy = opened.made.folder, tmp_path / "copy"
    made_by_studio = (folder / "tracks.npz").read_bytes()
    shutil.copytree(folder, copy)
    pipeline_start = run("edits", "--project", str(copy), "--reset", "--json")
    assert json.loads(pipeline_start)["edits"] == {"face": [], "points": [], "bridges": []}
    assert (copy / "tracks.npz").read_bytes() != made_by_studio
    (tmp_path / "edits.json").write_text(fresh("edits", "--project", str(folder), "--json"))

    fresh("analyse", "--project", str(copy), "--edits", str(tmp_path / "edits.json"), "--json")
    assert (copy / "tracks.npz").read_bytes() == made_by_studio
    fresh("analyse", "--project", str(folder), "--json")
    assert (folder / "tracks.npz").read_bytes() == made_by_studio

    again = editing.open_project(copy)
    frames = (pose_frames(each.alignment.target, "mesh") for each in (edited, again))
    assert all(one.tobytes() == other.tobytes() for one, other in zip(*frames, strict=True))
    assert again.edits == edited.edits != Edits()


def test_undo_redo_and_reset_on_the_command_line(opened, edited):
    arguments = ("edits", "--project", str(opened.made.folder))
    assert run(*arguments, "--undo", "--undo").endswith("3 changes can be taken back, 2 done again.\n")
    assert editing.open_project(opened.made.folder).history.redoable == ("body copied", "mirrored")
    run(*arguments, "--redo", "--redo")
    assert same(editing.open_project(opened.made.folder).alignment.target, edited.alignment.target)
    run(*arguments, "--reset", "--frames", "5-8")
    assert editing.open_project(opened.made.folder).history.undoable[0] == "corrections of frames 5 to 8 taken back"
    assert "Nothing is corrected by hand." in run(*arguments, "--reset")
    summary = json.loads(run(*arguments, "--undo", "--undo", "--json"))
    assert summary["redo"] == ["corrections of frames 5 to 8 taken back", "all corrections taken back"]


def test_the_list_is_in_plain_words(opened, edited):
    text = run("edits", "--project", str(opened.made.folder))
    assert "face at frame 3: size 110 % x 90 %, shift +5 % x -10 % of its size, rotation +11.0 degrees" in text
    assert "sides of body and hands mirrored in frames 1 to 2" in text


def test_overrides_replace_key_frames_and_keep_moved_points(opened, edited):
    run("analyse", "--project", str(opened.made.folder), "--override", "2", "1", "1", "0.5", "0", "--json")
    edits = project.load(opened.made.folder).settings.edits
    assert edits.face == (Override(2, (1.0, 1.0), (0.5, 0.0)),)
    assert edits.points == edited.edits.points


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["edits", "--undo"], "nothing to undo"),
        (["edits", "--frames", "2-3"], "give both"),
        (["edits", "--reset", "--frames", "5-12"], "frames 0 to 11"),
        (["analyse", "--edits", "gone.json"], r"gone\.json cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_clear_sentence(opened, arguments, message):
    with pytest.raises(ApvgenError, match=message):
        run(*arguments, "--project", str(opened.made.folder))


@pytest.mark.parametrize("frames", ["5-2", "x", "1-2-3", "-3"])
def test_a_range_that_is_none_is_refused(opened, frames):
    result = CliRunner().invoke(cli.cli, ["edits", "--project", "p", "--reset", "--frames", frames])
    assert result.exit_code == 2
    assert "12-40" in result.output or "backward" in result.output
