"""Numbers that may be left out. Not gradio's number field: that one shows nothing given as 0."""

from __future__ import annotations

from fractions import Fraction

import gradio as gr

from apvgen.errors import InputError


def field(label: str, otherwise: str, info: str | None = None, min_width: int = 90) -> gr.Textbox:
    """A field for a number. otherwise: what holds when it is empty, shown in grey."""
    return gr.Textbox(label=label, placeholder=otherwise, info=info, max_lines=1, min_width=min_width)


def number(text: str | None, label: str) -> Fraction | None:
    """The number in a field, exactly as written, or None where it is empty. Raises InputError."""
    if not (text or "").strip():
        return None
    try:
        return Fraction(text.strip().replace(",", "."))
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(f"“{text}” is no number; change “{label}” or empty it.") from error


def whole(text: str | None, label: str) -> int | None:
    """As `number`, of a count. Raises InputError."""
    value = number(text, label)
    if value is not None and value.denominator != 1:
        raise InputError(f"“{text}” is no whole number; change “{label}” or empty it.")
    return None if value is None else int(value)


def text(value: Fraction | int | None) -> str:
    """What a field shows for a number, or for None."""
    return "" if value is None else f"{float(value):g}"
