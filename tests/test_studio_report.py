"""The list before a render: the worst first, and buttons that jump to the frames concerned."""

import pytest

from apvgen.preflight import Finding
from apvgen.studio import rendering, report

CONTROLS = (rendering.DRAFT, "balanced", "", 3.0, 1.0, "", "", "", True, False)


def test_without_a_project_it_says_what_will_be_there(studio):
    assert report.shown(studio, "", *CONTROLS) == report.EMPTY


def test_a_real_project_is_assessed_with_the_renderer_that_is_chosen(studio, opened):
    said = report.shown(studio, opened, *CONTROLS)
    assert said.count("<li>") >= 10
    assert "Hands" in said
    assert "The draft needs no weights" in said


@pytest.fixture
def planted(monkeypatch):
    findings = (
        Finding("green", "body", "A body is found in every frame.", (range(3),)),
        Finding("red", "face", "No face <here>.", tuple(range(10 * k, 10 * k + 2) for k in range(8))),
        Finding("amber", "jitter", "The left wrist jumps.", (range(7, 8),)),
    )
    monkeypatch.setattr(report, "assess", lambda _made, _how: findings)


def test_the_worst_comes_first_with_jumps_and_text_is_escaped(studio, opened, planted):
    said = report.shown(studio, opened, *CONTROLS)
    assert said.index("No face") < said.index("wrist jumps") < said.index("A body")
    assert "&lt;here&gt;" in said
    assert said.count("data-frame") == 6 + 1
    assert "and 2 more" in said
    assert '<button data-frame="7" title="Go to frame 7">7</button>' in said
    assert ">10–11<" in said
