import json
from fractions import Fraction

import numpy as np
import pytest

from apvgen import project
from apvgen.align import align
from apvgen.config import AlignOptions, Options
from apvgen.edits import Edits, Override, PointEdit
from apvgen.errors import InputError, ProjectError


@pytest.fixture
def inputs(tmp_path):
    paths = {}
    for role in project.ROLES:
        paths[role] = tmp_path / f"My {role}.BIN"
        paths[role].write_bytes(role.encode())
    return paths


def test_settings_survive_the_disk(tmp_path, inputs):
    options = Options(fps=Fraction(30000, 1001), hw=(1024, 576), seed=9, align=AlignOptions(mode="paper", smoothing=0))
    made = project.create(tmp_path / "p", inputs, options)
    made = made.with_settings(edits=Edits((Override(3, scale=(1.5, 1.0)),)), report={"frames": 12})
    assert project.load(tmp_path / "p") == made
    assert made.input_path("voice").read_bytes() == b"voice"
    assert made.settings.inputs["voice"].name == "My voice.BIN"
    assert not made.analysed


def test_tracks_survive_the_disk_and_drive_another_project(tmp_path, inputs, analysis):
    made = project.create(tmp_path / "p", inputs, Options())
    alignment = align(analysis, AlignOptions(), Edits(), (768, 512))
    project.save_tracks(made, analysis, alignment)
    assert made.analysed
    loaded, aligned = project.load_tracks(made)
    np.testing.assert_array_equal(loaded.voice.vertices, analysis.voice.vertices)
    np.testing.assert_array_equal(aligned.fda.a, alignment.fda.a)
    np.testing.assert_array_equal(aligned.target.face.xy, alignment.target.face.xy)
    np.testing.assert_array_equal(aligned.target.body.score, alignment.target.body.score)
    assert aligned.lip_gap_kept == alignment.lip_gap_kept
    again = align(loaded, AlignOptions(), Edits(), (768, 512))
    np.testing.assert_array_equal(again.target.face.xy, alignment.target.face.xy)
    motion = project.tracks.load_motion(made.folder / "tracks.npz")
    np.testing.assert_array_equal(motion.face.xy, analysis.driving.face.xy)


def test_the_documented_arrays_are_there(tmp_path, inputs, analysis):
    made = project.create(tmp_path / "p", inputs, Options())
    project.save_tracks(made, analysis, align(analysis, AlignOptions(), Edits(), (768, 512)))
    t = len(analysis)
    with np.load(made.folder / "tracks.npz") as arrays:
        shapes = {name: arrays[name].shape for name in arrays}
    expected = {
        "driving_face": (t, 478, 2),
        "driving_body": (t, 18, 2),
        "driving_hands": (t, 2, 21, 2),
        "voice_face": (t, 468, 2),
        "fda": (t, 4),
        "face": (t, 468, 2),
        "body": (t, 18, 2),
        "hands": (t, 2, 21, 2),
    }
    scores = {f"{name}_score": shape[:-1] for name, shape in expected.items() if name != "fda"}
    assert {**expected, **scores}.items() <= shapes.items()


def test_creating_again_drops_an_analysis_of_other_inputs(tmp_path, inputs, analysis):
    made = project.create(tmp_path / "p", inputs, Options())
    project.save_tracks(made, analysis, align(analysis, AlignOptions(), Edits(), (768, 512)))
    assert not project.create(tmp_path / "p", inputs, Options(seed=1)).analysed


def test_a_folder_of_something_else_is_left_alone(tmp_path, inputs):
    other = tmp_path / "other"
    other.mkdir()
    (other / "project.json").write_text('{"mine": true}')
    with pytest.raises(ProjectError, match="new or empty folder"):
        project.create(other, inputs, Options())
    assert (other / "project.json").read_text() == '{"mine": true}'
    with pytest.raises(ProjectError, match="is a file"):
        project.create(inputs["voice"], inputs, Options())


def test_missing_inputs_are_named(tmp_path, inputs):
    with pytest.raises(InputError, match="No voice was given"):
        project.create(tmp_path / "p", {role: inputs[role] for role in ("reference", "driving")}, Options())
    with pytest.raises(InputError, match=r"driving file .*gone\.mp4 does not exist"):
        project.create(tmp_path / "p", {**inputs, "driving": tmp_path / "gone.mp4"}, Options())


def test_a_project_of_the_first_schema_opens_with_its_overrides_as_edits(tmp_path, inputs, analysis):
    made = project.create(tmp_path / "p", inputs, Options())
    stored = json.loads((made.folder / "project.json").read_text())
    del stored["edits"]
    overrides = [{"frame": 3, "scale": [1.5, 1.0], "offset": [0.0, 0.25]}]
    (made.folder / "project.json").write_text(json.dumps({**stored, "schema": 1, "overrides": overrides}))
    old = project.load(made.folder)
    assert old.settings.edits == Edits((Override(3, (1.5, 1.0), (0.0, 0.25)),))
    written = old.with_settings(report={"frames": 12})
    assert json.loads((made.folder / "project.json").read_text())["schema"] == project.SCHEMA
    assert project.load(made.folder) == written


def test_tracks_without_a_word_on_who_made_them_are_taken_as_they_are(tmp_path, inputs, analysis):
    made = project.create(tmp_path / "p", inputs, Options())
    alignment = align(analysis, AlignOptions(mode="paper"), Edits(), (768, 512))
    project.save_tracks(made, analysis, alignment)
    arrays = project.tracks.load_arrays(made.folder / "tracks.npz", 2**30)
    del arrays["made_by"]
    project.tracks.save_arrays(made.folder / "tracks.npz", arrays)
    np.testing.assert_array_equal(project.load_tracks(made)[1].fda.a, alignment.fda.a)


def test_tracks_of_other_edits_are_not_shown_as_if_they_were_of_these(tmp_path, inputs, analysis):
    """What remains when a process is killed after it has written settings and before it has written tracks."""
    made = project.create(tmp_path / "p", inputs, Options())
    project.save_tracks(made, analysis, align(analysis, AlignOptions(), Edits(), (768, 512)))
    edits = Edits((Override(2, rotation=8.0),), (PointEdit("body", 4, 5, (10.0, 20.0)),))
    for changes in ({"edits": edits}, {"options": Options(align=AlignOptions(mode="paper"))}):
        ahead = made.with_settings(**changes)
        expected = align(analysis, ahead.settings.options.align, ahead.settings.edits, (768, 512)).target
        shown = project.load_tracks(project.load(made.folder))[1].target
        np.testing.assert_array_equal(shown.face.xy, expected.face.xy)
        np.testing.assert_array_equal(shown.body.xy, expected.body.xy)


def test_a_project_is_changed_by_one_at_a_time(tmp_path, inputs, monkeypatch):
    made = project.create(tmp_path / "p", inputs, Options())
    monkeypatch.setattr(project, "LOCK_SECONDS", 0.05)
    with (
        project.locked(made.folder),
        pytest.raises(ProjectError, match="being changed elsewhere"),
        project.locked(made.folder),
    ):
        pass
    with project.locked(made.folder):
        pass


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stored: stored.update(schema=99), "schema 99, this version reads up to 2"),
        (lambda stored: stored["options"].update(fps="0"), "options"),
        (lambda stored: stored["inputs"]["voice"].update(file="../../etc/passwd"), "outside the project folder"),
        (lambda stored: stored.pop("inputs"), "inputs"),
    ],
)
def test_damaged_settings_are_one_clear_sentence(tmp_path, inputs, change, message):
    made = project.create(tmp_path / "p", inputs, Options())
    stored = json.loads((made.folder / "project.json").read_text())
    change(stored)
    (made.folder / "project.json").write_text(json.dumps(stored))
    with pytest.raises(ProjectError, match=message):
        project.load(made.folder)


def test_a_folder_without_project_or_tracks_says_so(tmp_path, inputs):
    with pytest.raises(ProjectError, match=r"no project\.json"):
        project.load(tmp_path)
    made = project.create(tmp_path / "p", inputs, Options())
    with pytest.raises(ProjectError, match="not been analysed yet"):
        project.load_tracks(made)
    (made.folder / "tracks.npz").write_bytes(b"PK half")
    with pytest.raises(ProjectError, match="damaged"):
        project.load_tracks(made)
