"""The measured FDA maps: faces of face clips land where those of body clips are."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from train_toys import toy_config
from training_clips import FPS, motion, pictures, track

from apvgen.errors import InputError, NoPersonError
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.types import Motion, Track
from train.config import MethodSettings
from train.data import open_examples
from train.examples import Clip
from train.fda_statistics import FILE, PAPER, FdaDistribution, face_places, main, measure, read_maps, write_maps
from train.outpaint import Classical, paint
from train.shards import ShardWriter, open_shards


def with_face(hw, box, frames=4):
    """A motion whose face fills a box (left, top, right, bottom), in shares of the picture; no body is known."""
    low, high = np.array(box[:2]) * hw[::-1], np.array(box[2:]) * hw[::-1]
    places = np.random.default_rng(0).uniform(low, high, (frames, 478, 2))
    places[:, 0], places[:, 1] = low, high
    empty = [Track.empty(layout, frames, hw, FPS) for layout in (BODY18, HANDS)]
    return Motion(*empty, track(FACE478, places, hw))


def clip(key, kind, hw, box):
    frames = pictures(4, hw)
    surround = paint(frames[0], Classical()) if kind == "face" else None
    image, facts = (surround.image, surround.facts) if surround else (None, {})
    return Clip(key, kind, frames, with_face(hw, box), None, image, 0, facts)


@pytest.fixture
def folder(tmp_path):
    """Bodies of 96 x 64 px with faces a fifth as wide and high as the frame, close-ups half filled by theirs."""
    with ShardWriter(tmp_path, "set") as writer:
        for k, left in enumerate((0.2, 0.3, 0.5)):
            writer.write(clip(f"body-{k}", "body", (96, 64), (left, 0.15, left + 0.2, 0.35)))
        writer.write(clip("face", "face", (64, 64), (0.25, 0.2, 0.75, 0.7)))
    return tmp_path


def test_places_are_shares_of_the_picture(folder):
    shards = open_shards(folder)
    np.testing.assert_allclose(face_places(shards.of_kind("face"), None), [[0.5, 0.5, 0.2]], atol=1e-5)
    np.testing.assert_allclose(face_places(shards.of_kind("body"), (96, 64)), [[0.2, 0.2, 0.15]] * 3, atol=1e-5)


def test_bodies_are_measured_in_the_window_that_is_trained(folder):
    """Of 96 x 64 px a square takes 64 x 64: the face's share of the height is half as much again."""
    places = face_places(open_shards(folder).of_kind("body"), (64, 64))
    np.testing.assert_allclose(places[:, :2], [[0.2, 0.3]] * 3, atol=1e-5)


def test_the_map_puts_close_up_faces_on_body_faces():
    bodies, faces = np.array([[0.2, 0.2, 0.15], [0.22, 0.24, 0.19]]), np.array([[0.5, 0.5, 0.2], [0.4, 0.6, 0.1]])
    maps = measure(bodies, faces)
    width, height, top = faces.mean(0)
    assert maps.a_x * width == pytest.approx(0.21, abs=1e-5)
    assert maps.a_y * height == pytest.approx(0.22, abs=1e-5)
    assert maps.a_y * top + maps.b_y == pytest.approx(0.17, abs=1e-5)
    assert maps.delta_x == pytest.approx(np.sqrt(3) * 0.01 / width, abs=1e-5)


def test_a_uniform_population_is_measured_as_such():
    rng = np.random.default_rng(1)
    true = FdaDistribution(0.4, 0.3, 0.12, 0.06, 0.04, 0.05)
    drawn = [true.sample(rng) for _ in range(4000)]
    face = np.array([[0.5, 0.45, 0.2]])
    bodies = np.array([[m.a[0] * 0.5, m.a[1] * 0.45, m.a[1] * 0.2 + m.b[1]] for m in drawn])
    found = measure(bodies, face)
    np.testing.assert_allclose([*asdict(found).values()], [*asdict(true).values()], atol=0.003)


def test_measured_maps_never_leave_the_frame():
    """Heads that touch the frame's upper edge, or fill it, still give a distribution that is one."""
    for bodies in ([[0.3, 0.3, 0.0], [0.9, 0.5, 0.0]], [[0.5, 0.9, 0.0], [0.5, 0.1, 0.9]], [[0.1, 0.4, 0.6]] * 2):
        maps = measure(np.array(bodies), np.array([[0.5, 0.45, 0.2]]))
        drawn = [maps.sample(np.random.default_rng(k)) for k in range(200)]
        assert all((m.b >= -1e-9).all() and (m.a + m.b <= 1 + 1e-9).all() and (m.a > 0).all() for m in drawn)


def test_the_papers_numbers_are_the_default():
    assert asdict(PAPER) == {"a_x": 0.5, "a_y": 0.35, "b_y": 0.1, "delta_x": 0.05, "delta_y": 0.05, "delta_b": 0.05}


def test_the_command_writes_what_the_data_set_reads(folder):
    result = CliRunner().invoke(main, [str(folder), "--hw", "96", "64"])
    assert result.exit_code == 0, result.output
    maps = read_maps(folder)
    assert (maps.a_x, maps.a_y, maps.b_y) == pytest.approx((0.4, 0.4, 0.07), abs=1e-4)
    written = json.loads((folder / FILE).read_text())
    assert written["measured"] == {"hw": [96, 64], "body_clips": 3, "face_clips": 1}


def test_training_draws_from_the_maps_it_is_told(folder):
    config = toy_config(Path("unused"), folder)
    paper = replace(config, data=replace(config.data, folder=folder))
    measured = replace(
        paper, data=replace(paper.data, maps="measured"), method=MethodSettings(reference_training=False)
    )
    write_maps(folder, (64, 64))
    assert open_examples(paper)["face"].options.maps == PAPER
    assert open_examples(measured)["face"].options.maps == read_maps(folder) != PAPER


def test_what_cannot_be_measured_is_told(folder, tmp_path):
    some = np.array([[0.2, 0.2, 0.1]])
    with pytest.raises(NoPersonError, match="No face is known in any body clip"):
        measure(np.zeros((0, 3)), some)
    with pytest.raises(NoPersonError, match="No face is known in any face clip"):
        measure(some, np.zeros((0, 3)))
    with pytest.raises(InputError, match=r"make face clips 0\.8% x 0\.8% of the frame"):
        measure(some / 50, np.array([[0.5, 0.5, 0.2]]))
    with pytest.raises(InputError, match=r"fda\.json does not exist; `python -m train\.fda_statistics"):
        read_maps(tmp_path / "nowhere")
    (folder / FILE).write_text("{}")
    with pytest.raises(InputError, match=r"fda\.json cannot be read .*measure it again"):
        read_maps(folder)
    with pytest.raises(InputError, match="could lie outside the frame"):
        FdaDistribution(a_x=0.99)


def test_the_command_ends_with_a_sentence(tmp_path):
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {tmp_path} holds no shards")


def test_clips_without_a_face_do_not_count(tmp_path):
    hidden = Clip("back", "body", pictures(4, (96, 64)), motion(4, (96, 64), face=False))
    with ShardWriter(tmp_path, "set") as writer:
        writer.write(hidden)
    assert face_places(open_shards(tmp_path), (96, 64)).shape == (0, 3)
