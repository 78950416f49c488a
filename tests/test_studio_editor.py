"""What the editor's script is answered when it asks for a frame."""

import json
import logging

import pytest

from apvgen.studio.context import answering
from apvgen.studio.editor import editor_frame

SPEC = {"project": "", "parts": ["body"], "close": "all"}


@pytest.mark.parametrize(
    "request_",
    [{}, {"t": 3}, {"spec": None}, {"spec": ""}, {"spec": "{"}, {"spec": "[]"}, {"spec": '{"project": "x"}'}],
)
def test_without_a_project_the_editor_is_answered_nothing_and_the_log_stays_quiet(studio, caplog, request_):
    with caplog.at_level(logging.DEBUG):
        assert answering(studio, editor_frame)(request_) == {}
    assert not caplog.records


@pytest.mark.parametrize("wrong", [{"project": "../x"}, {"parts": ["tail"]}])
def test_what_the_editor_did_not_offer_is_refused_in_one_sentence(studio, opened, caplog, wrong):
    spec = json.dumps({**SPEC, "project": opened, **wrong})
    (sentence,) = answering(studio, editor_frame)({"spec": spec, "t": 0}).values()
    assert sentence.endswith(".")
    assert "went wrong" not in sentence
    assert not caplog.records


def test_a_frame_beyond_the_end_is_the_last_one(studio, opened):
    spec = json.dumps({**SPEC, "project": opened})
    assert editor_frame(studio, spec, 99) == editor_frame(studio, spec, 11) != editor_frame(studio, spec, 10)
