"""Shards: what is written comes back, also piecewise and through WebDataset; damage is named."""

import io
import json
import pickle
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from training_clips import FPS, body_clip, face_clip, motion, pictures

from apvgen.errors import InputError, MediaError, OutputError
from train.examples import Clip
from train.shards import ShardWriter, open_shards, read_frames, read_motion


@pytest.fixture
def folder(tmp_path):
    with ShardWriter(tmp_path, "set") as writer:
        writer.write(face_clip())
        writer.write(body_clip())
    return tmp_path


def rewritten(path, change):
    """The shard with `change(name, data)` in place of each member's data; None leaves the member out."""
    with tarfile.open(path) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            changed = change(name, data)
            if changed is not None:
                member = tarfile.TarInfo(name)
                member.size = len(changed)
                tar.addfile(member, io.BytesIO(changed))


def test_a_clip_comes_back_as_it_was(folder):
    written, read = face_clip(), open_shards(folder).read(0)
    assert (read.key, read.kind, read.reference_frame) == ("talk", "face", 4)
    assert read.facts == {"surround": {"method": "classical", "margins": written.facts["surround"]["margins"]}}
    for part in ("body", "hands", "face"):
        np.testing.assert_array_equal(getattr(read.motion, part).xy, getattr(written.motion, part).xy)
    assert read.motion.fps == FPS
    np.testing.assert_array_equal(read.surround, written.surround)
    np.testing.assert_allclose(read.voice.samples, written.voice.samples, atol=2**-15)
    assert ((read.frames.astype(float) - written.frames) ** 2).mean() < 3  # 43 dB


@pytest.mark.parametrize("wanted", [range(30), range(7, 19), range(11, 30, 3), range(29, 30), range(10, 11)])
def test_any_range_is_decoded_by_itself(folder, wanted):
    frames = read_frames(open_shards(folder)[1], wanted)
    np.testing.assert_allclose(frames.mean((1, 2, 3)), [40 + 3 * t for t in wanted], atol=1)


def test_part_of_a_clip_has_the_keypoints_of_its_frames(folder):
    shards = open_shards(folder)
    part = shards.read(1, slice(5, 9))
    np.testing.assert_array_equal(part.motion.body.xy, body_clip().motion.body.xy[5:9])
    assert shards.read(0, slice(2, 9)).reference_frame == 2
    with pytest.raises(ValueError, match="4 is not in range"):
        shards.read(0, slice(5, 9))


def test_odd_sizes_are_kept(tmp_path):
    odd = Clip("odd", "body", pictures(3, (33, 21)), motion(3, (33, 21)))
    with ShardWriter(tmp_path, "set") as writer:
        writer.write(odd)
    read = open_shards(tmp_path).read(0)
    assert read.frames.shape == odd.frames.shape
    assert np.abs(read.frames.astype(int) - odd.frames).mean() < 2


def test_the_index_tells_what_was_seen(folder):
    face, body = open_shards(folder)
    assert (face.kind, face.frames, face.hw, face.faces, face.reference_face) == ("face", 30, (64, 64), 30, True)
    assert (body.bodies, body.fps) == (30, FPS)
    assert face.digest != body.digest
    assert pickle.loads(pickle.dumps(open_shards(folder)))[1] == body  # worker processes get it so


def test_webdataset_reads_the_shards(folder):
    webdataset = pytest.importorskip("webdataset")
    samples = list(webdataset.WebDataset(str(next(folder.glob("*.tar"))), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == ["talk", "dance"]
    assert {"json", "mp4", "tracks.npz", "voice.flac", "surround.png"} <= samples[0].keys()
    assert json.loads(samples[1]["json"])["frames"] == 30
    tracks = np.load(io.BytesIO(samples[1]["tracks.npz"]))
    np.testing.assert_array_equal(tracks["driving_hands"], body_clip().motion.hands.xy)


def test_shards_end_before_they_grow_too_large_and_numbers_go_on(tmp_path):
    for first in (0, 3):
        with ShardWriter(tmp_path, "set", max_bytes=1) as writer:
            for k in range(first, first + 3):
                writer.write(body_clip(f"clip-{k}"))
        assert writer.shards == 3
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"set-{k:06d}.tar" for k in range(6)]
    assert [entry.key for entry in open_shards(tmp_path)] == [f"clip-{k}" for k in range(6)]


def write_then_fail(folder):
    with ShardWriter(folder, "set") as writer:
        writer.write(body_clip())
        assert not list(folder.glob("[!.]*"))
        raise KeyboardInterrupt


def test_an_unfinished_shard_has_no_name_and_an_error_keeps_whole_clips(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_then_fail(tmp_path)
    assert [entry.key for entry in open_shards(tmp_path)] == ["dance"]


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with (
        pytest.raises(OutputError, match=r"set-000000.tar: No space left on device; free some"),
        ShardWriter(tmp_path, "set") as writer,
    ):
        writer.write(body_clip())
    assert not list(tmp_path.iterdir())


def test_a_key_with_a_dot_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unlike 'a\.b'"), ShardWriter(tmp_path, "set") as writer:
        writer.write(replace(body_clip(), key="a.b"))


def test_no_shards_and_empty_shards_are_told(tmp_path):
    with pytest.raises(InputError, match=r"holds no shards .* train\.prepare"):
        open_shards(tmp_path)
    (tmp_path / "a.tar").touch()
    with pytest.raises(MediaError, match=r"a\.tar is damaged after its beginning \(empty file\)"):
        open_shards(tmp_path)
    tarfile.open(tmp_path / "a.tar", "w").close()
    with pytest.raises(MediaError, match=r"a\.tar holds no clips"):
        open_shards(tmp_path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_shard_names_the_last_whole_member(folder, share):
    path = next(folder.glob("*.tar"))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(MediaError, match=r"set-000000\.tar is damaged after (talk|dance)\.[a-z.0-9]+ "):
        open_shards(folder)


def test_other_files_in_a_shard_are_told(tmp_path):
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("holiday.jpg"))
    with pytest.raises(MediaError, match=r"Clip holiday of shard .*photos\.tar has no json"):
        open_shards(tmp_path)


@pytest.mark.parametrize(
    ("ending", "data", "sentence"),
    [
        ("talk.json", b"{}", r"Clip talk of shard .* has a damaged description"),
        ("talk.json", b"\xff", r"Clip talk of shard .* has a damaged description"),
        ("talk.surround.png", None, r"Clip talk of shard .* lacks surround\.png"),
        ("dance.mp4", None, r"Clip dance of shard .* lacks mp4"),
    ],
)
def test_damaged_descriptions_are_told_when_opened(folder, ending, data, sentence):
    rewritten(next(folder.glob("*.tar")), lambda name, old: data if name == ending else old)
    with pytest.raises(MediaError, match=sentence):
        open_shards(folder)


@pytest.mark.parametrize(
    ("ending", "sentence"),
    [
        ("mp4", "The video of clip talk of .* cannot be decoded"),
        ("tracks.npz", "The keypoints of clip talk of .* cannot be read"),
        ("surround.png", "The surround of clip talk of .* cannot be read"),
        ("voice.flac", "The voice of clip talk of .* cannot be read"),
    ],
)
def test_damaged_data_is_told_when_read(folder, ending, sentence):
    rewritten(next(folder.glob("*.tar")), lambda name, old: b"noise" * 99 if name == f"talk.{ending}" else old)
    with pytest.raises(MediaError, match=sentence):
        open_shards(folder).read(0)


def test_mismatched_sizes_and_lengths_are_told(folder):
    def swapped(name, old):
        about = json.loads(old) if name == "dance.json" else None
        return json.dumps(about | {"frames": 31}).encode() if about else old

    entry = open_shards(folder)[1]
    rewritten(entry.shard, swapped)
    longer = open_shards(folder)[1]
    with pytest.raises(MediaError, match=r"30 frames of .* its video of 31 of"):
        read_motion(longer)
    with pytest.raises(MediaError, match=r"does not match its description: 30 frames .* in place of 31"):
        read_frames(longer, range(31))
    with pytest.raises(MediaError, match=r"in place of 1 of \(96, 63\)"):
        read_frames(replace(longer, hw=(96, 63)), range(1))


def test_a_key_in_two_shards_is_told(folder):
    with ShardWriter(folder, "again") as writer:
        writer.write(body_clip())
    with pytest.raises(MediaError, match=r"key of clip dance of .*set-000000\.tar occurs in .*again-000000\.tar too"):
        open_shards(folder)
