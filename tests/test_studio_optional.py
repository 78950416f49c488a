"""Fields that may be empty."""

from fractions import Fraction

import pytest

from apvgen.errors import InputError
from apvgen.studio.optional import number, text, whole


@pytest.mark.parametrize(
    ("written", "meant"),
    [("", None), (None, None), ("  ", None), ("0", 0), (" 2,5 ", Fraction(5, 2)), ("0.1", Fraction(1, 10))],
)
def test_a_number_is_what_was_written_and_nothing_is_none(written, meant):
    assert number(written, "to, s") == meant


def test_a_count_is_whole():
    assert whole("12", "Steps") == 12
    with pytest.raises(InputError, match=r"“1\.5” is no whole number; change “Steps”"):
        whole("1.5", "Steps")


@pytest.mark.parametrize("written", ["ten", "1/0", "--"])
def test_what_is_no_number_is_said_with_its_field(written):
    with pytest.raises(InputError, match="is no number; change “to, s” or empty it"):
        number(written, "to, s")


@pytest.mark.parametrize("value", [None, Fraction(0), Fraction(5, 2), 7])
def test_a_field_shows_what_it_reads(value):
    assert number(text(value), "x") == value
