"""`python -m apvgen render` with a checkpoint, and what it says when something does not fit."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_checkpoint import make_tiny_checkpoint

from apvgen import cli, project
from apvgen.studio.rendering import latest

WEIGHTS = Path("unet") / "diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path, small_project) -> Path:
    return small_project.folder


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return make_tiny_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture
def checkpoint(original, tmp_path) -> Path:
    return shutil.copytree(original, tmp_path / "tiny")


@pytest.fixture
def render(folder, checkpoint, tmp_path, monkeypatch, capsys):
    """Runs the command with more arguments; (exit code, what it printed, what it complained about)."""

    def call(*more: str) -> tuple[int, str, str]:
        own = ["render", "--project", str(folder), "--renderer", "diffusion", "--checkpoint", str(checkpoint)]
        out = ["--out", str(tmp_path / "out.mp4"), "--json"]
        monkeypatch.setattr("sys.argv", ["apvgen", *own, *out, *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return call


def test_a_checkpoint_renders_the_project_and_its_settings_lie_beside_the_video(render, tmp_path):
    code, printed, _ = render(
        "--schedule", "karras-1", "--guidance", "1", "1", "--window", "5", "--seed", "3", "--initial-noise", "0.5"
    )
    assert code == 0
    told = json.loads(printed)
    assert (told["kind"], told["frames"]) == ("diffusion", 12)
    sampling = json.loads((tmp_path / "out.json").read_text())["rendering"]["sampling"]
    assert (sampling["schedule"], sampling["window"], sampling["seed"]) == ("karras-1", 5, 3)
    assert (sampling["guidance_max"], sampling["initial_noise"]) == (1, 0.5)


def _without_a_key(checkpoint: Path) -> None:
    state = load_file(checkpoint / WEIGHTS)
    state.pop("conv_in.weight")
    save_file(state, checkpoint / WEIGHTS)


def _cut_short(checkpoint: Path) -> None:
    path = checkpoint / WEIGHTS
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _not_a_number(checkpoint: Path) -> None:
    state = load_file(checkpoint / WEIGHTS)
    state["conv_out.bias"] = torch.full_like(state["conv_out.bias"], float("nan"))
    save_file(state, checkpoint / WEIGHTS)


def _absent(checkpoint: Path) -> None:
    (checkpoint / WEIGHTS).unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_a_key, "conv_in.weight"),
        (_cut_short, "diffusion_pytorch_model.safetensors"),
        (_not_a_number, "step 1"),
        (_absent, "lacks unet/diffusion_pytorch_model.safetensors"),
        (shutil.rmtree, "is no checkpoint"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_one_sentence(render, checkpoint, spoil, said, tmp_path):
    spoil(checkpoint)
    code, _, complaint = render("--schedule", "karras-2")
    assert code == cli.FAILED
    assert said in complaint
    assert_one_sentence(complaint)
    assert not list(tmp_path.glob("*.mp4"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--schedule", "karras-0"), "between 1 and 1000 steps"),
        (("--steps", "0"), "between 1 and 1000 steps"),
        (("--schedule", "euler"), "the schedule must be"),
        (("--window", "1"), "at least 2 frames"),
        (("--window", "40"), "longer than the clip"),
        (("--window", "6", "--overlap", "6"), "overlap must lie between"),
        (("--overlap", "5"), "trained on 6 frames: the overlap must lie between 0 and 4 frames"),
        (("--guidance-interval", "5", "1"), "the lower one first"),
        (("--device", "cuda:77"), "cannot be used on this machine"),
        (("--vae-chunk", "0"), "at least 1 frame"),
        (("--vae-tile", "100"), "multiple of 64"),
    ],
)
def test_settings_that_do_not_fit_are_one_sentence(render, arguments, said, tmp_path):
    code, _, complaint = render(*arguments)
    assert code == cli.FAILED
    assert said in complaint
    assert_one_sentence(complaint)
    assert not list(tmp_path.glob("*.mp4"))


def assert_one_sentence(complaint: str) -> None:
    lines = [line for line in complaint.strip().splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert "Traceback" not in complaint
    assert not lines[0].endswith("..")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="NOT CHECKED: this system has no kill -9")
def test_a_render_that_is_killed_leaves_a_whole_project_and_nothing_that_looks_done(folder, tmp_path):
    out = folder / "draft.mp4"
    command = [sys.executable, "-m", "apvgen", "render", "--project", str(folder), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(folder.glob(".draft.mp4*")):
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    assert latest(project.load(folder)) is None
    subprocess.run(command, check=True, capture_output=True)
    assert latest(project.load(folder)) == "draft"
