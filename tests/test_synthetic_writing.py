"""Shards of the synthetic world, its command line, and speech without a past."""

from fractions import Fraction

import numpy as np
import pytest
from click.testing import CliRunner

from apvgen.errors import InputError
from train.shards import open_shards
from train.synthetic.__main__ import main
from train.synthetic.speaker import say
from train.synthetic.writing import Order, missing, write
from train.voice_speech import Voice

BODIES = Order("body", 3, 0, (64, 48), 4, Fraction(25), "train")


def test_only_what_is_missing_is_drawn(tmp_path):
    assert missing(tmp_path, BODIES) == [0, 1, 2]
    assert sorted(write(tmp_path, [BODIES], 2, 1)) == [1, 2]
    shards = open_shards(tmp_path)
    assert sorted(entry.key for entry in shards) == [BODIES.key(k) for k in range(3)]
    assert missing(tmp_path, BODIES) == []
    stored = shards.read([entry.key for entry in shards].index(BODIES.key(1)))
    drawn = BODIES.draw(1)
    assert np.abs(stored.frames.astype(int) - drawn.frames).mean() < 3
    np.testing.assert_allclose(stored.motion.body.xy, drawn.motion.body.xy, equal_nan=True)
    longer = Order("body", 3, 0, (64, 48), 5, Fraction(25), "train")
    with pytest.raises(InputError, match="already holds body-train-0-00000"):
        missing(tmp_path, longer)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "either --out or --preview"),
        (["--out", "x", "--faces", "1", "--speaking", "1"], "a folder of its own"),
        (["--out", "x", "--hw", "3", "3"], "range"),
    ],
)
def test_wrong_commands_are_answered_in_a_sentence(arguments, said):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_errors_are_one_sentence(tmp_path):
    list(write(tmp_path, [Order("body", 1, 0, (64, 48), 4, Fraction(25), "train")], 1, 1))
    asked = ["--out", str(tmp_path), "--bodies", "1", "--hw", "64", "48", "--frames", "6", "--workers", "1"]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 1
    assert "Error: " in result.output
    assert "Traceback" not in result.output


def test_speech_does_not_depend_on_what_was_said_before():
    voice = Voice("en-us+klatt2", 160)
    first = say("the quick brown fox", voice)
    say("bonjour madame", Voice("fr+f2"))
    again = say("the quick brown fox", voice)
    assert first.phones == again.phones
    assert (first.samples == again.samples).all()


def test_an_unknown_voice_is_refused_and_the_next_is_heard():
    with pytest.raises(InputError, match="no voice named"):
        say("hello", Voice("nobody"))
    assert say("hello", Voice("en")).duration > 0.2
