import errno
import stat

import pytest

from apvgen.errors import OutputError
from apvgen.files import complete_or_absent


def test_a_finished_file_appears_with_ordinary_permissions(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with complete_or_absent(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert stat.S_IMODE(target.stat().st_mode) & 0o400
    assert list(target.parent.iterdir()) == [target]


def _write_half_and_fail(path, failure):
    path.write_text("half")
    raise failure


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(failure), complete_or_absent(target) as temporary:
        _write_half_and_fail(temporary, failure)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_clear_sentence(tmp_path):
    with (
        pytest.raises(OutputError, match=r"a\.txt: No space left on device; free some space"),
        complete_or_absent(tmp_path / "a.txt"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose a folder"), complete_or_absent(tmp_path / "file" / "a.txt"):
        pass
