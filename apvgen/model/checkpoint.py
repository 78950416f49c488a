"""Checkpoint folders.

    checkpoint.json     what the weights are: `CheckpointInfo`, with the hash of every other file
    unet/ controlnext/ vae/ image_encoder/      each a config.json and safetensors

`vae` and `image_encoder` may be absent: then `base` names the folder that has them, beside this one or in the
checkpoints folder. Reading what a checkpoint is imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, get_args

from apvgen.config import FaceStyle
from apvgen.errors import CheckpointError, OutputError
from apvgen.types import HW

if TYPE_CHECKING:
    import torch

    from apvgen.model.models import Models

FORMAT = 1
BACKBONE = "controlnext-svd"
METADATA = "checkpoint.json"
PARTS = ("unet", "controlnext", "vae", "image_encoder")
SHARED_PARTS = ("vae", "image_encoder")
"""Parts that fine-tuning leaves alone, so that many checkpoints can share them."""
FOLDER_VARIABLE = "APVGEN_CHECKPOINTS"
BUNDLED = Path(__file__).resolve().parents[2] / "assets" / "checkpoints"
"""Checkpoints that come with the program."""

OnFile = Callable[[int, int], None]
"""(files so far, files in all)."""


@dataclass(frozen=True)
class CheckpointInfo:
    """`checkpoint.json` and where it lies.

    face_style: how faces were drawn in the pose frames that the weights were trained on. hw: pixels. window: frames
    that the weights were trained on at once. guidance, initial_noise: what renders do unless told otherwise, as in
    `sampler.settings.Settings`; None where nothing else than usual is advised. base: folder of `vae` and
    `image_encoder`, None if they are inside. files: sha256 of each file, by its path in the folder. Raises ValueError
    for values out of range.
    """

    folder: Path
    name: str
    face_style: FaceStyle = "mesh"
    hw: HW = (768, 512)
    fps: Fraction = Fraction(25)
    window: int = 24
    guidance: float | None = None
    initial_noise: float | None = None
    training_step: int = 0
    licence: str = "unknown"
    base: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    backbone: str = BACKBONE

    def __post_init__(self) -> None:
        if self.face_style not in get_args(FaceStyle):
            raise ValueError(f"face_style must be one of {', '.join(get_args(FaceStyle))}, not {self.face_style!r}")
        if any(side <= 0 or side % 64 for side in self.hw):
            raise ValueError(f"hw must be multiples of 64 px, not {self.hw}")
        if self.fps <= 0 or self.window < 2 or self.training_step < 0:
            raise ValueError("fps must be positive, window at least 2, training_step at least 0")
        guidance, noise = 1 if self.guidance is None else self.guidance, self.initial_noise or 0
        if not (1 <= guidance <= 100 and 0 <= noise <= 1):
            raise ValueError("guidance must lie between 1 and 100, initial_noise between 0 and 1")

    def part(self, name: str) -> Path:
        """The subfolder of a network; raises CheckpointError when `base` is needed and absent."""
        if self.base is None or name not in SHARED_PARTS:
            return self.folder / name
        places = [self.folder.parent / self.base, checkpoints_folder() / self.base]
        for place in places:
            if (place / name).is_dir():
                return place / name
        raise CheckpointError(
            f"{self.folder} needs {name} of its base {self.base}, which is in neither {places[0]} nor {places[1]}; "
            f"run: python -m apvgen checkpoints download {self.base}."
        )


def checkpoints_folder() -> Path:
    """`APVGEN_CHECKPOINTS`, or a folder of the user's data on this system."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen)
    from platformdirs import user_data_path

    return user_data_path("apvgen") / "checkpoints"


def checkpoint_roots() -> tuple[Path, Path]:
    """Folders whose subfolders are checkpoints: the person's own, which go first, and those bundled."""
    return checkpoints_folder(), BUNDLED


def checkpoint_named(name: str) -> Path:
    """The folder of a checkpoint, which may not exist: a path, or a name among one's own and those bundled."""
    own, bundled = checkpoint_roots()
    places = (Path(name), own / name, bundled / name)
    nowhere = Path(name) if Path(name).exists() else own / name
    return next((place for place in places if (place / METADATA).is_file()), nowhere)


def read_info(folder: Path) -> CheckpointInfo:
    """What the checkpoint in `folder` is; raises CheckpointError, one sentence, if it is none or is not whole."""
    path = folder / METADATA
    if not path.is_file():
        raise CheckpointError(f"{folder} is no checkpoint: it has no {METADATA}; convert published weights first.")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({_reason(error)}); get the checkpoint again.") from error
    version = stored.get("format") if isinstance(stored, dict) else None
    if not isinstance(version, int) or version > FORMAT:
        raise CheckpointError(f"{path} has format {version}, this program reads up to {FORMAT}; update it.")
    info = _parsed(path, stored)
    _check_present(info)
    return info


def list_checkpoints(roots: Iterable[Path]) -> tuple[CheckpointInfo, ...]:
    """The readable checkpoints directly inside `roots`, by name; `examine_checkpoints` also tells of damaged ones."""
    return examine_checkpoints(roots)[0]


def examine_checkpoints(roots: Iterable[Path]) -> tuple[tuple[CheckpointInfo, ...], dict[Path, str]]:
    """The readable checkpoints directly inside `roots`, by name, and of each damaged one what is wrong."""
    found, damaged = [], {}
    for path in sorted(path for root in roots for path in root.glob(f"*/{METADATA}")):
        try:
            found.append(read_info(path.parent))
        except CheckpointError as error:
            damaged[path.parent] = str(error)
    return tuple(sorted(found, key=lambda info: info.name)), damaged


def load_models(info: CheckpointInfo, device: torch.device | str, dtype: torch.dtype | None = None) -> Models:
    """All four networks on `device`, for inference.

    dtype: None keeps what the files have. Raises CheckpointError unless every part is whole and of this architecture.
    """
    from apvgen.model.models import Models
    from apvgen.model.parts import load_part

    unet, control, vae, image_encoder = (load_part(info.part(part), part, device, dtype) for part in PARTS)
    if control.config.out_channels != unet.config.block_out_channels[0]:
        raise CheckpointError(
            f"{info.folder} joins a control branch of {control.config.out_channels} channels to a UNet of "
            f"{unet.config.block_out_channels[0]}; they belong to different checkpoints."
        )
    return Models(unet, control, vae, image_encoder)


def save_checkpoint(
    folder: Path, models: Models, info: CheckpointInfo, dtype: torch.dtype | None = None
) -> CheckpointInfo:
    """Write `models` as the checkpoint `folder`, whole or not at all; a checkpoint that is there is replaced.

    info: everything but `folder` and `files`, which are set here. With a `base`, `vae` and `image_encoder` are not
    written. dtype: of the numbers in the files; None keeps those of the networks. Raises OutputError when the folder is
    something else or the disk is full.
    """
    from apvgen.model.parts import save_part

    networks = (models.unet, models.control, models.vae, models.image_encoder)
    with new_checkpoint(folder, info) as inside:
        for part, network in zip(PARTS, networks, strict=True):
            if info.base is None or part not in SHARED_PARTS:
                save_part(network, inside / part, dtype)
    return read_info(folder)


@contextmanager
def new_checkpoint(folder: Path, info: CheckpointInfo) -> Iterator[Path]:
    """Give an empty folder beside `folder` to write parts into; then add `checkpoint.json` and rename it there.

    Raises OutputError when `folder` holds anything but a checkpoint, cannot be written or the disk is full.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / METADATA).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists and is no checkpoint, so it is not replaced; name another folder.")
    with _full_disk_explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            inside = temporary / "new"
            inside.mkdir()
            yield inside
            _write_info(inside, info)
            _put_in_place(inside, folder, temporary / "old")
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _put_in_place(new: Path, folder: Path, aside: Path) -> None:
    """Rename `new` to `folder`; what is there goes to `aside`, or comes back if that fails."""
    if folder.exists():
        folder.rename(aside)
    try:
        new.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise


def verify(info: CheckpointInfo, on_file: OnFile | None = None) -> None:
    """Raise CheckpointError unless every file has its recorded hash and every part's weights fit its configuration."""
    from apvgen.model.parts import check_part

    for done, (name, expected) in enumerate(info.files.items(), 1):
        found = file_sha256(info.folder / name)
        if found != expected:
            raise CheckpointError(
                f"{info.folder / name} has changed or is damaged (sha256 {found[:12]}…, recorded {expected[:12]}…); "
                "get the checkpoint again."
            )
        if on_file:
            on_file(done, len(info.files))
    for part in PARTS:
        check_part(info.part(part), part)


def file_sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits. Raises CheckpointError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); check the path.") from error


def _parsed(path: Path, stored: dict[str, Any]) -> CheckpointInfo:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(CheckpointInfo).validate_python(stored | {"folder": path.parent})
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()
        raise CheckpointError(f"{path} is damaged ({reason}); get the checkpoint again.") from error


def _write_info(folder: Path, info: CheckpointInfo) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in paths}
    stored = {"format": FORMAT} | vars(replace(info, files=files)) | {"fps": str(info.fps)}
    del stored["folder"]
    (folder / METADATA).write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")


def _check_present(info: CheckpointInfo) -> None:
    if info.backbone != BACKBONE:
        raise CheckpointError(f"{info.folder} is for the backbone {info.backbone}; this one is {BACKBONE}.")
    absent = [name for name in info.files if not (info.folder / name).is_file()]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise CheckpointError(f"{info.folder} lacks {absent[0]}{more}; get the checkpoint again.")


@contextmanager
def _full_disk_explained(folder: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"Cannot write {folder} ({_reason(error)}); free some space or name another folder."
        ) from error


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
