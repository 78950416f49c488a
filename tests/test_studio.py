"""The studio's handlers, called as plain functions: what a page would show is what they return."""

import asyncio
import json
import shutil
import threading
from fractions import Fraction
from pathlib import Path

import cv2
import gradio as gr
import numpy as np
import pytest
import soundfile

from apvgen import pipeline, project
from apvgen.align import align
from apvgen.config import Options
from apvgen.errors import InputError, MediaError, ProjectError
from apvgen.media import write_video
from apvgen.pipeline import Rendered
from apvgen.studio import analysis as analysis_panel
from apvgen.studio import draft, inputs, jobs, page, scrub, settings, strip, viewer, words
from apvgen.studio.context import Studio, bound
from apvgen.studio.jobs import Board, Progress
from apvgen.studio.store import Store
from apvgen.tracks import save_motion

DEFAULTS = (
    *("512 × 768 px, portrait (the paper's)", "25", "ping-pong", "stable", "driving"),
    *(1.0, True, "auto", 0, 0),
)
REPORT = {
    "frames": 12,
    "seconds": 0.48,
    "motion_frames": 12,
    "share_with_body": 1.0,
    "share_with_hands": 0.0,
    "share_with_face": 0.9,
    "share_with_drawn_face": 1.0,
    "lip_gap_kept": 0.987,
}


class ScriptedAnalyser:
    """Makes a project of a known analysis; waits at its second frame until it is let go."""

    def __init__(self, options, analysis):
        self.options, self.analysis = options, analysis
        self.at_work, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def analyse(self, files, folder, on_progress):
        for k in range(len(self.analysis)):
            on_progress("detect", k + 1, len(self.analysis))
            self.at_work.set()
            self.go_on.wait(10)
        made = project.create(folder, files, self.options)
        aligned = align(self.analysis, self.options.align, (), self.options.hw)
        project.save_tracks(made, self.analysis, aligned)
        return made.with_settings(report=REPORT, made_with={"detector": "scripted 1", "voice_model": "scripted 1"})


@pytest.fixture
def analyser(analysis):
    return ScriptedAnalyser(Options(), analysis)


@pytest.fixture
def studio(tmp_path, monkeypatch, analyser):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    made = Studio(Store(tmp_path / "projects"), lambda _options: analyser, tmp_path / "example")
    yield made
    analyser.go_on.set()
    made.board.close()


@pytest.fixture
def files(studio, analysis):
    """The three inputs, uploaded."""
    folder = studio.uploads / "abc"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    cv2.imwrite(str(folder / "photo.png"), rng.integers(0, 255, (768, 512, 3), np.uint8))
    save_motion(folder / "motion.npz", analysis.driving)
    soundfile.write(folder / "voice.wav", 0.3 * np.sin(np.arange(7680) / 20), 16000)
    return tuple(str(folder / name) for name in ("photo.png", "motion.npz", "voice.wav"))


@pytest.fixture
def opened(studio, files):
    """The name of a project that was analysed through the page."""
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    ended(studio, name)
    return name


def ended(studio, name):
    studio.board.get(name)._future.exception(20)


def followed(studio, name):
    async def collect():
        return [values async for values in strip.follow(studio, 1, name)]

    return asyncio.run(collect())


# --- names of projects -----------------------------------------------------------------------------------------------


def test_project_names_cannot_be_guessed_and_never_leave_the_folder(tmp_path):
    store = Store(tmp_path)
    names = {store.new_name() for _ in range(100)}
    assert len(names) == 100
    assert all(store.folder(name).parent == tmp_path for name in names)
    for name in ("", "..", "../etc", "a/b", "x" * 22 + "/..", "x" * 21, "ü" * 22, "x" * 22 + "\n"):
        with pytest.raises(ProjectError):
            store.folder(name)


def test_a_project_without_a_finished_analysis_is_not_opened(studio, files):
    name = studio.store.new_name()
    assert studio.store.open(name) is None
    roles = dict(zip(project.ROLES, map(Path, files), strict=True))
    project.create(studio.store.folder(name), roles, Options())
    assert studio.store.open(name) is None


# --- jobs ------------------------------------------------------------------------------------------------------------


def test_a_stopped_job_ends_at_its_next_report_and_says_so(studio, files, analyser):
    analyser.go_on.clear()
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    assert analyser.at_work.wait(10)
    assert "Stopping" in strip.stop(studio, name)
    analyser.go_on.set()
    ended(studio, name)
    assert words.STOPPED in strip.outcome(studio, studio.board.get(name))
    assert not studio.store.folder(name).exists()


def test_a_waiting_job_that_is_stopped_never_begins():
    board, gate, begun = Board(), threading.Event(), []
    board.start("first", lambda _report: gate.wait(10))
    second = board.start("second", lambda _report: begun.append(1))
    assert second.progress.waiting
    second.stop()
    gate.set()
    board.close()
    assert second.ended
    assert words.sentence(second.error, ()) == words.STOPPED
    assert not begun


def test_a_job_of_the_same_name_is_not_started_twice():
    board, gate = Board(), threading.Event()
    first = board.start("one", lambda _report: gate.wait(10))
    assert board.start("one", lambda _report: None) is first
    gate.set()
    first._future.result(10)
    assert board.start("one", lambda _report: None) is not first
    board.close()


def test_ended_jobs_are_forgotten_and_running_ones_are_not(monkeypatch):
    monkeypatch.setattr(jobs, "_KEPT", 3)
    board, gate = Board(), threading.Event()
    for k in range(8):
        board.start(f"short {k}", lambda _report: None)._future.result(10)
    running = board.start("long", lambda _report: gate.wait(10))
    board.start("last", lambda _report: None)
    assert board.get("long") is running
    assert [board.get(f"short {k}") is not None for k in range(8)] == [False] * 5 + [True] * 3
    gate.set()
    board.close()


def test_time_left_is_the_pace_so_far_times_what_remains(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    job = jobs.Job()
    job._take("detect", 0, 50)
    now[0] += 4
    job._take("detect", 20, 50)
    assert job.progress.seconds_left == pytest.approx(6)
    job._take("voice", 0, 50)
    assert job.progress.seconds_left is None


# --- words -----------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(True, False), "Waiting for the work before this one to end…"),
        (Progress(False, True, "detect", 3, 9, 1.0), "Stopping…"),
        (Progress(False, False), "Preparing…"),
        (Progress(False, False, "voice", 0, 100), "Turning the voice into a face…"),
        (Progress(False, False, "draft", 3, 90, 12.4), "Drawing the draft: frame 3 of 90, about 12 s left"),
        (Progress(False, False, "draft", 3, 90, 150.0), "Drawing the draft: frame 3 of 90, about 2 min left"),
        (Progress(False, False, "draft", 89, 90, 0.2), "Drawing the draft: frame 89 of 90"),
    ],
)
def test_progress_in_words(progress, said):
    assert words.doing(progress) == said


def test_a_share_is_full_only_if_nothing_is_missing():
    assert words.share(0.9999) == "99 %"
    assert words.share(1.0) == "100 %"
    assert words.share(0.29) == "29 %"


def test_findings_survive_a_voice_that_never_opens_the_mouth():
    told = {what: much for what, much, _ in words.findings({**REPORT, "lip_gap_kept": float("nan")})}
    assert told["Lip opening kept"] == "not known: the voice never opens the mouth"
    assert told["Length"] == "0.48 s, 12 frames at 25 a second"


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_a_path_from_the_browser_is_an_upload_or_the_example_or_refused(studio, files, tmp_path):
    studio.example.mkdir()
    inside = studio.uploads / "link.png"
    inside.symlink_to("/etc/passwd")
    for path in ("/etc/passwd", str(inside), str(studio.uploads / ".." / "projects" / "x"), str(tmp_path)):
        with pytest.raises(InputError, match="not uploaded here"):
            studio.trusted(path)
    assert studio.trusted(files[0]) == Path(files[0]).resolve()
    assert studio.trusted(str(studio.example / "photo.jpg"))


def test_every_input_is_described_when_it_is_chosen(studio, files):
    photo, motion, voice = (
        inputs.chosen(studio, role, path)[0].value for role, path in zip(project.ROLES, files, strict=True)
    )
    assert "512 × 768 px" in photo
    assert "Motion track, 0.5 s, 25 frames a second" in motion
    assert "0.5 s, 16 kHz" in voice
    assert "<audio" in voice


def test_a_driving_video_is_described_with_a_player(studio, files):
    path = studio.uploads / "abc" / "dance & more.mp4"
    frames = np.zeros((6, 64, 48, 3), np.uint8)
    write_video(path, frames, Fraction(30))
    said = inputs.chosen(studio, "driving", str(path))[0].value
    assert "0.2 s, 48 × 64 px, 30 frames a second" in said
    assert "dance &amp; more.mp4" in said
    assert "dance%20%26%20more.mp4" in said


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


# --- options ---------------------------------------------------------------------------------------------------------


def test_the_controls_start_at_the_products_defaults(studio):
    with gr.Blocks():
        panel = settings.build()
    assert settings.chosen(*(control.value for control in panel.controls)) == Options()


def test_options_come_back_as_they_were_chosen():
    values = (*("1024 × 576 px, landscape", "30", "hold", "paper", "voice"), *(0.0, False, "mediapipe", 1, 7))
    assert settings.restored(settings.chosen(*values)) == values


def test_an_impossible_option_is_one_sentence():
    with pytest.raises(InputError, match="person counts from 0"):
        settings.chosen(*DEFAULTS[:8], -1, 0)


# --- analysis --------------------------------------------------------------------------------------------------------


def test_an_analysis_is_followed_to_its_end_and_then_opened(studio, files, analyser):
    analyser.go_on.clear()
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    assert analyser.at_work.wait(10)
    threading.Timer(0.3, analyser.go_on.set).start()
    told = followed(studio, name)
    assert "frame 1 of 12" in told[0][0]
    assert (told[0][1].interactive, told[0][2].interactive) == (True, False)
    assert "Done in" in told[-1][0]
    assert (told[-1][1].interactive, told[-1][2].interactive) == (False, True)
    opened, running, *shown = page.adopt(studio, 0, "", name, scrub.ALL)
    assert (opened, running) == (name, "")
    assert "98 % of what the voice asks for" in "".join(text for text in shown if isinstance(text, str))


def test_a_failed_analysis_leaves_no_folder_and_the_open_project_as_it_is(studio, files, opened, analyser, monkeypatch):
    def failing(files, folder, on_progress):
        (folder / "inputs").mkdir(parents=True)
        raise MediaError("the video is damaged")

    monkeypatch.setattr(analyser, "analyse", failing)
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    ended(studio, name)
    assert "The video is damaged." in followed(studio, name)[-1][0]
    assert page.adopt(studio, 2, opened, name, scrub.ALL)[:2] == (opened, "")
    assert [folder.name for folder in studio.store.root.iterdir()] == [opened]


def test_analysing_again_makes_another_project_and_leaves_the_first_to_other_tabs(studio, files, opened):
    before = (studio.store.folder(opened) / "project.json").read_bytes()
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    ended(studio, name)
    assert name != opened
    assert (studio.store.folder(opened) / "project.json").read_bytes() == before


# --- frames ----------------------------------------------------------------------------------------------------------


def test_each_view_is_what_the_preview_draws(studio, opened):
    looking = viewer.open_viewer(studio.store.folder(opened))
    pose = looking.picture("pose", 4)
    assert pose.shape == (768, 512, 3)
    assert pose.any()
    on_photo = looking.picture("overlay", 4)
    drawn = pose.any(-1)
    assert (on_photo[drawn] == pose[drawn]).all()
    assert (on_photo[~drawn] < 154).all()
    assert max(looking.picture("driving", 4).shape) == viewer.LARGEST_SIDE
    assert looking.picture("voice", 4).any()


def test_frames_beyond_the_end_show_the_last_one(studio, opened):
    assert scrub.draw(studio, opened, 99, "pose") == scrub.draw(studio, opened, 11, "pose")
    assert scrub.draw(studio, opened, 0, "pose") != scrub.draw(studio, opened, 11, "pose")


def test_what_was_detected_in_a_frame_is_said_in_words(studio, opened):
    said = scrub.facts(viewer.open_viewer(studio.store.folder(opened)), 5)
    assert said == "0.20 s · body found · left hand not found · right hand not found · face found"


def test_no_project_shows_empty_places_of_the_same_shape(studio, opened):
    assert scrub.draw(studio, "", 0, "pose").count('class="shot"') == 4
    assert scrub.draw(studio, opened, 0, scrub.ALL).count('class="shot"') == 4


class Numbered:
    """A video of 40 frames, each as bright as twice its number."""

    def __init__(self):
        self.decoded = 0

    def frames(self, start=0, stop=None):
        for k in range(start, min(40, stop or 40)):
            self.decoded += 1
            yield np.full((8, 8, 3), 2 * k, np.uint8)


ORDERS = (range(40), range(39, -1, -1), (39, 0, 20, 21, 5, 39, 38))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("held", [4, 2000])
def test_frames_of_a_video_come_out_right_in_any_order(order, held, monkeypatch):
    monkeypatch.setattr(viewer, "HELD_FRAMES", held)
    shelf = viewer.Shelf(Numbered())
    for k in order:
        assert abs(int(shelf.frame(k)[4, 4, 0]) - 2 * k) <= 1


def test_a_filled_shelf_decodes_nothing_more():
    video = Numbered()
    shelf = viewer.Shelf(video)
    shelf.fill()
    for k in ORDERS[2]:
        shelf.frame(k)
    assert video.decoded == 40


def test_dragging_backward_decodes_a_frame_only_a_few_times():
    video = Numbered()
    shelf = viewer.Shelf(video)
    for k in reversed(range(40)):
        shelf.frame(k)
    assert video.decoded <= 2 * 40


# --- renders ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def scripted_render(monkeypatch):
    def render(made, out, on_progress):
        on_progress("draft", 1, 2)
        write_video(out, np.zeros((2, 64, 64, 3), np.uint8), Fraction(25))
        return Rendered(out, out.with_suffix(".json"), 2, 0.0)

    monkeypatch.setattr(pipeline, "render", render)


def test_a_draft_is_shown_under_a_name_of_its_own_and_called_a_draft(studio, opened, scripted_render):
    assert page.finished(studio, opened)[0].value is None
    draft.start(studio, "draft", opened)
    ended(studio, opened)
    video, download, *_ = page.finished(studio, opened)
    assert "not the diffusion result" in video.label
    assert video.value["path"].endswith("apvgen-draft.mp4")
    assert Path(video.value["path"]).is_relative_to(studio.uploads)
    assert download.interactive


def test_nothing_is_rendered_before_an_analysis(studio):
    assert "Analyse first" in draft.start(studio, "draft", "")
    assert "Analyse first" in draft.start(studio, "draft", studio.store.new_name())


# --- coming back -----------------------------------------------------------------------------------------------------


def test_a_reloaded_page_finds_its_project_in_a_restarted_program(studio, opened, scripted_render):
    draft.start(studio, "draft", opened)
    ended(studio, opened)
    restarted = Studio(studio.store, studio.analyser, studio.example)
    name, running, note, *values = page.reopen(restarted, opened, "", scrub.ALL)
    assert (name, running, note) == (opened, "", "")
    assert values[: len(DEFAULTS)] == list(DEFAULTS)
    photo = values[len(DEFAULTS)]
    assert Path(photo.value["path"]).name == "photo.png"
    restarted.board.close()


def test_a_page_that_lost_its_project_says_so(studio):
    name, _, note, *_ = page.reopen(studio, studio.store.new_name(), "", scrub.ALL)
    assert name == ""
    assert page.LOST in note


def test_a_damaged_project_is_one_sentence(studio, opened):
    (studio.store.folder(opened) / "project.json").write_text("{")
    name, _, note, *_ = page.reopen(studio, opened, "", scrub.ALL)
    assert name == ""
    assert "project.json cannot be read" in note
    assert str(studio.store.root) not in note


def test_an_analysis_that_a_restart_interrupted_is_told(studio, opened):
    name, running, note, *_ = page.reopen(studio, opened, studio.store.new_name(), scrub.ALL)
    assert (name, running) == (opened, "")
    assert page.INTERRUPTED in note


def test_a_page_reloaded_during_an_analysis_follows_it_again(studio, files, analyser):
    analyser.go_on.clear()
    name, _ = analysis_panel.start(studio, *files, *DEFAULTS)
    assert analyser.at_work.wait(10)
    assert page.reopen(studio, "", name, scrub.ALL)[:3] == ("", name, "")


# --- the whole page --------------------------------------------------------------------------------------------------


def test_the_page_builds_and_no_event_is_offered_to_programs(studio):
    blocks = page.build(studio)
    with blocks:
        assert {fn.api_visibility for fn in blocks.fns.values()} == {"private"}


def test_deleting_a_project_folder_by_hand_does_not_break_the_page(studio, opened):
    shutil.rmtree(studio.store.folder(opened))
    assert "is gone" in page.reopen(studio, opened, "", scrub.ALL)[2]
    with pytest.raises(ProjectError):
        scrub.draw(studio, opened, 0, scrub.ALL)


def test_settings_of_the_render_are_kept_in_the_project(studio, opened):
    stored = json.loads((studio.store.folder(opened) / "project.json").read_text())
    assert stored["options"]["hw"] == [768, 512]
