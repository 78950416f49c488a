"""Work in the background, what the page says of it, and where its results lie."""

import threading
import time

import pytest

from apvgen.errors import ProjectError
from apvgen.studio import jobs, markup, words
from apvgen.studio.jobs import Board, Progress
from apvgen.studio.store import Store


def test_project_names_cannot_be_guessed_and_never_leave_the_folder(tmp_path):
    store = Store(tmp_path)
    names = {store.new_name() for _ in range(100)}
    assert len(names) == 100
    assert all(store.folder(name).parent == tmp_path for name in names)
    for name in ("", "..", "../etc", "a/b", "x" * 22 + "/..", "x" * 21, "ü" * 22, "x" * 22 + "\n"):
        with pytest.raises(ProjectError):
            store.folder(name)


def test_a_waiting_job_that_is_stopped_never_begins():
    board, gate, begun = Board(), threading.Event(), []
    board.start("first", lambda _report: gate.wait(60))
    second = board.start("second", lambda _report: begun.append(1))
    assert second.progress.waiting
    second.stop()
    gate.set()
    board.close()
    assert second.ended
    assert words.sentence(second.error, ()) == words.STOPPED
    assert not begun


def test_work_finds_itself_however_early_it_asks(monkeypatch):
    board, found = Board(), []
    submit = board._pool.submit

    def submit_and_dawdle(*given):
        future = submit(*given)
        time.sleep(0.05)
        return future

    monkeypatch.setattr(board._pool, "submit", submit_and_dawdle)
    job = board.start("work", lambda _report: found.append(board.get("work")))
    job._future.result(60)
    assert found == [job]
    board.close()


def test_a_job_of_the_same_name_is_not_started_twice():
    board, gate = Board(), threading.Event()
    first = board.start("one", lambda _report: gate.wait(60))
    assert board.start("one", lambda _report: None) is first
    gate.set()
    first._future.result(60)
    assert board.start("one", lambda _report: None) is not first
    board.close()


def test_ended_jobs_are_forgotten_and_running_ones_are_not(monkeypatch):
    monkeypatch.setattr(jobs, "_KEPT", 3)
    board, gate = Board(), threading.Event()
    for k in range(8):
        board.start(f"short {k}", lambda _report: None)._future.result(60)
    running = board.start("long", lambda _report: gate.wait(60))
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
    now[0] += 1
    job._take("detect", 1, 50)
    assert job.progress.seconds_left is None
    now[0] += 3
    job._take("detect", 20, 50)
    assert job.progress.seconds_left == pytest.approx(6)
    job._take("voice", 0, 50)
    assert job.progress.seconds_left is None


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(True, False), "Waiting for other work to end…"),
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


def test_commands_in_a_sentence_look_like_code():
    said = markup.prose("<b> is gone; run: python -m apvgen checkpoints download svd-xt-1.1. Or use --offload.")
    assert said == (
        "&lt;b&gt; is gone; run: <code>python -m apvgen checkpoints download svd-xt-1.1</code>. Or use "
        "<code>--offload</code>."
    )
    assert markup.prose("`python -m apvgen doctor` says") == "<code>python -m apvgen doctor</code> says"
    assert markup.prose("a well-known -- thing") == "a well-known -- thing"
