import numpy as np
import pytest

from apvgen import tracks
from apvgen.errors import LimitError, MediaError


def test_a_motion_file_gives_the_same_motion_back(tmp_path, analysis):
    path = tmp_path / "motion.npz"
    tracks.save_motion(path, analysis.driving)
    loaded = tracks.load_motion(path)
    for part in ("body", "hands", "face"):
        before, after = getattr(analysis.driving, part), getattr(loaded, part)
        np.testing.assert_array_equal(before.xy, after.xy)
        np.testing.assert_array_equal(before.score, after.score)
    np.testing.assert_array_equal(analysis.driving.face.depth, loaded.face.depth)
    assert (loaded.hw, loaded.fps) == (analysis.driving.hw, analysis.driving.fps)


def test_equal_motion_gives_equal_bytes(tmp_path, analysis):
    tracks.save_motion(tmp_path / "a.npz", analysis.driving)
    tracks.save_motion(tmp_path / "b.npz", analysis.driving)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_damaged_motion_files_are_named(tmp_path, analysis):
    path = tmp_path / "motion.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(MediaError, match=r"motion\.npz cannot be read"):
        tracks.load_motion(path)
    tracks.save_arrays(path, {"hw": np.array([4, 4]), "fps": np.array([25, 1])})
    with pytest.raises(MediaError, match="driving_body' is missing"):
        tracks.load_motion(path)
    clock = {"hw": np.array([4, 4]), "fps": np.array([25, 1])}
    bent = {
        **tracks.motion_arrays("driving", analysis.driving),
        **clock,
        "driving_body": np.zeros((3, 9, 2), np.float32),
    }
    tracks.save_arrays(path, bent)
    with pytest.raises(MediaError, match=r"body18 xy must have shape \[any, 18, 2\], not \[3, 9, 2\]"):
        tracks.load_motion(path)


def test_pickles_are_refused(tmp_path):
    path = tmp_path / "motion.npz"
    np.savez(path, hw=np.array([{"a": 1}], dtype=object))
    with pytest.raises(MediaError, match="cannot be read"):
        tracks.load_motion(path)


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, hw=np.zeros(4_000_000))
    with pytest.raises(LimitError, match="at most 1 MiB"):
        tracks.load_motion(path, limit_bytes=1 << 20)
