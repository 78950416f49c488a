"""Shards: tar files of clips in WebDataset's layout, written whole or not at all, read at random.

A clip is a few neighbouring members that share a name up to the first dot:

    KEY.json           what it is (see `ClipEntry`)
    KEY.mp4            frames, near-lossless (train.clip_video)
    KEY.tracks.npz     motion (apvgen.tracks)
    KEY.voice.flac     the voice, 16 bit; left out where there is none
    KEY.surround.png   face clips only

Opening a folder of shards reads the tars' headers and the JSON, and nothing of videos.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import cv2
import numpy as np

from apvgen.errors import InputError, MediaError
from apvgen.files import complete_or_absent
from apvgen.tracks import motion_file_arrays, motion_of_file
from apvgen.types import HW, Audio, Motion
from train.clip_video import decode, encode
from train.examples import Clip, Kind

HEADER, VIDEO, TRACKS, VOICE, SURROUND = "json", "mp4", "tracks.npz", "voice.flac", "surround.png"

_KEY = re.compile(r"[A-Za-z0-9_-]+")
"""WebDataset takes what follows a dot for the kind of member, and a slash for a folder."""

_NEEDED: Mapping[Kind, tuple[str, ...]] = {"face": (VIDEO, TRACKS, SURROUND), "body": (VIDEO, TRACKS)}


@dataclass(frozen=True)
class ClipEntry:
    """A clip's place in its shard, and what its `KEY.json` says of it.

    faces, bodies: the number of frames in which a face or body is known. reference_face: whether the face is known in
    the reference frame. digest: of video and surround, so that it changes when a clip of the same key does.
    facts: as in `Clip`. members: ending -> (offset, bytes) in the shard.
    """

    key: str
    kind: Kind
    frames: int
    hw: HW
    fps: Fraction
    reference_frame: int
    faces: int
    bodies: int
    reference_face: bool
    digest: str
    facts: Mapping[str, Any]
    shard: Path
    members: Mapping[str, tuple[int, int]]

    def __str__(self) -> str:
        return f"clip {self.key} of {self.shard}"


class ShardWriter:
    """Writes clips to `folder/prefix-000000.tar` and on, a new shard before one grows beyond `max_bytes`.

    A context manager. Shards already there are kept, and numbers go on after theirs. On leaving, also after an error,
    the open shard is completed with the clips it was given; a killed process leaves none of it.
    Raises OutputError where it cannot be written, ValueError for a key that is no plain name.
    """

    def __init__(self, folder: Path, prefix: str, max_bytes: int = 512 << 20) -> None:
        self._folder, self._prefix, self._max_bytes = folder, prefix, max_bytes
        self._shard, self._tar = ExitStack(), None
        self.shards = 0
        """How many were completed."""

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.complete()

    def write(self, clip: Clip) -> None:
        """Append one clip."""
        if not _KEY.fullmatch(clip.key):
            raise ValueError(f"a clip's key holds letters, digits, - and _ only, unlike {clip.key!r}")
        members = clip_members(clip)
        if self._tar is not None and self._tar.offset + sum(map(len, members.values())) > self._max_bytes:
            self.complete()
        if self._tar is None:
            self._begin()
        try:
            for ending, data in members.items():
                member = tarfile.TarInfo(f"{clip.key}.{ending}")
                member.size = len(data)
                self._tar.addfile(member, io.BytesIO(data))
        except OSError:
            with self._shard:
                self._tar = None
                raise

    def complete(self) -> None:
        """Give the open shard its name; the next clip begins another."""
        with self._shard:
            self.shards += self._tar is not None
            self._tar = None

    def _begin(self) -> None:
        numbers = [int(path.stem.rpartition("-")[2]) for path in self._folder.glob(f"{self._prefix}-[0-9]*.tar")]
        path = self._folder / f"{self._prefix}-{max(numbers, default=-1) + 1:06d}.tar"
        self._shard = ExitStack()
        temporary = self._shard.enter_context(complete_or_absent(path))
        self._tar = self._shard.enter_context(tarfile.open(temporary, "w"))  # noqa: SIM115


def clip_members(clip: Clip) -> dict[str, bytes]:
    """The files of a clip by their ending, the description first."""
    members = {VIDEO: encode(clip.frames, clip.motion.fps), TRACKS: _npz(motion_file_arrays(clip.motion))}
    if clip.voice is not None:
        members[VOICE] = _flac(clip.voice)
    if clip.surround is not None:
        members[SURROUND] = cv2.imencode(".png", clip.surround[..., ::-1])[1].tobytes()
    return {HEADER: json.dumps(_description(clip, members), allow_nan=False).encode(), **members}


def _description(clip: Clip, members: Mapping[str, bytes]) -> dict[str, Any]:
    faces = clip.motion.face.frames_seen
    return {
        "kind": clip.kind,
        "frames": len(clip.frames),
        "hw": list(clip.motion.hw),
        "fps": str(clip.motion.fps),
        "reference_frame": clip.reference_frame,
        "faces": int(faces.sum()),
        "bodies": int(clip.motion.body.frames_seen.sum()),
        "reference_face": bool(faces[clip.reference_frame]),
        "digest": hashlib.sha256(members[VIDEO] + members.get(SURROUND, b"")).hexdigest()[:16],
        "facts": dict(clip.facts),
    }


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _flac(voice: Audio) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, voice.samples.T, voice.rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


class Shards(Sequence[ClipEntry]):
    """The clips of a folder by number, in the order of shard names and of clips within; may be pickled."""

    def __init__(self, entries: Sequence[ClipEntry]) -> None:
        self._entries = tuple(entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> ClipEntry:
        return self._entries[index]

    def of_kind(self, kind: Kind) -> Shards:
        return Shards([entry for entry in self._entries if entry.kind == kind])

    def read(self, index: int, frames: slice = slice(None)) -> Clip:
        """The clip, or the given frames of it. Raises MediaError for damaged data, and ValueError where a face clip's
        reference frame is not among the frames.
        """
        entry = self[index]
        wanted = range(entry.frames)[frames]
        face = entry.kind == "face"
        return Clip(
            entry.key,
            entry.kind,
            read_frames(entry, wanted),
            read_motion(entry).take(frames),
            read_voice(entry),
            read_surround(entry) if face else None,
            wanted.index(entry.reference_frame) if face else 0,
            entry.facts,
        )


def read_frames(entry: ClipEntry, wanted: range) -> np.ndarray:
    """RGB uint8 `[len(wanted), H, W, 3]`. Raises MediaError for a damaged video or one of another size or length."""
    offset, size = entry.members[VIDEO]
    place = f"subfile,,start,{offset},end,{offset + size},,:file:{entry.shard.absolute()}"
    try:
        pictures = decode(place, wanted, entry.fps)
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(f"The video of {entry} cannot be decoded ({error}); prepare the shard again.") from error
    if len(pictures) != len(wanted) or any(picture.shape[:2] != entry.hw for picture in pictures):
        sizes = sorted({picture.shape[:2] for picture in pictures})
        raise MediaError(
            f"The video of {entry} does not match its description: {len(pictures)} frames of {sizes} px in place of "
            f"{len(wanted)} of {entry.hw}; prepare the shard again."
        )
    return np.stack(pictures) if pictures else np.zeros((0, *entry.hw, 3), np.uint8)


def read_motion(entry: ClipEntry) -> Motion:
    """The keypoints of all frames. Raises MediaError when damaged or of another length or size than the video."""
    place = entry.shard / entry.key
    try:
        with np.load(io.BytesIO(_bytes(entry, TRACKS)), allow_pickle=False) as arrays:
            motion = motion_of_file(place, dict(arrays))
    except (OSError, ValueError, EOFError, tarfile.TarError) as error:
        raise MediaError(f"The keypoints of {entry} cannot be read ({error}); prepare the shard again.") from error
    if (len(motion), motion.hw, motion.fps) != (entry.frames, entry.hw, entry.fps):
        raise MediaError(
            f"The keypoints of {entry} are of {len(motion)} frames of {motion.hw} px at {motion.fps} fps, its video of "
            f"{entry.frames} of {entry.hw} at {entry.fps}; prepare the shard again."
        )
    return motion


def read_voice(entry: ClipEntry) -> Audio | None:
    """The voice from the first frame on, None where the clip has none. Raises MediaError when damaged."""
    if VOICE not in entry.members:
        return None
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(_bytes(entry, VOICE)), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise MediaError(f"The voice of {entry} cannot be read ({error}); prepare the shard again.") from error
    return Audio(np.ascontiguousarray(samples.T), rate)


def read_surround(entry: ClipEntry) -> np.ndarray:
    """A face clip's surround, RGB uint8 `[h, w, 3]`. Raises MediaError when damaged."""
    picture = cv2.imdecode(np.frombuffer(_bytes(entry, SURROUND), np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise MediaError(f"The surround of {entry} cannot be read; prepare the shard again.")
    return picture


def _bytes(entry: ClipEntry, ending: str) -> bytes:
    offset, size = entry.members[ending]
    with entry.shard.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def shard_paths(folder: Path) -> list[Path]:
    """The complete shards in a folder and its subfolders; those being written have names that begin with a dot."""
    return sorted(path for path in folder.rglob("*.tar") if not path.name.startswith("."))


def open_shards(folder: Path) -> Shards:
    """All clips of the shards in `folder` and its subfolders.

    Raises InputError where there are none, and MediaError, which names shard and clip, for a damaged or empty shard, a
    clip that lacks a part, and a key that occurs twice.
    """
    paths = shard_paths(folder)
    if not paths:
        raise InputError(f"{folder} holds no shards (*.tar); make some with `python -m train.prepare`.")
    entries = [entry for path in paths for entry in _entries(path)]
    by_key: dict[str, ClipEntry] = {}
    for entry in entries:
        if by_key.setdefault(entry.key, entry) is not entry:
            other = by_key[entry.key].shard
            raise MediaError(f"The key of {entry} occurs in {other} too; remove one of the two shards.")
    return Shards(entries)


def _entries(path: Path) -> list[ClipEntry]:
    """The clips of one shard."""
    members: dict[str, dict[str, tuple[int, int]]] = {}
    descriptions: dict[str, bytes] = {}
    size, name = path.stat().st_size, "its beginning"
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                key, _, ending = member.name.partition(".")
                if member.offset_data + member.size > size:
                    raise tarfile.ReadError("it ends in the middle of this member")
                name = member.name
                members.setdefault(key, {})[ending] = (member.offset_data, member.size)
                if ending == HEADER:
                    descriptions[key] = tar.extractfile(member).read()
    except (tarfile.TarError, OSError) as error:
        raise MediaError(f"Shard {path} is damaged after {name} ({error}); prepare or copy it again.") from error
    if not members:
        raise MediaError(f"Shard {path} holds no clips; remove it, or prepare it again.")
    return [_entry(path, key, descriptions.get(key), parts) for key, parts in members.items()]


def _entry(path: Path, key: str, text: bytes | None, members: Mapping[str, tuple[int, int]]) -> ClipEntry:
    where = f"Clip {key} of shard {path}"
    if text is None:
        raise MediaError(f"{where} has no {HEADER}; remove the shard, or prepare it again.")
    try:
        about = json.loads(text)
        about |= {"hw": tuple(about["hw"]), "fps": Fraction(about["fps"])}
        entry = ClipEntry(key=key, shard=path, members=dict(members), **about)
        missing = [ending for ending in _NEEDED[entry.kind] if ending not in members]
    except (ValueError, TypeError, KeyError, ZeroDivisionError) as error:
        raise MediaError(f"{where} has a damaged description ({error}); prepare the shard again.") from error
    if missing:
        raise MediaError(f"{where} lacks {' and '.join(missing)}; prepare the shard again.")
    return entry
