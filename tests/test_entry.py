"""`python app.py` up to the moment at which the server takes over."""

import socket
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
from click.testing import CliRunner

import app
import apvgen.studio
from apvgen.studio import page

ROOT = Path(__file__).resolve().parents[1]


def test_importing_the_entry_point_loads_nothing_heavy():
    code = "import sys, app; print([name for name in ('gradio', 'numpy', 'cv2', 'torch') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_the_page_is_what_a_space_finds_as_demo(monkeypatch, tmp_path):
    monkeypatch.setattr(app, "default_projects", lambda: tmp_path)
    assert isinstance(app.demo, gr.Blocks)
    with pytest.raises(AttributeError):
        _ = app.dem


def test_flags_reach_the_server(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(page, "serve", lambda studio, *others: given.append((studio.store.root, *others)))
    outcome = CliRunner().invoke(app.main, ["--host", "0.0.0.0", "--port", "8123", "--projects", str(tmp_path)])
    assert outcome.exit_code == 0
    assert given == [(tmp_path, "0.0.0.0", 8123, False)]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ImportError("libGL.so.1: cannot open shared object file", name="cv2"), "apt-get install libgl1"),
        (ModuleNotFoundError("No module named 'gradio'", name="gradio"), "pip install -r requirements.txt"),
    ],
)
def test_a_machine_that_lacks_something_gets_one_sentence(monkeypatch, error, advice):
    class Lacking:
        @staticmethod
        def find_spec(name, *_where):
            if name == "apvgen.studio.page":
                raise error

    monkeypatch.setattr(sys, "meta_path", [Lacking, *sys.meta_path])
    monkeypatch.delitem(sys.modules, "apvgen.studio.page")
    monkeypatch.delattr(apvgen.studio, "page")
    outcome = CliRunner().invoke(app.main, [])
    assert outcome.exit_code == 1
    assert str(error) in outcome.output
    assert advice in outcome.output
    assert "Traceback" not in outcome.output


def test_a_taken_port_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        outcome = CliRunner().invoke(app.main, ["--port", port, "--projects", str(tmp_path)])
    assert outcome.exit_code == 1
    assert "choose another with --port" in outcome.output


def test_the_readme_tells_a_space_what_to_run():
    front = (ROOT / "README.md").read_text("utf-8").split("---")[1]
    told = dict(line.split(": ", 1) for line in front.strip().splitlines())
    pinned = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text("utf-8").split() if "==" in line)
    assert told["sdk"] == "gradio"
    assert told["sdk_version"] == pinned["gradio"]
    assert told["python_version"].strip('"') == "3.11"
    assert (ROOT / told["app_file"]).is_file()
    assert len(told["short_description"]) <= 60
    assert (ROOT / "packages.txt").read_text("utf-8").split()
