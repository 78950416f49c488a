"""The FDA lab: its curves, its charts, and what its handlers return."""

import json
import re
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
from scripted_studio import LOOK

from apvgen import project
from apvgen.align import align
from apvgen.errors import InputError, ProjectError
from apvgen.studio import charts, curves, lab, scrub
from apvgen.types import Audio


@pytest.fixture
def folder(studio, opened):
    return studio.store.folder(opened)


def test_curves_are_those_that_align_would_draw(folder):
    made = project.load(folder)
    analysis, _ = project.load_tracks(made)
    options = replace(made.settings.options.align, mode="paper", smoothing=2.0)
    expected = align(analysis, options, made.settings.edits, made.settings.options.hw)
    found = curves.fda_curves(folder, "paper", 2.0)
    np.testing.assert_array_equal(found.values, np.concatenate([expected.fda.a, expected.fda.b], -1))
    assert found.kept == expected.lip_gap_kept


def test_smoothing_takes_the_trembling_out_of_the_size(folder):
    trembles = [curves.fda_curves(folder, "paper", sigma).tremble for sigma in (0.0, 1.0, 4.0)]
    assert trembles == sorted(trembles, reverse=True)
    assert trembles[-1] < trembles[0] / 2


def test_smoothing_makes_no_frame_stand_out(folder):
    counts = [curves.fda_curves(folder, "paper", sigma).jumps.sum() for sigma in (0.0, 1.0, 4.0)]
    assert counts == sorted(counts, reverse=True)


def test_an_edit_changes_the_curves(folder):
    made = project.load(folder)
    before = curves.fda_curves(folder, "stable", 0.0)
    lab.pipeline.realign(made, made.settings.options.align, scaled_at_the_end(made))
    after = curves.fda_curves(folder, "stable", 0.0)
    assert after.values[-1, 0] == pytest.approx(2 * before.values[-1, 0])


def scaled_at_the_end(made):
    from apvgen.fda import Override

    return replace(made.settings.edits, face=(Override(0), Override(11, scale=(2.0, 1.0))))


def test_opening_does_not_change_with_size_or_a_nod():
    face = np.random.default_rng(0).normal(0, 40, (3, 468, 2))
    face[:, [168, 2, 13, 14], 0] = 0
    nodding = face * [1.0, 0.8]
    np.testing.assert_allclose(curves.opening(3 * face), curves.opening(face))
    np.testing.assert_allclose(curves.opening(nodding), curves.opening(face))


def test_the_envelope_follows_loudness_over_the_whole_clip():
    rate = 16_000
    loudness = np.repeat([0.1, 0.8, 0.0, 0.4], rate // 4)
    sound = Audio((loudness * np.sin(np.arange(rate) / 3))[None].astype(np.float32), rate)
    found = curves.envelope(sound, 1.0)
    quarters = found[: len(found) // 4 * 4].reshape(4, -1)[:, 1:-1].mean(1)
    np.testing.assert_allclose(quarters, [0.125, 1.0, 0.0, 0.5], atol=0.02)
    assert len(curves.envelope(sound, 2.0)) == 50
    assert curves.envelope(sound, 2.0)[30:].max() == 0


def points_of(path):
    return [(kind, float(x), float(y)) for kind, x, y in re.findall(r"([ML])([\d.-]+) ([\d.-]+)", path)]


def test_a_line_runs_over_the_whole_width_and_breaks_where_there_is_no_face():
    drawn = points_of(charts.line(np.array([0.0, 1.0, np.nan, 2.0, 1.0]), charts.Scale(0, 2), "placed"))
    assert drawn == [("M", 0, 100), ("L", 250, 50), ("M", 750, 0), ("L", 1000, 50)]
    assert points_of(charts.line(np.full(4, np.nan), charts.Scale(0, 1), "placed")) == []


def test_a_long_curve_is_thinned_but_keeps_its_spikes():
    values = np.zeros(50_000)
    values[31_234] = 1.0
    drawn = points_of(charts.line(values, charts.Scale(0, 1), "placed"))
    assert len(drawn) <= charts.MOST_POINTS
    spike = min(drawn, key=lambda point: point[2])
    assert spike[1] == pytest.approx(1000 * 31_234 / 49_999, abs=0.1)
    assert spike[2] == 0


def test_every_curve_fits_its_scale():
    scale = charts.scale_of([np.array([1.0, np.nan, 5.0]), np.array([-2.0, 0.0])])
    assert scale.low < -2
    assert scale.high > 5
    flat = charts.scale_of([np.full(3, 0.7)])
    assert flat.y(np.array([0.7]))[0] == pytest.approx(50)
    assert charts.scale_of([np.full(3, np.nan)]).high > 0


def test_marks_say_where_they_are():
    drawn = charts.marks({2: "frame 2 <b>"}, np.array([0.0, 1.0, 2.0]), charts.Scale(0, 2))
    assert 'd="M1000.0 0.0h0"' in drawn
    assert "frame 2 &lt;b&gt;" in drawn


@pytest.mark.parametrize("seconds", [0.5, 4.2, 61, 1800])
def test_seconds_below_a_chart_are_few_and_round(seconds):
    labels = [float(label) for label in re.findall(r">([\d.]+) s<", charts.seconds_axis(seconds))]
    assert labels[0] == 0
    assert 1 <= len(labels) <= charts.TICKS + 1
    assert all(label < seconds for label in labels)


def test_the_lab_shows_three_ways_with_four_curves_each_and_the_lips(studio, opened):
    page = lab.shown(studio, opened, 3, 1.0)
    assert page.count("<section>") == 3
    assert page.count('class="axis"') == 3 * 4 + 1
    assert page.count("<img") == 3
    assert page.count("in use") == 1
    assert "Lip opening kept" in page


def test_each_way_is_drawn_in_the_open_frame(studio, opened):
    spec = json.dumps({"project": opened, "written": 0, "smoothing": 0.0})
    first, second = (lab.mode_pictures(studio, spec, t)["pictures"] for t in (2, 10))
    assert first != second
    assert second[0] != second[1]  # the jaw is down, which the paper's way undoes
    assert lab.mode_pictures(studio, spec, 99)["pictures"] == lab.mode_pictures(studio, spec, 11)["pictures"]


def test_nothing_is_computed_while_the_lab_is_folded(studio, opened, monkeypatch):
    monkeypatch.setattr(lab, "fda_curves", None)
    smoothing, mode, apply, drawn = lab.adopted(studio, opened, 0, False)
    assert (smoothing, mode, apply.interactive) == (1.0, "stable", True)
    assert drawn == gr.skip()
    assert lab.redrawn(studio, opened, 0, 1.0, False) == gr.skip()


def test_without_a_project_the_lab_says_what_will_be_there(studio):
    assert lab.EMPTY in lab.shown(studio, "", 0, 1.0)
    assert not lab.adopted(studio, "", 0, True)[2].interactive


def test_applying_a_way_realigns_the_project_and_keeps_its_edits(studio, opened, folder):
    made = project.load(folder)
    lab.pipeline.realign(made, made.settings.options.align, scaled_at_the_end(made))
    before = scrub.redrawn(studio, opened, 11, *LOOK)
    assert lab.APPLIED in lab.use(studio, opened, "paper", 3.0)
    made = project.load(folder)
    assert (made.settings.options.align.mode, made.settings.options.align.smoothing) == ("paper", 3.0)
    assert len(made.settings.edits.face) == 2
    assert scrub.redrawn(studio, opened, 11, *LOOK) != before


def test_what_the_lab_does_not_offer_is_refused(studio, opened):
    with pytest.raises(InputError, match="FDA mode must be one of"):
        lab.use(studio, opened, "sideways", 1.0)
    with pytest.raises(ProjectError, match="gone"):
        lab.use(studio, studio.store.new_name(), "paper", 1.0)
