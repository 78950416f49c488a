import signal
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from apvgen.estimate import pace
from apvgen.model.checkpoint import list_checkpoints
from train import estimate, finetune
from train.shards import ShardWriter
from train.synthetic.world import body_clip, face_clip

pytest_plugins = "train_fixtures"
pytestmark = pytest.mark.usefixtures("one_thread", "fresh_accelerator")

FRAMES = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two clips of each kind."""
    folder = tmp_path_factory.mktemp("data")
    with ShardWriter(folder, "clips") as writer:
        for index in range(2):
            writer.write(face_clip(0, index, (128, 128), FRAMES))
            writer.write(body_clip(0, index, (192, 128), FRAMES))
    return folder


@pytest.fixture
def finetuned(tiny, data, tmp_path, monkeypatch, capsys):
    """Runs a command line of the debug preset: (status, standard output, standard error)."""
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)  # absent, also where it is installed
    monkeypatch.setattr(pace, "_path", lambda: tmp_path / "pace.json")
    into = ["--out", tmp_path / "run", "--checkpoint", tmp_path / "checkpoints" / "mine"]
    given = ["--preset", "debug", "--init", tiny, "--data", data, "--frames", "2", "--validate-every", "0", *into]

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            finetune.main([str(part) for part in (*given, *arguments)])
        except SystemExit as stop:
            return stop.code, *capsys.readouterr()
        return 0, *capsys.readouterr()

    return run


@pytest.fixture
def counted_before(monkeypatch):
    """Spares the seconds of a count."""
    monkeypatch.setattr(estimate, "iteration_cost", lambda *_: estimate.IterationCost(1e9, 1, 1, 1))


def test_a_run_goes_from_shards_to_a_checkpoint_that_is_listed(finetuned, tmp_path):
    status, said, _ = finetuned("--steps", 1)
    assert status == 0
    assert "An iteration is" in said
    (info,) = list_checkpoints([tmp_path / "checkpoints"])
    assert f"The checkpoint is {info.folder}" in said
    assert (info.name, info.fps, info.face_style, info.window) == ("mine", Fraction(25), "mesh", 3)


def test_an_estimate_needs_no_data_and_begins_nothing(finetuned, tmp_path):
    status, said, _ = finetuned("--estimate-only", "--data", tmp_path / "nothing")
    assert (status, (tmp_path / "run").exists()) == (0, False)
    assert "GB of memory are needed" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frames", "9"], "clips are too short, such as clip"),
        (["--hw", "512", "512"], "would be enlarged"),
        (["--data", "nowhere"], "nowhere holds no shards"),
        (["--init", "nowhere"], "nowhere"),
        (["--learning-rate", "-1"], "learning_rate and clip_norm must be positive"),
        (["--optimiser", "adamw8bit"], "pip install bitsandbytes"),
        (["--frames", "1", "--precision", "bf16"], "use --frames 2 or --precision no"),
    ],
)
@pytest.mark.usefixtures("counted_before")
def test_bad_input_is_one_sentence_and_status_2(finetuned, arguments, message):
    status, _, said = finetuned(*arguments)
    assert status == finetune.FAILED
    (sentence,) = [line for line in said.splitlines() if line.startswith("Error: ")]
    assert message in sentence
    assert "Traceback" not in said


@pytest.mark.usefixtures("counted_before")
def test_a_stopped_run_says_so_with_its_own_status(finetuned, monkeypatch):
    from train.stopping import StopAsked

    enter = StopAsked.__enter__

    def asked(self):
        self.signal = signal.SIGTERM
        return enter(self)

    monkeypatch.setattr(StopAsked, "__enter__", asked)
    status, _, said = finetuned("--steps", 2)
    assert status == finetune.STOPPED
    assert "Stopped by SIGTERM after step 1, which is saved; the same command goes on." in said
