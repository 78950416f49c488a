"""Downloads from the model hub that are whole, verified, and continued where they stopped.

huggingface_hub does the talking: tokens, redirects, retries, its environment variables (HF_TOKEN, HF_ENDPOINT,
HF_HUB_OFFLINE) and its cache. Since version 1.18 it no longer continues a file that an earlier run began
(huggingface/huggingface_hub, issue 4196), so the partial file is kept here and its `http_get` is told where to go on.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from huggingface_hub import HfFileMetadata, get_hf_file_metadata, hf_hub_url, is_offline_mode, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import WeakFileLock, build_hf_headers

from apvgen.errors import CheckpointError, MissingModelError, OutputError
from apvgen.model.checkpoint import OnFile, file_sha256
from apvgen.model.registry import Published, PublishedFile

OnBytes = Callable[[str, int, int], None]
"""(file, bytes so far, bytes in all); may raise Cancelled."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REFUSED = (401, 403)


@dataclass(frozen=True)
class Access:
    """How to reach the hub. token: None takes HF_TOKEN or a stored login. endpoint: None is the public hub."""

    token: str | None = None
    offline: bool = False
    endpoint: str | None = None


def download(entry: Published, folder: Path, access: Access, on_bytes: OnBytes | None = None) -> tuple[Path, ...]:
    """Every file of `entry` under `folder`, as laid out in its repository; what is there is not fetched again.

    Raises MissingModelError when files cannot be had (offline, no access, no connection), CheckpointError for damaged
    ones, OutputError for a full disk. Partial files stay, and the next call continues them.
    """
    return tuple(_fetched(entry, file, folder / file.path, access, on_bytes) for file in entry.files)


def check_download(entry: Published, folder: Path, on_file: OnFile | None = None) -> int:
    """Compare what is under `folder` with the published hashes, or those noted when it was downloaded.

    Returns how many files have a hash: one copied here by hand may have none.
    Raises MissingModelError for an absent file, CheckpointError for a changed one.
    """
    absent = entry.missing(folder)
    if absent:
        raise MissingModelError(f"{folder / absent[0].path} is missing; {_advice(entry)}.")
    known = 0
    for done, file in enumerate(entry.files, 1):
        path = folder / file.path
        note = _note(path)
        sha256 = file.sha256 or (note.read_text(encoding="ascii").split()[0] if note.is_file() else None)
        if sha256:
            check_hash(path, sha256)
            known += 1
        if on_file:
            on_file(done, len(entry.files))
    return known


def check_hash(path: Path, sha256: str) -> None:
    """Raise CheckpointError unless the file has this hash."""
    found = file_sha256(path)
    if found != sha256:
        raise CheckpointError(
            f"{path} is not the file that was published (sha256 {found[:12]}… instead of {sha256[:12]}…); "
            "delete it and download it again."
        )


def _fetched(entry: Published, file: PublishedFile, path: Path, access: Access, on_bytes: OnBytes | None) -> Path:
    if path.is_file() or _taken_from_cache(entry, file, path):
        return path
    if access.offline or is_offline_mode():
        raise MissingModelError(
            f"{path} is missing and offline mode is on; {_advice(entry)} without it, or copy the file there."
        )
    with _explained(entry, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(path.with_name(f".{path.name}.lock")):
            # Another process may have finished it while this one waited.
            return path if path.is_file() else _transferred(entry, file, path, access, on_bytes)


def _taken_from_cache(entry: Published, file: PublishedFile, path: Path) -> bool:
    """Whether huggingface_hub's own cache had the file, which is then linked, or copied, to `path`."""
    cached = try_to_load_from_cache(entry.repository, file.path, revision=entry.revision)
    if not isinstance(cached, str) or (file.sha256 and file_sha256(Path(cached)) != file.sha256):
        return False
    with _explained(entry, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(os.path.realpath(cached), path)
        except OSError:
            partial_copy = path.with_name(f".{path.name}.part")
            shutil.copyfile(cached, partial_copy)
            partial_copy.replace(path)
    return True


def _transferred(entry: Published, file: PublishedFile, path: Path, access: Access, on_bytes: OnBytes | None) -> Path:
    url = hf_hub_url(entry.repository, file.path, revision=entry.revision, endpoint=access.endpoint)
    remote = get_hf_file_metadata(url, token=access.token, endpoint=access.endpoint)
    # The name holds the content's tag, so that a file that changed upstream is not continued with another's bytes.
    part = path.with_name(f".{path.name}.{hashlib.sha256((remote.etag or '').encode()).hexdigest()[:16]}.part")
    with part.open("ab") as target:
        begun = target.tell()
        _check_room(part, (remote.size or 0) - begun)
        http_get(
            url,
            target,
            resume_size=begun,
            headers=build_hf_headers(token=access.token),
            expected_size=remote.size,
            tqdm_class=partial(_Bar, file.path, on_bytes),
        )
    sha256 = _checked_hash(part, file, remote)
    _note(path).write_text(f"{sha256}  {path.name}\n", encoding="ascii")
    part.replace(path)
    return path


def _note(path: Path) -> Path:
    """Beside a download: its hash, as `sha256sum --check` reads it."""
    return path.with_name(f".{path.name}.sha256")


class _Bar:
    """What huggingface_hub takes for a progress bar; passes the numbers on."""

    def __init__(self, name: str, on_bytes: OnBytes | None, total: int | None = None, initial: int = 0, **_: object):
        self._name, self._on_bytes, self._total, self._done = name, on_bytes, total or 0, initial

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, count: int = 1) -> None:
        self._done += count
        if self._on_bytes:
            self._on_bytes(self._name, self._done, self._total)


def _check_room(part: Path, wanted: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if wanted > free:
        raise OutputError(
            f"{part.parent} has {free / 1e9:.1f} GB free and the download needs {wanted / 1e9:.1f} GB; free some space "
            "or set APVGEN_CHECKPOINTS to a folder on another disk."
        )


def _checked_hash(part: Path, file: PublishedFile, remote: HfFileMetadata) -> str:
    """The SHA-256, if the file's hash is the registry's, or else the hub's (of a small file: git's SHA-1)."""
    wanted = file.sha256 or remote.etag or ""
    sha256 = file_sha256(part)
    found = sha256 if _SHA256.fullmatch(wanted) else _git_hash(part)
    if found == wanted:
        return sha256
    part.unlink()
    raise CheckpointError(
        f"{file.path} arrived damaged, or is no longer the published file (hash {found[:12]}… instead of "
        f"{wanted[:12]}…); it was deleted: run the download again."
    )


def _git_hash(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _advice(entry: Published) -> str:
    return f"run: python -m apvgen checkpoints download {entry.name}"


@contextmanager
def _explained(entry: Published, path: Path) -> Iterator[None]:
    """One sentence for everything that the network, the hub or the disk can do to a download."""
    try:
        yield
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise MissingModelError(_no_access(entry)) from error
    except (EntryNotFoundError, RevisionNotFoundError) as error:
        raise MissingModelError(f"{entry.page} no longer has {path.name}; update this program.") from error
    except HfHubHTTPError as error:
        if error.response.status_code in _REFUSED:
            raise MissingModelError(_no_access(entry)) from error
        raise MissingModelError(
            f"{entry.page} answered {error.response.status_code} for {path.name}; try again later, the download "
            "goes on where it stopped."
        ) from error
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise MissingModelError(
            f"{path.name} of {entry.page} could not be fetched ({_reason(error)}); check the connection and "
            f"{_advice(entry)}, which goes on where it stopped."
        ) from error
    except OSError as error:
        if error.errno is None:
            # Of the length, from `http_get`.
            raise MissingModelError(f"{path.name} arrived incomplete; {_advice(entry)}.") from error
        raise _of_disk(path, error) from error


def _no_access(entry: Published) -> str:
    if not entry.gated:
        return f"{entry.page} refuses access or is gone; pass a token with --token or HF_TOKEN."
    return f"{entry.page} is gated: accept its licence there, then pass your token with --token or HF_TOKEN."


def _of_disk(path: Path, error: OSError) -> OutputError:
    if error.errno == errno.ENOSPC:
        return OutputError(
            f"The disk of {path.parent} is full; free some space and run the download again, which goes on where it "
            "stopped."
        )
    return OutputError(f"Cannot write {path} ({_reason(error)}); set APVGEN_CHECKPOINTS to a folder you may write to.")


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
