"""Examples kept in a folder: the same as made ones, others for other options, damage named."""

from dataclasses import replace

import numpy as np
import pytest
from training_clips import body_clip, face_clip

from apvgen.errors import InputError
from train.dataset import BodyExamples, ExampleOptions, FaceExamples
from train.kept_examples import KeptExamples
from train.shards import ShardWriter, open_shards

OPTIONS = ExampleOptions(hw=(192, 128), frames=4, stride=2)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    with ShardWriter(folder, "set") as writer:
        for number in range(5):
            for make in (face_clip, body_clip):
                writer.write(make(f"{make.__name__}-{number}", 12, (96, 96), number))
    return open_shards(folder)


def test_kept_examples_are_made_once_and_come_back_whole(shards, tmp_path, monkeypatch):
    options = replace(OPTIONS, draws=2)
    for kind in (FaceExamples, BodyExamples):
        plain = kind(shards.of_kind(kind.kind), options)
        kept = kind(shards.of_kind(kind.kind), options, KeptExamples(tmp_path))
        positions = range(3 * len(plain))
        made = [kept[position] for position in positions]
        monkeypatch.setattr(kind, "example", lambda *_: pytest.fail("made again"))
        for position, first in zip(positions, made, strict=True):
            again = kept[position]
            assert (again.key, again.kind, again.identity) == (first.key, first.kind, first.identity)
            for name in ("frames", "poses", "mask"):
                np.testing.assert_array_equal(getattr(again, name), getattr(first, name), strict=True)
        monkeypatch.undo()
        for position, first in zip(positions, made, strict=True):
            np.testing.assert_array_equal(plain[position].frames, first.frames)
            np.testing.assert_array_equal(plain[position].poses, first.poses)


def test_kept_examples_of_other_options_are_others(shards, tmp_path):
    bodies, kept = shards.of_kind("body"), KeptExamples(tmp_path)
    mesh, dots = (BodyExamples(bodies, replace(OPTIONS, draws=1, style=style), kept)[0] for style in ("mesh", "dots68"))
    assert mesh.identity == dots.identity
    assert (mesh.poses != dots.poses).any()


def test_a_damaged_kept_example_is_named(shards, tmp_path):
    examples = BodyExamples(shards.of_kind("body"), replace(OPTIONS, draws=1), KeptExamples(tmp_path))
    examples[0]
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match=f"{file.name} is damaged.*delete it"):
        examples[0]
