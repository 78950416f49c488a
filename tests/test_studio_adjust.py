"""The adjust panel: what a drag, a button and a slider do to the project, and what the page then shows."""

import html
import re

import gradio as gr
import numpy as np
import pytest

from apvgen import editing, project
from apvgen.errors import InputError
from apvgen.studio import adjust, edit_actions
from apvgen.studio.editor import editor, editor_frame
from apvgen.studio.viewer import open_viewer

PARTS = ["body", "left_hand", "right_hand"]
LOOK = (PARTS, "all")


@pytest.fixture
def folder(studio, opened):
    return studio.store.folder(opened)


def drawn(folder):
    return project.load_tracks(project.load(folder))[1]


def drag(studio, name, spread="frame", reach=6, **event):
    return edit_actions.dragged(studio, {"part": "body", "point": 4, "t": 5, **event}, name, 0, *LOOK, spread, reach)


def test_a_dragged_point_is_in_the_project_at_once_where_it_was_let_go(studio, opened, folder):
    before = drawn(folder)
    picture, said, undo, redo, *_ = drag(studio, opened, x=120.5, y=88.0)
    after = drawn(folder)
    np.testing.assert_allclose(after.edited.body.xy[5, 4], [120.5, 88.0], atol=1e-3)
    np.testing.assert_array_equal(after.edited.body.xy[4], before.edited.body.xy[4])
    assert 'cx="120.50" cy="88.00"' in picture
    assert "Right wrist moved to (120, 88) px in frame 5" in said
    assert (undo.interactive, redo.interactive) == (True, False)


def test_a_fading_drag_moves_the_frames_around_it_less_and_less(studio, opened, folder):
    start = drawn(folder).edited.body.xy[:, 4].copy()
    drag(studio, opened, "fade", 3, x=float(start[5, 0]) + 40, y=float(start[5, 1]))
    moved = drawn(folder).edited.body.xy[:, 4, 0] - start[:, 0]
    np.testing.assert_allclose(moved[1:10], [0, 10, 20, 30, 40, 30, 20, 10, 0], atol=1e-2)


def test_undo_and_redo_go_back_and_forth_to_the_byte(studio, opened, folder):
    tracks = folder / "tracks.npz"
    before = tracks.read_bytes()
    drag(studio, opened, x=120.5, y=88.0)
    after = tracks.read_bytes()
    *_, undone, redone = (edit_actions.stepped(studio, editing.undo, opened, 5, *LOOK))[:4]
    assert tracks.read_bytes() == before != after
    assert (undone.interactive, redone.interactive) == (False, True)
    edit_actions.stepped(studio, editing.redo, opened, 5, *LOOK)
    assert tracks.read_bytes() == after
    with pytest.raises(InputError, match="nothing to redo"):
        edit_actions.stepped(studio, editing.redo, opened, 5, *LOOK)


def test_a_restarted_program_still_undoes(studio, opened, folder):
    drag(studio, opened, x=120.5, y=88.0)
    shown = adjust.shown(project.load(folder), *LOOK)
    assert shown[2].interactive


@pytest.mark.parametrize("action", [name for name in adjust.ACTIONS if name not in ("fill",)])
def test_every_button_works_on_a_range_and_is_taken_back_by_a_reset(studio, opened, folder, action):
    drag(studio, opened, x=120.5, y=88.0)
    edit_actions.acted(studio, action, opened, 3, *LOOK, "3", "6", "body")
    edit_actions.acted(studio, "all", opened, 3, *LOOK, "", "", "body")
    assert not project.load(folder).settings.edits.points


def test_copying_holds_the_points_of_the_frame_before(studio, opened, folder):
    start = drawn(folder).edited.body.xy.copy()
    edit_actions.acted(studio, "copy", opened, 4, *LOOK, "", "", "body")
    np.testing.assert_array_equal(drawn(folder).edited.body.xy[4], start[3])


def test_a_chosen_point_is_named_and_hidden(studio, opened, folder):
    _, said, _, _, *_ = edit_actions.hidden(studio, opened, 2, *LOOK, "2", "4", "body 7")
    assert drawn(folder).edited.body.seen[:, 7].tolist() == [True] * 2 + [False] * 3 + [True] * 7
    assert "Left wrist hidden in frames 2 to 4" in said
    with pytest.raises(InputError, match="click one in the picture"):
        edit_actions.hidden(studio, opened, 2, *LOOK, "", "", "")


def test_a_key_frame_of_the_face_scales_it_about_its_centre_and_the_sliders_show_it(studio, opened, folder):
    before = drawn(folder).edited.face.xy[5]
    answer = edit_actions.face_acted(studio, "key", opened, 5, *LOOK, "", "", 150, 100, 0, 0, 0, True)
    after = drawn(folder).edited.face.xy[5]
    np.testing.assert_allclose(np.ptp(after[:, 0]), 1.5 * np.ptp(before[:, 0]), rtol=1e-3)
    centres = [(xy.min(0) + xy.max(0)) / 2 for xy in (before, after)]
    np.testing.assert_allclose(*centres, atol=0.1)
    assert answer[-6:] == (150, 100, 0, 0, 0, True)
    assert edit_actions.key_here(studio, opened, 9, (opened, 5))[:2] == ((opened, 9), 150)
    edit_actions.face_acted(studio, "remove", opened, 5, *LOOK, "", "", *[100, 100, 0, 0, 0, True])
    np.testing.assert_allclose(drawn(folder).edited.face.xy[5], before, atol=1e-4)


def test_sliders_of_the_face_are_loaded_once_a_frame_so_that_what_was_typed_stays(studio, opened):
    at_first = adjust.shown(project.load(studio.store.folder(opened)), *LOOK)[4]
    moved = edit_actions.key_here(studio, opened, 7, at_first)
    assert moved[:2] == ((opened, 7), 100)
    assert edit_actions.key_here(studio, opened, 7, moved[0]) == (gr.skip(),) * 7
    assert drag(studio, opened, x=120.5, y=88.0)[4:] == (gr.skip(),) * 7


def test_a_face_can_be_left_out_of_a_range(studio, opened, folder):
    edit_actions.face_acted(studio, "over", opened, 3, *LOOK, "3", "5", 100, 100, 0, 0, 0, False)
    assert (~drawn(folder).target.face.frames_seen).nonzero()[0].tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("action", "part", "words"),
    [
        ("mirror", "left_hand", "Both hands mirrored about the body's middle line in frame 4."),
        ("mirror", "body", "Body and face mirrored about the body's middle line in frame 4."),
        ("exchange", "right_hand", "Left and right hand exchanged in frame 4."),
        ("copy", "body", "Body of frame 3 copied to frame 4."),
    ],
)
def test_a_change_is_told_with_its_parts_and_frames(studio, opened, action, part, words):
    assert words in html.unescape(edit_actions.acted(studio, action, opened, 4, *LOOK, "", "", part)[1])


def test_one_frame_is_told_as_one(studio, opened):
    answer = edit_actions.face_acted(studio, "over", opened, 3, *LOOK, "", "", 150, 100, 0, 0, 0, True)
    assert "Face changed in frame 3." in answer[1]


def test_the_sides_of_a_face_are_not_those_of_the_hands(studio, opened):
    with pytest.raises(InputError, match="choose the body"):
        edit_actions.acted(studio, "mirror", opened, 3, *LOOK, "", "", "face")


def test_every_button_that_changes_a_part_is_explained():
    assert adjust.MEANINGS.keys() == adjust.ACTIONS.keys()


@pytest.mark.parametrize(("first", "last"), [("5", "2"), ("0", "12"), ("-1", "3")])
def test_frames_that_are_none_are_one_sentence(studio, opened, first, last):
    with pytest.raises(InputError, match="run forward from 0 to 11"):
        edit_actions.acted(studio, "copy", opened, 0, *LOOK, first, last, "body")


@pytest.mark.parametrize("event", [{"point": 99}, {"part": "tail"}, {"x": float("nan")}, {"t": 40}, {"part": None}])
def test_a_forged_drag_changes_nothing(studio, opened, folder, event):
    before = (folder / "tracks.npz").read_bytes()
    with pytest.raises(InputError):
        drag(studio, opened, **{"x": 1.0, "y": 1.0, **event})
    assert (folder / "tracks.npz").read_bytes() == before


def test_the_editor_shows_every_found_point_and_parks_missing_ones_of_the_body(studio, opened, folder):
    edit_actions.hidden(studio, opened, 2, *LOOK, "", "", "body 7")
    viewer = open_viewer(folder)
    shown = editor(viewer, 2, ["body"], "all")
    assert len(re.findall("<circle", shown)) == 18
    assert len(re.findall('class="body missing"', shown)) == 1
    assert "left wrist, not found" in shown
    answer = editor_frame(studio, f'{{"project": "{opened}", "parts": ["body", "face"], "close": "face"}}', 3)
    assert len(re.findall('class="face"', answer["svg"])) >= 468
    box = [float(value) for value in re.search('viewBox="([^"]*)"', answer["svg"])[1].split()]
    face = viewer.edited.face.xy[3]
    assert (face.min(0) > box[:2]).all()
    assert (face.max(0) < np.add(box[:2], box[2:])).all()


def test_without_a_project_nothing_can_be_adjusted(studio):
    assert edit_actions.redrawn(studio, "", 0, *LOOK) == edit_actions.EMPTY
    with pytest.raises(InputError, match="Analyse first"):
        drag(studio, "", x=1.0, y=1.0)
    assert not any(button.interactive for button in adjust.shown(None, *LOOK)[-11:])
