import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from apvgen import cli


def run(*arguments: str):
    return CliRunner().invoke(cli.cli, arguments)


def failing(monkeypatch, capsys, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["apvgen", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return exit_.value.code, capsys.readouterr().err


def test_every_command_explains_itself():
    assert {"analyse", "preview", "render", "run", "doctor"} <= set(cli.cli.commands)
    for name in cli.cli.commands:
        result = run(name, "--help")
        assert result.exit_code == 0
        assert cli.cli.commands[name].help.split(".")[0].split()[0] in result.output


def test_help_does_not_import_heavy_packages():
    code = "import sys, apvgen.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "mediapipe", "gradio", "librosa", "rtmlib", "scipy", "cv2", "av"} & set(loaded)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--fps", "fast", "write 25 or 30000/1001"),
        ("--fps", "0", "between 1 and 120"),
        ("--size", "big", "HEIGHTxWIDTH"),
        ("--size", "63x512", "between 64 and 4096"),
        ("--override", "0 0 0 0 0", "out of range"),
        ("--seed", "-1", "between 0 and 2^63"),
        ("--smoothing", "nan", "between 0 and 1000"),
        ("--smoothing", "1e12", "between 0 and 1000"),
        ("--max-seconds", "nan", "positive number"),
        ("--max-mib", "-4", "positive number"),
    ],
)
def test_bad_options_are_one_clear_sentence(monkeypatch, capsys, tmp_path, option, value, message):
    inputs = ["--reference", "a.png", "--driving", "b.mp4", "--voice", "c.wav"]
    arguments = ["analyse", *inputs, "--project", str(tmp_path / "p"), option, *value.split()]
    code, text = failing(monkeypatch, capsys, *arguments)
    assert code == 2
    assert message in text
    assert "Traceback" not in text


def test_half_of_the_inputs_is_refused(monkeypatch, capsys, tmp_path):
    code, text = failing(monkeypatch, capsys, "analyse", "--project", str(tmp_path), "--voice", "a.wav")
    assert code == 2
    assert "No reference and no driving was given" in text


@pytest.mark.parametrize(
    ("out", "message"),
    [("own.mp4", "would overwrite the voice file"), ("x.avi", "end in .mp4"), ("folder.mp4", "is a folder")],
)
def test_a_bad_place_for_the_result_is_refused_before_any_work(monkeypatch, capsys, tmp_path, out, message):
    (tmp_path / "own.mp4").write_bytes(b"my recording")
    (tmp_path / "folder.mp4").mkdir()
    inputs = ["--reference", "a.png", "--driving", "b.mp4", "--voice", str(tmp_path / "own.mp4")]
    code, text = failing(monkeypatch, capsys, "run", *inputs, "--out", str(tmp_path / out))
    assert code == 2
    assert message in text
    assert (tmp_path / "own.mp4").read_bytes() == b"my recording"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.mp4", "own.mp4"]


def test_a_folder_that_is_no_project_is_named(monkeypatch, capsys, tmp_path):
    arguments = ("render", "--project", str(tmp_path), "--out", str(tmp_path / "out.mp4"))
    code, text = failing(monkeypatch, capsys, *arguments)
    assert code == 2
    assert "is not a project folder" in text
    assert not list(tmp_path.iterdir())


def test_an_interrupt_ends_with_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(cli, "cli", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt))
    code, text = failing(monkeypatch, capsys)
    assert code == 130
    assert "no half-written result was left behind" in text


def test_a_missing_system_library_is_one_clear_sentence(monkeypatch, capsys):
    error = ImportError("libGL.so.1: cannot open shared object file", name="cv2")
    monkeypatch.setattr(cli, "cli", lambda **_: (_ for _ in ()).throw(error))
    code, text = failing(monkeypatch, capsys)
    assert code == 2
    assert "apt-get install libgl1" in text


def test_doctor_reports_in_words_and_as_json():
    result = run("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.output)["checks"]}
    assert checks["MediaPipe models"]["ok"]
    assert checks["voice model"]["ok"]
    assert not checks["DWPose weights"]["required"]
    missing = [check for check in checks.values() if check["required"] and not check["ok"]]
    assert result.exit_code == (1 if missing else 0)
    assert "MediaPipe models" in run("doctor").output
