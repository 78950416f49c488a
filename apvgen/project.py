"""The project folder: everything needed to draw the same pose frames again, byte for byte.

    project.json     settings, schema version, inputs by hash, a person's edits, versions, report
    tracks.npz       what was detected and what is drawn (below)
    inputs/          copies of the three input files, named by role and hash
    history/         earlier edits, for undo (`history.py`)

`tracks.npz`, float32 unless noted, T output frames, pixels throughout:

    driving_body, driving_hands, driving_face (+ _score, + driving_face_depth), hw, fps
                                 as in a motion file (`tracks.py`): the folder's own tracks can drive another project
    driving_index [T] int64      frame of the driving video, resampled to `fps`, that an output frame shows
    reference_body, reference_hands, reference_face (+ _score)   one frame, output pixels
    window [4] float64           a_x, a_y, b_x, b_y: reference-photo pixels -> output pixels
    output_hw [2] int64
    voice_mesh [T, 468, 3], voice_rotation [T, 3, 3], voice_opening [T]     the `VoiceFace`
    voice_face [T, 468, 2] (+ _score)   the talking face with its head rotation, before FDA
    fda [T, 4] float64           a_x, a_y, b_x, b_y: voice_face -> driving pixels; NaN where no face is drawn
    body_fit [4] float64         a_x, a_y, b_x, b_y: driving pixels -> output pixels
    body [T, 18, 2], hands [T, 2, 21, 2], face [T, 468, 2] (+ _score)       as drawn, output pixels
    lip_gap_kept float64
    people [P, T, 4]             boxes of everybody in the driving video, driving pixels; absent where not known

    made_by, text                hash of the alignment options and edits behind what is drawn

`project.json` has `schema`; a folder of a newer schema is refused, and every write replaces a file whole. It is written
first: should `tracks.npz` not follow, its `made_by` tells so, and what is drawn is computed anew when it is loaded.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from apvgen import tracks
from apvgen.align import Alignment, Analysis, align
from apvgen.config import Options
from apvgen.edits import Edits
from apvgen.errors import ApvgenError, InputError, OutputError, ProjectError
from apvgen.files import complete_or_absent
from apvgen.layouts import FACE468
from apvgen.media import content_hash
from apvgen.types import Affine, VoiceFace

SCHEMA = 2
"""1 had `overrides`, the key frames of the face, in place of `edits`."""
ROLES = ("reference", "driving", "voice")
HISTORY = "history"
TRACKS_LIMIT_BYTES = 8 * 1024**3
LOCK_SECONDS = 30


@dataclass(frozen=True)
class InputFile:
    """One input: its copy inside the project folder, the name it came with, and its content's hash."""

    file: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Settings:
    """`project.json`."""

    inputs: dict[str, InputFile]
    options: Options
    edits: Edits = field(default_factory=Edits)
    made_with: dict[str, str] = field(default_factory=dict)
    report: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    schema: int = SCHEMA


@dataclass(frozen=True)
class Project:
    """A folder and the settings that were last read from or written to it."""

    folder: Path
    settings: Settings

    def input_path(self, role: str) -> Path:
        return self.folder / self.settings.inputs[role].file

    def with_settings(self, **changes: object) -> Project:
        """Change settings on disk and return the project that has them."""
        settings = replace(self.settings, **changes)
        _write_settings(self.folder, settings)
        return replace(self, settings=settings)

    @property
    def analysed(self) -> bool:
        return (self.folder / "tracks.npz").exists()


def create(folder: Path, inputs: Mapping[str, Path], options: Options) -> Project:
    """Copy the three inputs into a folder and write its settings; an earlier analysis there is dropped.

    Raises InputError for a missing role or file, OutputError when the folder cannot be written.
    """
    check_roles(inputs)
    check_folder(folder)
    copies = {role: _copy_input(folder, role, Path(inputs[role])) for role in ROLES}
    settings = Settings(copies, options)
    (folder / "tracks.npz").unlink(missing_ok=True)
    shutil.rmtree(folder / HISTORY, ignore_errors=True)
    _write_settings(folder, settings)
    return Project(folder, settings)


def check_folder(folder: Path) -> None:
    """Raise ProjectError when a project written to `folder` would mix with files that are not one's."""
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{folder} is a file; name a folder for the project.")
    if folder.is_dir() and any(folder.iterdir()):
        try:
            load(folder)
        except ProjectError as error:
            raise ProjectError(f"{folder} holds other files and is no project; name a new or empty folder.") from error


def check_roles(inputs: Mapping[str, Path]) -> None:
    """Raise InputError, which names them, when any of the three inputs is missing."""
    absent = [role for role in ROLES if not inputs.get(role)]
    if absent:
        raise InputError(f"No {' and no '.join(absent)} was given; a project needs a photo, a motion and a voice.")


def _copy_input(folder: Path, role: str, source: Path) -> InputFile:
    if not source.is_file():
        raise InputError(f"The {role} file {source} does not exist or is not a file; check the path.")
    try:
        digest = content_hash(source)
        target = folder / "inputs" / f"{role}-{digest[:16]}{source.suffix.lower()}"
        if not target.exists():
            with complete_or_absent(target) as temporary:
                shutil.copyfile(source, temporary)
    except PermissionError as error:
        raise InputError(f"The {role} file {source} may not be read; check its permissions.") from error
    return InputFile(str(target.relative_to(folder)), source.name, digest)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes and threads from changing the project meanwhile.

    Raises ProjectError when one of them does not finish, OutputError when the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        lock = FileLock(folder / ".lock")
        lock.acquire(LOCK_SECONDS)
    except Timeout as error:
        raise ProjectError(f"{folder} is being changed elsewhere; try again when that has ended.") from error
    except OSError as error:
        raise OutputError(f"Cannot change {folder}: {error.strerror or error}; make the folder writable.") from error
    try:
        yield
    finally:
        lock.release()


def _write_settings(folder: Path, settings: Settings) -> None:
    with complete_or_absent(folder / "project.json") as temporary:
        temporary.write_bytes(_adapter().dump_json(settings, indent=2) + b"\n")


def as_json(settings: Settings) -> dict[str, object]:
    """Settings as plain JSON values."""
    return _adapter().dump_python(settings, mode="json")


@cache
def _adapter():  # pydantic is imported only where a project is read or written
    from pydantic import TypeAdapter

    return TypeAdapter(Settings)


def load(folder: Path) -> Project:
    """Open a project folder. Raises ProjectError when it is none, damaged, or of a newer schema."""
    file = folder / "project.json"
    try:
        stored = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ProjectError(f"{folder} is not a project folder: it has no project.json; analyse first.") from error
    except (OSError, ValueError) as error:
        raise ProjectError(f"{file} cannot be read ({error}); restore it or analyse again.") from error
    schema = stored.get("schema") if isinstance(stored, dict) else None
    if not isinstance(schema, int) or schema > SCHEMA:
        raise ProjectError(f"{file} has schema {schema}, this version reads up to {SCHEMA}; update apvgen.")
    try:
        settings = _adapter().validate_python(_of_this_schema(stored))
    except ValueError as error:
        raise ProjectError(f"{file} is damaged: {_first_line(error)}; restore it or analyse again.") from error
    _refuse_outside_paths(folder, settings)
    return Project(folder, settings)


def _of_this_schema(stored: dict[str, object]) -> dict[str, object]:
    if stored["schema"] == SCHEMA:
        return stored
    kept = {name: value for name, value in stored.items() if name != "overrides"}
    return {**kept, "edits": {"face": stored.get("overrides", ())}, "schema": SCHEMA}


def _first_line(error: ValueError) -> str:
    details = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
    return f"{'.'.join(map(str, details['loc']))}: {details['msg']}"


def _refuse_outside_paths(folder: Path, settings: Settings) -> None:
    for role, entry in settings.inputs.items():
        if not (folder / entry.file).resolve().is_relative_to(folder.resolve()):
            raise ProjectError(f"The {role} of {folder} lies outside the project folder; analyse again.")


def save_tracks(project: Project, analysis: Analysis, alignment: Alignment) -> None:
    """Write `tracks.npz`. Raises OutputError.

    alignment: made with the options and edits of the project's settings.
    """
    motion, voice = analysis.driving, analysis.voice
    arrays = {
        **tracks.motion_arrays("driving", motion),
        "hw": np.array(motion.hw),
        "fps": np.array(motion.fps.as_integer_ratio()),
        "driving_index": analysis.driving_index,
        **tracks.motion_arrays("reference", analysis.reference),
        "window": _as_row(analysis.window),
        "output_hw": np.array(analysis.reference.hw),
        "voice_mesh": voice.vertices,
        "voice_rotation": voice.rotation,
        "voice_opening": voice.opening,
        **tracks.track_arrays("voice_face", alignment.voice_face),
        "fda": _as_row(alignment.fda),
        "body_fit": _as_row(alignment.body_fit),
        "lip_gap_kept": np.array(alignment.lip_gap_kept),
        **tracks.track_arrays("body", alignment.target.body),
        **tracks.track_arrays("hands", alignment.target.hands),
        **tracks.track_arrays("face", alignment.target.face),
        "made_by": np.array(_drawing_hash(project.settings)),
    }
    if analysis.people is not None:
        arrays["people"] = analysis.people
    tracks.save_arrays(project.folder / "tracks.npz", arrays)


def load_tracks(project: Project) -> tuple[Analysis, Alignment]:
    """Read `tracks.npz`; what is drawn always follows from the project's settings. Raises ProjectError when it is
    absent or damaged."""
    path = project.folder / "tracks.npz"
    if not path.exists():
        raise ProjectError(f"{project.folder} has not been analysed yet; analyse it first.")
    settings = project.settings
    try:
        arrays = tracks.load_arrays(path, TRACKS_LIMIT_BYTES)
        fps = Fraction(*(int(part) for part in arrays["fps"]))
        analysis = _analysis_from(arrays, fps)
        if str(arrays.get("made_by", "")) not in ("", _drawing_hash(settings)):
            return analysis, align(analysis, settings.options.align, settings.edits, analysis.reference.hw)
        return analysis, _alignment_from(arrays, analysis, fps)
    except (KeyError, ValueError, ZeroDivisionError, ApvgenError) as error:
        raise ProjectError(f"{path} is damaged ({error}); analyse again.") from error


def _drawing_hash(settings: Settings) -> str:
    """Of everything in the settings that decides, with the analysis, what is drawn."""
    stored = as_json(replace(settings, inputs={}, report={}, made_with={}))
    decisive = json.dumps([stored["options"]["align"], stored["edits"]], sort_keys=True)
    return hashlib.sha256(decisive.encode()).hexdigest()


def _analysis_from(arrays: tracks.Arrays, fps: Fraction) -> Analysis:
    hw, output_hw = (tuple(int(side) for side in arrays[name]) for name in ("hw", "output_hw"))
    return Analysis(
        driving=tracks.motion_from(arrays, "driving", hw, fps),
        driving_index=arrays["driving_index"],
        reference=tracks.motion_from(arrays, "reference", output_hw, Fraction(1)),
        window=_from_row(arrays["window"]),
        voice=VoiceFace(arrays["voice_mesh"], arrays["voice_rotation"], arrays["voice_opening"], fps),
        people=arrays.get("people"),
    )


def _alignment_from(arrays: tracks.Arrays, analysis: Analysis, fps: Fraction) -> Alignment:
    drawn = {
        f"drawn_{name}": value for name, value in arrays.items() if name.split("_")[0] in ("body", "hands", "face")
    }
    return Alignment(
        voice_face=tracks.track_from(arrays, "voice_face", FACE468, analysis.driving.hw, fps),
        fda=_from_row(arrays["fda"]),
        body_fit=_from_row(arrays["body_fit"]),
        target=tracks.motion_from(drawn, "drawn", analysis.reference.hw, fps, FACE468),
        lip_gap_kept=float(arrays["lip_gap_kept"]),
    )


def _as_row(affine: Affine) -> np.ndarray:
    return np.concatenate([affine.a, affine.b], -1)


def _from_row(row: np.ndarray) -> Affine:
    return Affine(row[..., :2], row[..., 2:])
