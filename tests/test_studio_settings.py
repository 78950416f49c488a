"""The options on the page: defaults, both ways between controls and `Options`, and what is out of range."""

import gradio as gr
import pytest

from apvgen.config import Options
from apvgen.errors import InputError
from apvgen.studio import settings

DEFAULTS = settings.restored(Options())


def test_the_controls_start_at_the_products_defaults():
    with gr.Blocks():
        panel = settings.build()
    assert settings.chosen(*(control.value for control in panel.controls)) == Options()


def test_options_come_back_as_they_were_chosen():
    looks = ("1024 × 576 px, landscape", "30", "hold", 0.1, "", 1.0, "2.5", "paper", "voice", 0.0, False)
    values = (*looks, "mediapipe", "aniportrait", True, 1, 7)
    assert settings.restored(settings.chosen(*values)) == values


def test_the_closed_drawer_says_how_many_options_differ_from_the_defaults():
    with gr.Blocks():
        panel = settings.build()
    assert len(panel.controls) == len(DEFAULTS)
    assert settings.titled(*DEFAULTS).label == "Options"
    changed = (*DEFAULTS[:3], None, "4", *DEFAULTS[5:14], 1, None)
    assert settings.titled(*changed).label == "Options, 2 changed"


def test_an_impossible_option_is_one_sentence():
    with pytest.raises(InputError, match="person counts from 0"):
        settings.chosen(*DEFAULTS[:14], -1, 0)


def test_an_emptied_number_is_nought():
    assert settings.chosen(*DEFAULTS[:14], None, None) == Options()
