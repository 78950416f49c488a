"""What is said of time, memory, disk and weights, and the whole report of a project on disk."""

import json
import shutil
from dataclasses import replace

import pytest
from click.testing import CliRunner
from tiny_checkpoint import make_tiny_checkpoint

from apvgen import cli, pipeline, preflight, project
from apvgen.backbones.options import RenderOptions
from apvgen.config import Options
from apvgen.estimate import Estimate
from apvgen.preflight import machine

DRAFT, DIFFUSION = RenderOptions(), RenderOptions("diffusion")
EXPECTED = Estimate(60, measured=True, device="a test", bytes_needed=1e9, bytes_there=8e9)


@pytest.fixture(autouse=True)
def folders(monkeypatch, tmp_path):
    monkeypatch.setenv("APVGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("APVGEN_CHECKPOINTS", str(tmp_path / "checkpoints"))


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0.2, "green", "1 s"),
        (80, "green", "80 s"),
        (1000, "green", "17 min"),
        (3000, "amber", "50 min"),
        (20000, "amber", "5.6 h"),
        (50000, "red", "13.9 h"),
    ],
)
def test_time(seconds, level, words):
    finding = machine.check_time(replace(EXPECTED, seconds=seconds), DIFFUSION)
    assert (finding.level, finding.value) == (level, seconds)
    assert f"about {words} on a test (as renders on this machine went)" in finding.sentence
    assert ("fast preset" in finding.sentence) == (level != "green")
    assert "rough guess" in machine.check_time(replace(EXPECTED, measured=False), DRAFT).sentence


@pytest.mark.parametrize(("needed", "level"), [(1e9, "green"), (7e9, "amber"), (9e9, "red")])
def test_memory(needed, level):
    finding = machine.check_memory(replace(EXPECTED, bytes_needed=needed), DIFFUSION)
    assert (finding.level, finding.value) == (level, needed / 1e9)
    assert ("--offload" in finding.sentence) == (level != "green")


@pytest.mark.parametrize(("free", "level"), [(100e9, "green"), (2e9, "amber"), (1e6, "red")])
def test_disk(monkeypatch, tmp_path, free, level):
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: shutil._ntuple_diskusage(0, 0, free))
    assert machine.check_disk(tmp_path, Options(), 250, DIFFUSION).level == level


def test_a_diffusion_render_writes_more_than_a_draft(tmp_path):
    draft, diffusion = (machine.check_disk(tmp_path, Options(), 250, how).value for how in (DRAFT, DIFFUSION))
    assert diffusion > 2 * draft > 0


def test_an_absent_checkpoint_is_red_and_a_present_one_is_named(tmp_path):
    (absent,) = machine.check_machine(DIFFUSION, Options(hw=(128, 64)), 12)
    assert (absent.level, absent.topic) == ("red", "renderer")
    make_tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    ready, time, memory = machine.check_machine(DIFFUSION, Options(hw=(128, 64)), 12)
    assert ready.sentence == "The checkpoint tiny is here (licence: CC0-1.0)."
    assert (time.topic, memory.topic) == ("time", "memory")
    assert 0 < time.value < 600
    assert 0 < memory.value < 1


@pytest.mark.parametrize(("hw", "level"), [((128, 64), "green"), ((128, 128), "green"), ((256, 128), "amber")])
def test_a_size_far_from_the_checkpoints_own_is_amber(tmp_path, hw, level):
    make_tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    ready = machine.check_machine(DIFFUSION, Options(hw=hw), 12)[0]
    assert ready.level == level
    assert ("trained on 64 × 128 px, not 128 × 256" in ready.sentence) == (level == "amber")


def test_memory_grows_with_the_picture(tmp_path):
    make_tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    small, large = (machine.check_machine(DIFFUSION, Options(hw=hw), 12)[2].value for hw in ((128, 64), (256, 128)))
    assert 3 < large / small < 4.5


@pytest.fixture
def made(small_project):
    return small_project.with_settings(report={"motion_frames": 12}, made_with={"detector": "scripted 1"})


def test_everything_is_assessed(made):
    findings = preflight.assess(made, DRAFT)
    topics = [finding.topic for finding in findings]
    assert len(topics) == len(set(topics))
    assert {"face", "hands", "jitter", "proportions", "frame rate", "length", "voice", "time", "memory", "disk"} <= {
        *topics
    }
    assert "people" not in topics  # a motion file does not say
    for finding in findings:
        assert finding.sentence[0].isupper()
        assert finding.sentence.endswith(".")
        assert all(0 <= part.start < part.stop <= 12 for part in finding.frames)


def test_a_timed_draft_is_remembered(made, tmp_path, monkeypatch):
    monkeypatch.setattr("apvgen.estimate.pace.LEAST_SECONDS", 0)
    pipeline.render(made, tmp_path / "out.mp4")
    time = next(finding for finding in preflight.assess(made, DRAFT) if finding.topic == "time")
    assert "as renders on this machine went" in time.sentence


def run(made: project.Project, *more: str):
    return CliRunner().invoke(cli.cli, ["check", "--project", str(made.folder), *more])


def test_the_command_ends_with_1_where_something_is_red(made, monkeypatch):
    green = preflight.Finding("green", "body", "Fine.", (range(3),), 0.5)
    amber = replace(green, level="amber", sentence="Look.", frames=(range(3), range(5, 6)))
    monkeypatch.setattr(preflight, "assess", lambda _made, _how: (green, amber))
    told = run(made)
    assert told.exit_code == 0
    assert told.output == "ok   body: Fine.\nlook body: Look. (frames 0-2, 5)\n"
    red = replace(green, level="red", frames=tuple(range(10 * k, 10 * k + 2) for k in range(7)))
    monkeypatch.setattr(preflight, "assess", lambda _made, _how: (red,))
    told = run(made)
    assert told.exit_code == 1
    assert told.output == "STOP body: Fine. (frames 0-1, 10-11, 20-21, 30-31 and 3 more)\n"
    values = json.loads(run(made, "--json").output)["findings"]
    assert values[0] | {"frames": None} == {
        "level": "red",
        "topic": "body",
        "sentence": "Fine.",
        "frames": None,
        "value": 0.5,
    }
    assert values[0]["frames"][1] == [10, 11]


def test_the_command_plans_the_render_that_is_asked_for(made):
    told = run(made, "--renderer", "diffusion", "--json")
    assert told.exit_code == 1
    topics = {finding["topic"]: finding for finding in json.loads(told.output)["findings"]}
    assert topics["renderer"]["level"] == "red"
    assert "time" not in topics
    assert "time" in {f["topic"] for f in json.loads(run(made, "--renderer", "stick", "--json").output)["findings"]}
