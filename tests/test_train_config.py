from pathlib import Path

import pytest

from apvgen.errors import InputError
from train.config import DataSettings, DropoutSettings, MethodSettings, OptimiserSettings
from train.presets import PRESETS, parse

NEEDED = ["--init", "a", "--data", "b", "--out", "c"]


def test_a_preset_fills_in_what_is_not_said():
    config = parse([*NEEDED, "--preset", "demo", "--hw", "256", "192", "--learning-rate", "3e-4"])
    assert (config.init, config.data.folder, config.output.folder) == (Path("a"), Path("b"), Path("c"))
    assert (config.data.hw, config.optimiser.learning_rate) == ((256, 192), 3e-4)
    assert config.optimiser.batch == PRESETS["demo"].optimiser.batch
    assert parse(NEEDED).data.hw == (768, 512)


def test_switches_name_the_kinds_of_an_iteration():
    assert parse(NEEDED).method.kinds == ("face", "body")
    assert parse([*NEEDED, "--no-mixed-data"]).method.kinds == ("face", "face")
    assert parse([*NEEDED, "--body-only"]).method.kinds == ("body", "body")
    method = parse([*NEEDED, "--no-fda", "--no-reference-training"]).method
    assert (method.fda, method.reference_training) == (False, False)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(["--lerning-rate", "1"], "--learning-rate"), (["--gradient-checkpoint"], "--gradient-checkpointing")],
)
def test_a_typo_ends_with_status_2_and_what_may_have_been_meant(typed, meant, capsys):
    with pytest.raises(SystemExit) as stop:
        parse([*NEEDED, *typed])
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert "meant" in said.out + said.err
    assert meant in said.out + said.err


def test_values_out_of_range_are_one_sentence():
    with pytest.raises(InputError, match=r"out of range: hw must be multiples of 64 px, not 30 x 20\.$"):
        parse([*NEEDED, "--hw", "30", "20"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (lambda: DataSettings(Path("d"), kept=Path("l")), "--draws 4"),
        (lambda: DataSettings(Path("d"), face_window=(96, 100)), "face_window must be multiples of 32 px .* 96 x 100"),
        (lambda: DataSettings(Path("d"), hw=(64, 64), face_window=(96, 64)), "no larger than hw, not 96 x 64"),
        (lambda: MethodSettings(mixed_data=False, body_only=True), "exclude each other"),
        (lambda: MethodSettings(reference_apart=1.5), "reference_apart must be 0 to 1, not 1.5"),
        (lambda: MethodSettings(mouth_weight=0), "mouth_weight must be positive"),
        (lambda: DropoutSettings(0.5, 0.5, 0.5), "exceed 1"),
        (lambda: OptimiserSettings(train="some"), "train must be one of"),
        (lambda: OptimiserSettings(ema_decay=1), "ema_decay"),
        (lambda: OptimiserSettings(learning_rate=0), "positive"),
    ],
)
def test_settings_check_themselves(settings, message):
    with pytest.raises(ValueError, match=message):
        settings()
