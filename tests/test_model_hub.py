import errno
import hashlib
import shutil
import threading
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
from hub_stub import TOKEN, Hub

from apvgen.errors import Cancelled, CheckpointError, MissingModelError, OutputError
from apvgen.model import hub
from apvgen.model.hub import Access, check_download, download
from apvgen.model.registry import PUBLISHED, Published, PublishedFile, published, with_needs

REPOSITORY = "someone/model"
WEIGHTS, CONFIG = bytes(range(256)) * 2048, b'{"width": 32}'
CHUNK = 64 << 10


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", CHUNK)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    made = Hub({(REPOSITORY, "v2/weights.bin"): WEIGHTS, (REPOSITORY, "config.json"): CONFIG})
    server = made.start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def access(stub) -> Access:
    return Access(endpoint=stub.url)


def entry(sha256: str | None = None, **changes) -> Published:
    files = (PublishedFile("config.json", 13), PublishedFile("v2/weights.bin", 500_000, sha256))
    return replace(Published("some", REPOSITORY, files, use="a test"), **changes)


def stop_at(count: int):
    def on_bytes(name: str, done: int, total: int) -> None:
        if done >= count:
            raise Cancelled("stop")

    return on_bytes


def parts(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


def test_files_arrive_as_laid_out_in_the_repository_and_only_once(stub, access, tmp_path):
    seen = []
    made = download(entry(), tmp_path, access, lambda *numbers: seen.append(numbers))
    assert made == (tmp_path / "config.json", tmp_path / "v2" / "weights.bin")
    assert [path.read_bytes() for path in made] == [CONFIG, WEIGHTS]
    assert seen[-1] == ("v2/weights.bin", len(WEIGHTS), len(WEIGHTS))
    transfers = len(stub.sent)
    download(entry(), tmp_path, Access(endpoint="http://127.0.0.1:1"))
    assert len(stub.sent) == transfers == 2
    assert not parts(tmp_path)


def test_a_stopped_download_goes_on_where_it_stopped(stub, access, tmp_path):
    with pytest.raises(Cancelled):
        download(entry(), tmp_path, access, stop_at(4 * CHUNK))
    begun = parts(tmp_path / "v2")[0].stat().st_size
    assert begun == 3 * CHUNK
    assert not (tmp_path / "v2" / "weights.bin").exists()
    seen = []
    download(entry(), tmp_path, access, lambda *numbers: seen.append(numbers))
    assert (tmp_path / "v2" / "weights.bin").read_bytes() == WEIGHTS
    assert stub.ranges[-1] == f"bytes={begun}-"
    assert stub.sent[-1] == len(WEIGHTS) - begun
    assert min(done for _, done, _ in seen) > begun


def test_dropped_connections_are_taken_up_within_one_call(stub, access, tmp_path):
    stub.cut = [len(CONFIG), 3 * CHUNK + 5, CHUNK]
    download(entry(), tmp_path, access)
    assert (tmp_path / "v2" / "weights.bin").read_bytes() == WEIGHTS
    assert stub.ranges[1:] == [None, f"bytes={3 * CHUNK}-", f"bytes={4 * CHUNK}-"]


def test_a_connection_that_always_drops_is_one_sentence_and_keeps_what_came(stub, access, tmp_path):
    stub.cut = [len(CONFIG), CHUNK] + [0] * 20
    with pytest.raises(MissingModelError, match=r"weights.bin .* could not be fetched .* goes on where it stopped"):
        download(entry(), tmp_path, access)
    assert parts(tmp_path / "v2")[0].stat().st_size == CHUNK
    assert not (tmp_path / "v2" / "weights.bin").exists()


def test_a_file_that_changed_upstream_is_not_mixed_with_the_old_one(stub, access, tmp_path):
    with pytest.raises(Cancelled):
        download(entry(), tmp_path, access, stop_at(4 * CHUNK))
    stub.files[REPOSITORY, "v2/weights.bin"] = WEIGHTS[::-1]
    download(entry(), tmp_path, access)
    assert (tmp_path / "v2" / "weights.bin").read_bytes() == WEIGHTS[::-1]


def test_another_hash_than_the_registrys_is_refused_and_deleted(access, tmp_path):
    with pytest.raises(CheckpointError, match="arrived damaged, or is no longer the published file"):
        download(entry("0" * 64), tmp_path, access)
    assert not parts(tmp_path)
    assert not (tmp_path / "v2" / "weights.bin").exists()


@pytest.mark.parametrize(("path", "content"), [("v2/weights.bin", WEIGHTS), ("config.json", CONFIG)])
def test_without_a_known_hash_the_hubs_own_is_compared(stub, access, tmp_path, path, content):
    stub.served[path] = content[:-1] + b"!"
    with pytest.raises(CheckpointError, match=f"{path} arrived damaged"):
        download(entry(), tmp_path, access)
    assert not (tmp_path / path).exists()


@pytest.mark.parametrize("token", [None, "hf_stranger"])
def test_a_gated_model_says_what_to_do(stub, access, tmp_path, token):
    stub.gated.add(REPOSITORY)
    gated = entry(gated=True)
    with pytest.raises(MissingModelError, match=f"{gated.page} is gated: accept its licence there, then pass your tok"):
        download(gated, tmp_path, replace(access, token=token))


def test_a_token_opens_a_gated_model_and_is_not_shown_to_the_file_store(stub, access, tmp_path):
    stub.gated.add(REPOSITORY)
    download(entry(), tmp_path, replace(access, token=TOKEN))
    assert (tmp_path / "v2" / "weights.bin").read_bytes() == WEIGHTS
    assert stub.tokens_at_store
    assert set(stub.tokens_at_store) == {None}


def test_too_little_room_is_said_before_anything_is_written(stub, access, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6 - 1000, 1000))
    with pytest.raises(OutputError, match=r"GB free and the download needs 0.0 GB; free some space or set APVGEN_"):
        download(entry(), tmp_path, access)
    assert stub.sent == [len(CONFIG)]


def test_a_disk_that_fills_up_is_one_sentence_and_what_came_is_kept(stub, access, tmp_path, monkeypatch):
    def fills_up(name: str, done: int, total: int) -> None:
        if done > 2 * CHUNK:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="is full; free some space and run the download again, which goes on where"):
        download(entry(), tmp_path, access, fills_up)
    assert parts(tmp_path / "v2")[0].stat().st_size == 2 * CHUNK
    download(entry(), tmp_path, access)
    assert stub.sent[-1] == len(WEIGHTS) - 2 * CHUNK


@pytest.mark.parametrize("by_environment", [False, True])
def test_offline_uses_what_is_there_and_says_where_the_rest_belongs(stub, tmp_path, monkeypatch, by_environment):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", by_environment)
    (tmp_path / "config.json").write_bytes(CONFIG)
    access = Access(offline=not by_environment, endpoint=stub.url)
    with pytest.raises(MissingModelError, match=r"v2/weights.bin is missing and offline mode is on; .* copy the file "):
        download(entry(), tmp_path, access)
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / "weights.bin").write_bytes(WEIGHTS)
    assert len(download(entry(), tmp_path, access)) == 2
    assert not stub.sent


def test_no_connection_is_one_sentence(tmp_path):
    with pytest.raises(MissingModelError, match=r"config.json of .* could not be fetched \(.*\); check the connection"):
        download(entry(), tmp_path, Access(endpoint="http://127.0.0.1:1"))


def test_a_file_that_is_gone_and_a_hub_that_fails_are_told_apart(stub, access, tmp_path):
    del stub.files[REPOSITORY, "config.json"]
    with pytest.raises(MissingModelError, match=r"no longer has config.json; update"):
        download(entry(), tmp_path, access)
    stub.status = 503
    with pytest.raises(MissingModelError, match=r"answered 503 for config.json; try again later"):
        download(entry(), tmp_path, access)


def test_the_hubs_own_cache_is_used(stub, access, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    snapshot = cache / "models--someone--model" / "snapshots" / ("a" * 40)
    (snapshot / "v2").mkdir(parents=True)
    (snapshot / "v2" / "weights.bin").write_bytes(WEIGHTS)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    good, bad = hashlib.sha256(WEIGHTS).hexdigest(), "0" * 64
    download(entry(good, revision="a" * 40), tmp_path / "here", access)
    assert (tmp_path / "here" / "v2" / "weights.bin").read_bytes() == WEIGHTS
    assert stub.sent == [len(CONFIG)]
    with pytest.raises(CheckpointError):
        download(entry(bad, revision="a" * 40), tmp_path / "other", access)


def test_two_downloads_at_once_transfer_once(stub, access, tmp_path):
    threads = [threading.Thread(target=download, args=(entry(), tmp_path, access)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "v2" / "weights.bin").read_bytes() == WEIGHTS
    assert sorted(stub.sent) == [len(CONFIG), len(WEIGHTS)]


def test_a_download_can_be_checked_later(access, tmp_path):
    known = entry(hashlib.sha256(WEIGHTS).hexdigest())
    with pytest.raises(MissingModelError, match=r"config.json is missing; run: python -m apvgen checkpoints download"):
        check_download(known, tmp_path)
    download(known, tmp_path, access)
    assert check_download(known, tmp_path) == 2
    (tmp_path / "v2" / "weights.bin").write_bytes(WEIGHTS[:-1])
    for noted in (known, entry()):
        with pytest.raises(CheckpointError, match=r"weights.bin is not the file that was published .* delete it"):
            check_download(noted, tmp_path)
    (tmp_path / "config.json").with_name(".config.json.sha256").unlink()
    assert check_download(replace(known, files=known.files[:1]), tmp_path) == 0


def test_the_registry_invents_nothing():
    files = [file for published_entry in PUBLISHED.values() for file in published_entry.files]
    assert all(file.sha256 is None or hub._SHA256.fullmatch(file.sha256) for file in files)
    assert all(entry.revision is None or len(entry.revision) == 40 for entry in PUBLISHED.values())
    assert [entry.name for entry in PUBLISHED.values() if entry.gated] == ["svd-xt-1.1"]
    assert [entry.name for entry in with_needs(("controlnext-svd-v2",))] == ["svd-xt-1.1", "controlnext-svd-v2"]
    with pytest.raises(MissingModelError, match=r"the names are controlnext-svd-v2, svd-xt-1.1"):
        published("nothing")
