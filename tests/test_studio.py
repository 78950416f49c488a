"""The studio's handlers, called as plain functions: what a page would show is what they return."""

import json
import shutil
import threading
import zipfile
from fractions import Fraction
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import soundfile
from scripted_studio import DEFAULTS, LOOK, LOOKS, REPORT, ended, followed

from apvgen import project
from apvgen.config import Options
from apvgen.errors import InputError, MediaError, ProjectError
from apvgen.media import write_video
from apvgen.studio import analysis as analysis_panel
from apvgen.studio import inputs, page, scrub, strip, words
from apvgen.studio.context import Studio, bound


def test_a_project_without_a_finished_analysis_is_not_opened(studio, files):
    name = studio.store.new_name()
    assert studio.store.open(name) is None
    roles = dict(zip(project.ROLES, map(Path, files), strict=True))
    project.create(studio.store.folder(name), roles, Options())
    assert studio.store.open(name) is None


def test_a_stopped_job_ends_at_its_next_report_and_says_so(studio, files, analyser):
    analyser.go_on.clear()
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    assert analyser.at_work.wait(60)
    assert "Stopping" in strip.stop(studio, "analysis", name)
    analyser.go_on.set()
    ended(studio, name)
    assert words.STOPPED in followed(studio, name)[-1][0]
    assert not studio.store.folder(name).exists()


def test_a_message_names_the_file_but_not_the_servers_folders(studio, files):
    broken = Path(files[0]).with_name("holiday 1.png")
    broken.write_text("not a picture")
    said = inputs.chosen(studio, "reference", str(broken))[0].value
    assert "holiday 1.png is not a picture" in said
    assert str(studio.uploads) not in said
    assert "abc" not in said


def test_an_unexpected_error_is_one_short_sentence_and_its_traceback_goes_to_the_log(studio, caplog):
    def broken(studio):
        raise ZeroDivisionError("secret detail")

    with pytest.raises(gr.Error) as caught:
        bound(studio, broken)()
    assert caught.value.message == words.UNEXPECTED
    assert "secret detail" in caplog.text


def test_what_people_named_their_files_cannot_become_html(studio):
    def refusing(studio):
        raise MediaError("<img src=x onerror=alert(1)>.png is not a picture")

    with pytest.raises(gr.Error, match="&lt;img"):
        bound(studio, refusing)()


def test_findings_survive_a_voice_that_never_opens_the_mouth():
    told = {what: much for what, much, _ in words.findings({**REPORT, "lip_gap_kept": None})}
    assert told["Lip opening kept"] == "not known: the voice never opens the mouth"
    assert told["Length"] == "0.48 s, 12 frames at 25 a second"


def test_findings_tell_the_hands_apart_and_read_earlier_reports_too():
    told = {what: much for what, much, _ in words.findings(REPORT)}
    assert told["A hand found"] == "in 0 % of the frames"
    sides = {"share_with_hands": 1.0, "share_with_left_hand": 1.0, "share_with_right_hand": 0.93}
    told = {what: much for what, much, _ in words.findings({**REPORT, **sides})}
    assert (told["Left hand found"], told["Right hand found"]) == ("in 100 % of the frames", "in 93 % of the frames")
    assert "A hand found" not in told


def test_a_path_from_the_browser_is_an_upload_or_the_example_or_refused(studio, files, tmp_path):
    studio.example.mkdir()
    inside = studio.uploads / "link.png"
    inside.symlink_to("/etc/passwd")
    for path in ("/etc/passwd", str(inside), str(studio.uploads / ".." / "projects" / "x"), str(tmp_path)):
        with pytest.raises(InputError, match="not uploaded here"):
            studio.trusted(path)
    assert studio.trusted(files[0]) == Path(files[0]).resolve()
    (studio.example / "photo.jpg").touch()
    assert studio.trusted(str(studio.example / "photo.jpg"))


def test_an_upload_that_was_cleaned_up_is_said_to_be_gone(studio, files):
    Path(files[2]).unlink()
    assert "The upload voice.wav is gone" in analysis_panel.start(studio, *files, *DEFAULTS)[1]


def test_every_input_is_described_when_it_is_chosen(studio, files):
    photo, motion, voice = (
        inputs.chosen(studio, role, path)[0].value for role, path in zip(project.ROLES, files, strict=True)
    )
    assert "512 × 768 px" in photo
    assert "Motion track, 0.5 s, 25 frames a second" in motion
    assert "0.5 s, 16 kHz" in voice
    assert "<audio" in voice


def test_a_driving_video_is_described_and_its_name_escaped(studio, files):
    path = studio.uploads / "abc" / "dance & more.mp4"
    write_video(path, np.zeros((6, 64, 48, 3), np.uint8), Fraction(30))
    said = inputs.chosen(studio, "driving", str(path))[0].value
    assert "0.2 s, 48 × 64 px, 30 frames a second" in said
    assert "dance &amp; more.mp4" in said


def test_poses_of_another_tool_are_described_and_taken(studio, files, analysis):
    track = studio.uploads / "abc" / "poses.zip"
    with zipfile.ZipFile(track, "w") as archive:
        points = np.concatenate([analysis.driving.body.xy[0], analysis.driving.body.score[0][:, None]], -1)
        for k in range(5):
            person = {"pose_keypoints_2d": points.ravel().tolist()}
            archive.writestr(f"{k:03}_keypoints.json", json.dumps({"people": [person]}))
    look, *_ = inputs.chosen(studio, "driving", str(track))
    assert "Motion track, 0.2 s, 25 frames a second" in look.value


def test_a_wrong_file_is_refused_before_anything_is_queued(studio, files):
    silent = Path(files[2]).with_name("silent.wav")
    soundfile.write(silent, np.zeros(16000), 16000)
    assert "silent" in inputs.chosen(studio, "voice", str(silent))[0].value
    name, status = analysis_panel.start(studio, files[0], None, None, *DEFAULTS)
    assert name == ""
    assert "No motion and no voice was chosen yet" in status


def test_the_example_is_reported_missing_rather_than_half_filled(studio):
    with pytest.raises(InputError, match="example is missing"):
        inputs.example(studio)


def test_an_analysis_is_followed_to_its_end_and_then_opened(studio, files, analyser):
    analyser.go_on.clear()
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    assert analyser.at_work.wait(60)
    threading.Timer(0.3, analyser.go_on.set).start()
    told = followed(studio, name)
    assert "frame 1 of 12" in told[0][0]
    assert (told[0][1].interactive, told[0][2].interactive) == (True, False)
    assert "Done in" in told[-1][0]
    assert (told[-1][1].interactive, told[-1][2].interactive) == (False, True)
    opened, running, *shown = page.adopt(studio, 0, "", name, *LOOKS)
    assert (opened, running) == (name, "")
    assert "98 % of what the voice asks for" in "".join(text for text in shown if isinstance(text, str))


def test_an_analysis_begun_while_a_page_opens_is_not_forgotten_by_what_the_opening_followed(studio, files, analyser):
    analyser.go_on.clear()
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    try:
        unchanged = [page.adopt(studio, 2, "", running, *LOOKS) for running in ("", name)]
    finally:
        analyser.go_on.set()
    assert unchanged == [(gr.skip(),) * 4] * 2


def test_a_failed_analysis_leaves_no_folder_and_the_open_project_as_it_is(studio, files, opened, analyser, monkeypatch):
    def failing(files, folder, on_progress):
        (folder / "inputs").mkdir(parents=True)
        raise MediaError("the video is damaged")

    monkeypatch.setattr(analyser, "analyse", failing)
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    ended(studio, name)
    assert "The video is damaged." in followed(studio, name)[-1][0]
    assert page.adopt(studio, 2, opened, name, *LOOKS)[:2] == (opened, "")
    assert [folder.name for folder in studio.store.root.iterdir()] == [opened]


def test_analysing_again_makes_another_project_and_leaves_the_first_to_other_tabs(studio, files, opened):
    before = (studio.store.folder(opened) / "project.json").read_bytes()
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    ended(studio, name)
    assert name != opened
    assert (studio.store.folder(opened) / "project.json").read_bytes() == before


def test_how_an_analysis_ended_is_not_told_of_a_render(studio, opened):
    assert "Done in" in followed(studio, opened, "analysis")[-1][0]
    assert "Done in" not in str(followed(studio, opened, "render"))
    assert "Nothing is running" in strip.stop(studio, "render", opened)


def test_a_reloaded_page_finds_its_project_in_a_restarted_program(studio, opened):
    restarted = Studio(studio.store, studio.analyser, studio.backbone, studio.example)
    name, running, note, _, *values = page.reopen(restarted, opened, "", *LOOKS)
    assert (name, running, note) == (opened, "", "")
    assert values[: len(DEFAULTS)] == list(DEFAULTS)
    photo = values[len(DEFAULTS)]
    assert Path(photo.value["path"]).name == "photo.png"
    restarted.board.close()


def test_a_page_that_lost_its_project_says_so(studio):
    name, _, note, *_ = page.reopen(studio, studio.store.new_name(), "", *LOOKS)
    assert name == ""
    assert page.LOST in note


def test_a_damaged_project_is_one_sentence(studio, opened):
    (studio.store.folder(opened) / "project.json").write_text("{")
    name, _, note, *_ = page.reopen(studio, opened, "", *LOOKS)
    assert name == ""
    assert "project.json cannot be read" in note
    assert str(studio.store.root) not in note


def test_an_analysis_that_a_restart_interrupted_is_told(studio, opened):
    name, running, note, *_ = page.reopen(studio, opened, studio.store.new_name(), *LOOKS)
    assert (name, running) == (opened, "")
    assert page.INTERRUPTED in note


def test_a_page_reloaded_during_an_analysis_follows_it_again(studio, files, analyser):
    analyser.go_on.clear()
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    assert analyser.at_work.wait(60)
    assert page.reopen(studio, "", name, *LOOKS)[:3] == ("", name, "")


def test_the_page_builds_and_no_event_is_offered_to_programs(studio):
    blocks = page.build(studio)
    with blocks:
        assert {fn.api_visibility for fn in blocks.fns.values()} == {"private"}


def test_deleting_a_project_folder_by_hand_does_not_break_the_page(studio, opened):
    shutil.rmtree(studio.store.folder(opened))
    assert "is gone" in page.reopen(studio, opened, "", *LOOKS)[2]
    with pytest.raises(ProjectError):
        scrub.redrawn(studio, opened, 0, *LOOK)
