"""A project that is edited as the studio does it: saved at once, undone, killed, restarted, shared."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from walking_person import same

from apvgen import editing, pipeline, project
from apvgen.config import AlignOptions
from apvgen.edits import Edits, Mirror, Override, PointEdit
from apvgen.edits.keys import set_key
from apvgen.edits.operations import mirror
from apvgen.errors import InputError, ProjectError

WRIST = 4


@pytest.fixture
def opened(small_project):
    made = small_project.with_settings(report={"motion_frames": 12, "frames": 12})
    return editing.open_project(made.folder)


def turn(opened, degrees: float, gesture: str = ""):
    key = Override(3, rotation=degrees)
    return editing.change(opened, lambda now: set_key(now.edits, key), f"turn {degrees:.0f}", gesture)


def on_disk(opened):
    return editing.open_project(opened.made.folder)


def test_a_moved_point_is_on_disk_when_the_call_returns(opened):
    moved = editing.move(opened, PointEdit("body", WRIST, 5, (300.0, 200.0)))
    np.testing.assert_allclose(moved.seen.body.xy[5, WRIST], (300, 200), atol=1e-2)
    assert same(on_disk(moved).alignment.target, moved.alignment.target)
    assert on_disk(moved).edits == moved.edits == Edits(points=(PointEdit("body", WRIST, 5, (300.0, 200.0)),))
    assert opened.edits == Edits(), "what a caller holds was changed under it"


def test_a_point_may_be_given_in_output_pixels(opened):
    moved = editing.move(opened, PointEdit("face", 9, 5, (31.0, 62.0)), space="output")
    np.testing.assert_allclose(moved.alignment.target.face.xy[5, 9], (31, 62), atol=1e-3)
    driving = opened.alignment.body_fit.inverse().apply(np.array([31.0, 62.0]))
    np.testing.assert_allclose(moved.edits.points[0].xy, driving)
    hidden = editing.move(moved, PointEdit("face", 9, 5, None), space="output")
    assert not hidden.alignment.target.face.seen[5, 9]


def test_a_body_dragged_as_a_whole_ends_where_the_drag_ended(opened):
    now, found = opened, opened.alignment.target.body.xy[5]
    for step in (4.0, 9.0, 15.0):
        edit = PointEdit("body", WRIST, 5, tuple((found[WRIST] + step).tolist()))
        now = editing.move(now, edit, space="output", gesture="drag 1", whole=True)
    np.testing.assert_allclose(now.alignment.target.body.xy[5], found + 15, atol=1e-3)
    assert len(now.edits.points) == 18
    assert len(now.history.undoable) == 1


def test_undo_and_redo_walk_through_the_same_bytes(opened):
    states = [opened, turn(opened, 5.0)]
    states.append(editing.move(states[-1], PointEdit("body", WRIST, 5, (300.0, 200.0), 2, 2, "fade")))
    states.append(editing.change(states[-1], lambda now: mirror(now.edits, Mirror(1, 4, "all")), "sides exchanged"))
    tracks = opened.made.folder / "tracks.npz"
    last, now = tracks.read_bytes(), states[-1]
    for expected in states[-2::-1]:
        now = editing.undo(now)
        assert now.edits == expected.edits
        assert same(now.alignment.target, expected.alignment.target)
    with pytest.raises(InputError, match="nothing to undo"):
        editing.undo(now)
    for expected in states[1:]:
        now = editing.redo(now)
        assert same(now.alignment.target, expected.alignment.target)
    assert tracks.read_bytes() == last
    with pytest.raises(InputError, match="nothing to redo"):
        editing.redo(now)


def test_undo_works_after_a_restart(opened):
    moved = editing.move(turn(opened, 5.0), PointEdit("body", WRIST, 5, (300.0, 200.0)))
    restarted = on_disk(moved)
    assert restarted.history.undoable == ("right wrist moved to (300, 200) px in frame 5", "turn 5")
    assert editing.undo(editing.undo(restarted)).edits == Edits()
    assert on_disk(opened).history.redoable == ("turn 5", "right wrist moved to (300, 200) px in frame 5")


def test_a_drag_is_one_step_of_undo(opened):
    now = turn(opened, 5.0)
    for x in range(10):
        now = editing.move(now, PointEdit("body", WRIST, 5, (float(x), 1.0)), gesture="drag 1")
    assert editing.undo(now).edits == turn(opened, 5.0).edits


def test_a_change_that_changes_nothing_is_no_step(opened):
    now = editing.change(turn(opened, 5.0), lambda now: now.edits, "nothing")
    assert now.history.undoable == ("turn 5",)


def test_a_refused_change_leaves_everything_as_it_was(opened):
    now = turn(opened, 5.0)
    before = {path: path.read_bytes() for path in sorted(opened.made.folder.rglob("*")) if path.is_file()}
    with pytest.raises(InputError, match="Frame 12 cannot be edited"):
        editing.move(now, PointEdit("body", WRIST, 12, (1.0, 1.0)))
    assert before == {path: path.read_bytes() for path in sorted(opened.made.folder.rglob("*")) if path.is_file()}


def test_two_pages_lose_none_of_each_others_changes(opened):
    first, second = opened, opened
    first = turn(first, 5.0)
    second = editing.move(second, PointEdit("body", WRIST, 5, (300.0, 200.0)))
    assert second.edits == Edits((Override(3, rotation=5.0),), (PointEdit("body", WRIST, 5, (300.0, 200.0)),))
    assert editing.undo(first).edits == Edits((Override(3, rotation=5.0),))


def test_many_changes_at_once_all_arrive(opened):
    def move(point: int):
        return editing.move(opened, PointEdit("body", point, 5, (float(point), 1.0)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(move, range(12)))
    assert sorted(edit.point for edit in on_disk(opened).edits.points) == list(range(12))
    assert len(on_disk(opened).history.undoable) == 12


def test_edits_survive_other_options_and_count_as_a_step_when_made_elsewhere(opened):
    turned = turn(opened, 5.0)
    made = pipeline.realign(turned.made, AlignOptions(mode="paper"), Edits((Override(1, rotation=1.0),)))
    now = editing.move(turned, PointEdit("body", WRIST, 5, (300.0, 200.0)))
    assert now.made.settings.options.align.mode == "paper"
    assert now.edits.face == made.settings.edits.face
    assert now.history.undoable[1:] == ("unnamed change", "turn 5")
    assert same(on_disk(now).alignment.target, now.alignment.target)


def test_another_analysis_in_the_same_folder_is_noticed(opened, tmp_path, analysis):
    made = opened.made
    inputs = {role: made.input_path(role) for role in project.ROLES}
    copies = {role: (tmp_path / path.name) for role, path in inputs.items()}
    for role, copy in copies.items():
        copy.write_bytes(inputs[role].read_bytes())
    turn(opened, 5.0)
    again = project.create(made.folder, copies, made.settings.options.__class__(hw=(64, 64)))
    with pytest.raises(ProjectError, match="not been analysed yet"):
        turn(opened, 6.0)
    assert not (again.folder / "history").exists()


KILLED = """
import os, signal, sys
from apvgen import editing, project, tracks
from apvgen.edits import PointEdit

opened = editing.open_project(__import__("pathlib").Path(sys.argv[1]))
opened = editing.move(opened, PointEdit("body", 3, 2, (5.0, 6.0)))
name, method = sys.argv[2].rsplit(".", 1)
owner = {"tracks": tracks, "history": editing.history, "project": project}[name]
real, calls = getattr(owner, method), []

def die(*arguments):
    calls.append(1)
    if len(calls) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)

setattr(owner, method, die)
editing.move(opened, PointEdit("body", 4, 5, (300.0, 200.0)))
"""


@pytest.mark.parametrize(
    ("moment", "call", "kept"),
    [
        ("project._write_settings", 1, False),  # before anything of the change is on disk
        ("tracks.save_arrays", 1, True),  # settings are written, tracks are not
        ("history.save", 2, True),  # the change is written, its step of undo is not
    ],
)
def test_kill_9_at_any_moment_leaves_a_whole_project(opened, moment, call, kept):
    command = [sys.executable, "-c", KILLED, str(opened.made.folder), moment, str(call)]
    killed = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    first, second = PointEdit("body", 3, 2, (5.0, 6.0)), PointEdit("body", 4, 5, (300.0, 200.0))
    restarted = on_disk(opened)
    assert restarted.edits.points == ((first, second) if kept else (first,))
    np.testing.assert_allclose(restarted.seen.body.xy[2, 3], (5, 6), atol=1e-2)
    assert np.allclose(restarted.seen.body.xy[5, 4], (300, 200), atol=1e-2) == kept
    back = editing.undo(restarted)
    assert back.edits.points == ((first,) if kept else ())
    assert editing.redo(back).edits == restarted.edits
    assert same(on_disk(opened).alignment.target, restarted.alignment.target)
