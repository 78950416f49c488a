import os

import numpy as np
import pytest

from apvgen.keypoints import Detection, cache


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("APVGEN_CACHE", str(tmp_path))
    return tmp_path


class Counting:
    def __init__(self, motion) -> None:
        self.found, self.calls = Detection(motion, np.arange(8, dtype=np.float32).reshape(1, 2, 4)), 0

    def __call__(self):
        self.calls += 1
        return self.found


def test_the_second_look_computes_nothing_and_is_equal(folder, analysis):
    compute = Counting(analysis.driving)
    first, second = cache.cached_detection("a", compute), cache.cached_detection("a", compute)
    assert compute.calls == 1
    np.testing.assert_array_equal(first.motion.face.depth, second.motion.face.depth)
    np.testing.assert_array_equal(first.motion.body.xy, second.motion.body.xy)
    np.testing.assert_array_equal(first.people, second.people)
    cache.cached_detection("b", compute)
    assert compute.calls == 2


def test_a_damaged_entry_is_computed_again(folder, analysis):
    compute = Counting(analysis.driving)
    cache.cached_detection("a", compute)
    (entry,) = folder.iterdir()
    entry.write_bytes(entry.read_bytes()[:100])
    np.testing.assert_array_equal(cache.cached_detection("a", compute).motion.body.xy, analysis.driving.body.xy)
    assert compute.calls == 2


def test_the_oldest_entries_make_room(folder, analysis, monkeypatch):
    compute = Counting(analysis.driving)
    for key in "abc":
        cache.cached_detection(key, compute)
        for entry in folder.iterdir():
            os.utime(entry, (entry.stat().st_atime - 100, entry.stat().st_mtime - 100))
    size = next(folder.iterdir()).stat().st_size
    monkeypatch.setattr(cache, "_MOST_BYTES", 2 * size)
    cache.cached_detection("d", compute)
    assert len(list(folder.iterdir())) == 2
    cache.cached_detection("c", compute)
    assert compute.calls == 4, "the newer of the old entries should have been kept"


def test_a_cache_that_cannot_be_written_does_not_stop_the_work(monkeypatch, tmp_path, analysis):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("APVGEN_CACHE", str(tmp_path / "file"))
    compute = Counting(analysis.driving)
    assert cache.cached_detection("a", compute) is compute.found
