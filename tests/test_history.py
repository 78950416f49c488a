"""The stack of undo and redo, in memory and in its files."""

import json

import pytest

from apvgen import history
from apvgen.edits import Edits, Override
from apvgen.errors import ProjectError
from apvgen.history import open_history, push, save


def turned(degrees: float) -> Edits:
    return Edits((Override(0, rotation=degrees),))


@pytest.fixture
def three(tmp_path):
    """A project folder with the changes 1, 2 and 3."""
    past, edits = open_history(tmp_path, Edits()), Edits()
    save(past, edits)
    for degrees in (1.0, 2.0, 3.0):
        edits = turned(degrees)
        past = push(past, edits, f"turn {degrees:.0f}")
        save(past, edits)
    return tmp_path


def test_a_new_history_has_nothing_to_undo_and_writes_nothing(tmp_path):
    past = open_history(tmp_path, Edits())
    assert (past.undoable, past.redoable) == ((), ())
    assert not list(tmp_path.iterdir())


def test_steps_survive_a_restart_in_their_order(three):
    past = open_history(three, turned(3.0))
    assert past.undoable == ("turn 3", "turn 2", "turn 1")
    assert [past.edits_at(step) for step in range(4)] == [Edits(), turned(1.0), turned(2.0), turned(3.0)]


def test_a_change_after_an_undo_drops_what_could_be_redone(three):
    back = open_history(three, turned(1.0))
    assert (back.undoable, back.redoable) == (("turn 1",), ("turn 2", "turn 3"))
    other = push(back, turned(9.0), "turn 9")
    save(other, turned(9.0))
    assert open_history(three, turned(9.0)).undoable == ("turn 9", "turn 1")
    assert open_history(three, turned(9.0)).redoable == ()


def test_one_gesture_is_one_step(three):
    past = open_history(three, turned(3.0))
    for degrees in (4.0, 5.0, 6.0):
        past = push(past, turned(degrees), f"drag to {degrees:.0f}", "drag 1")
    past = push(past, turned(7.0), "drag to 7", "drag 2")
    assert past.undoable == ("drag to 7", "drag to 6", "turn 3", "turn 2", "turn 1")


def test_only_the_latest_steps_are_kept_and_no_files_of_others(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "LIMIT", 5)
    past = open_history(tmp_path, Edits())
    save(past, Edits())
    for degrees in range(1, 20):
        past = push(past, turned(degrees), f"turn {degrees}")
        save(past, turned(degrees))
    assert past.undoable == ("turn 19", "turn 18", "turn 17", "turn 16")
    assert len(list((tmp_path / "history").iterdir())) == 1 + 5
    assert open_history(tmp_path, turned(19)).edits_at(0) == turned(15)


def test_edits_that_came_from_elsewhere_become_a_step(three):
    past = open_history(three, turned(30.0))
    assert past.undoable == ("unnamed change", "turn 3", "turn 2", "turn 1")
    assert past.edits_at(past.at - 1) == turned(3.0)


def test_a_state_that_was_had_twice_is_the_nearest_one(three):
    past = push(open_history(three, turned(3.0)), turned(1.0), "turn back")
    save(past, turned(1.0))
    assert open_history(three, turned(1.0)).undoable[0] == "turn back"


@pytest.mark.parametrize(
    "text", ["half", '{"at": 7, "steps": []}', '{"at": 0}', '{"at": 0, "steps": [{"name": 1}]}', "[]"]
)
def test_a_damaged_index_is_one_clear_sentence(three, text):
    (three / "history" / "index.json").write_text(text)
    with pytest.raises(ProjectError, match="go on without undo"):
        open_history(three, turned(3.0))


def test_a_missing_step_is_one_clear_sentence(three):
    steps = json.loads((three / "history" / "index.json").read_text())["steps"]
    (three / "history" / f"{steps[2]['edits']}.json").unlink()
    past = open_history(three, turned(3.0))
    assert past.edits_at(1) == turned(1.0)
    with pytest.raises(ProjectError, match="damaged or gone"):
        past.edits_at(2)
