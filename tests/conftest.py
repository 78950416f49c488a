"""Where tests find the reference numbers and real media, and small helpers that several test files share."""

from dataclasses import replace
from fractions import Fraction
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from stick_person import real_mesh, stick_person
from studio_browser import address, browser, tab  # noqa: F401  (fixtures)

from apvgen import project
from apvgen.align import Analysis, align
from apvgen.config import Options
from apvgen.draft import DraftRenderer
from apvgen.edits import Edits
from apvgen.fda import STABLE_LANDMARKS
from apvgen.layouts import BODY18, FACE478, HANDS
from apvgen.model import checkpoint
from apvgen.process import wait_calmly
from apvgen.retarget import map_motion
from apvgen.tracks import save_motion
from apvgen.types import Affine, Layout, Motion, Reference, Track, VoiceFace

wait_calmly()  # torch is not imported yet

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(folder: str) -> Path:
    path = SHARED / folder
    if not path.is_dir():
        pytest.skip(f"NOT CHECKED: {path} is absent, so this part is unproved on this machine")
    return path


@pytest.fixture(autouse=True)
def nothing_bundled(monkeypatch):
    """Tests see the checkpoints that they make, and not the demo; `test_demo_checkpoint` does."""
    monkeypatch.setattr(checkpoint, "BUNDLED", Path("no such folder"))


@pytest.fixture(scope="session")
def golden() -> Path:
    return _shared("golden")


@pytest.fixture(scope="session")
def fill_weights(golden) -> ModuleType:
    """The weights behind the golden numbers: `.fill_(module, seed)`, `.synthetic_state_dict(manifest, seed)`."""
    spec = spec_from_file_location("fill_weights", golden / "fill_weights.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def media() -> Path:
    return _shared("media")


FPS, T, HW_IN, HW_OUT = Fraction(25), 12, (1024, 576), (768, 512)
SMALL_HW = (128, 64)


def _track(layout: Layout, xy: np.ndarray, hw: tuple[int, int], depth: np.ndarray | None = None) -> Track:
    return Track(layout, xy.astype(np.float32), np.isfinite(xy).all(-1).astype(np.float32), hw, FPS, depth)


@pytest.fixture
def analysis() -> Analysis:
    """A driver who turns the head and walks to the right; the voice drops the jaw in the second half."""
    rng = np.random.default_rng(0)
    neutral = rng.normal(0, 40, (468, 3)).astype(np.float32)
    turns = Rotation.from_euler("yz", np.stack([np.linspace(-25, 25, T), np.linspace(5, -5, T)], -1), degrees=True)
    head = 0.8 * np.einsum("tij,nj->tni", turns.as_matrix(), neutral) + [200, 150, 0]
    head[:, :, 0] += 4 * np.arange(T)[:, None]
    head = np.concatenate([head, head[:, :10]], 1).astype(np.float32)
    body = np.repeat(rng.uniform(100, 500, (1, 18, 2)), T, 0)
    driving = Motion(
        _track(BODY18, body, HW_IN),
        Track.empty(HANDS, T, HW_IN, FPS),
        _track(FACE478, head[..., :2], HW_IN, head[..., 2]),
    )
    reference = Motion(
        _track(BODY18, 0.5 * body[:1] + [10, 20], HW_OUT),
        Track.empty(HANDS, 1, HW_OUT, FPS),
        _track(FACE478, head[:1, :, :2], HW_OUT),
    )
    jaw = [k for k in range(468) if k not in STABLE_LANDMARKS]
    vertices = np.repeat(neutral[None], T, 0)
    vertices[T // 2 :, jaw, 1] += 12
    voice = VoiceFace(vertices, np.repeat(np.eye(3, dtype=np.float32)[None], T, 0), np.zeros(T, np.float32), FPS)
    return Analysis(driving, np.arange(T), reference, Affine.identity(), voice)


@pytest.fixture(scope="session")
def mesh() -> np.ndarray:
    """A real face mesh, float32 `[468, 2]` pixels, for the stick person's head."""
    return real_mesh()


@pytest.fixture(scope="session")
def reference(mesh) -> Reference:
    """A drawn person of coloured limbs whose parts are known to the pixel."""
    return stick_person(mesh)


@pytest.fixture(scope="session")
def renderer(reference) -> DraftRenderer:
    """A draft renderer of the stick person."""
    return DraftRenderer(reference)


@pytest.fixture
def analyser(analysis):
    """What makes the projects of `studio`."""
    from scripted_studio import ScriptedAnalyser

    return ScriptedAnalyser(Options(), analysis)


@pytest.fixture
def studio(tmp_path, monkeypatch, analyser):
    """A studio with its own folders; its models are the real ones."""
    from apvgen.studio.context import Studio
    from apvgen.studio.models import Models
    from apvgen.studio.store import Store

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    made = Studio(Store(tmp_path / "projects"), lambda _options: analyser, Models().backbone, tmp_path / "example")
    yield made
    analyser.go_on.set()
    made.board.close()


@pytest.fixture
def files(studio, analysis) -> tuple[str, str, str]:
    """Photo, motion and voice, uploaded."""
    import soundfile

    folder = studio.uploads / "abc"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    cv2.imwrite(str(folder / "photo.png"), rng.integers(0, 255, (768, 512, 3), np.uint8))
    save_motion(folder / "motion.npz", analysis.driving)
    soundfile.write(folder / "voice.wav", 0.3 * np.sin(np.arange(7680) / 20), 16000)
    return tuple(str(folder / name) for name in ("photo.png", "motion.npz", "voice.wav"))


@pytest.fixture
def opened(studio, files) -> str:
    """The name of a project that was analysed through the page."""
    from scripted_studio import DEFAULTS, ended

    from apvgen.studio import analysis

    name, _ = analysis.start(studio, *files, *DEFAULTS)
    ended(studio, name)
    return name


@pytest.fixture
def small_project(tmp_path, analysis) -> project.Project:
    """The shared analysis, shrunk to a size that a tiny network renders at once, with its three files."""
    scale = Affine(np.array(SMALL_HW[::-1]) / analysis.reference.hw[::-1], np.zeros(2))
    analysis = replace(analysis, reference=map_motion(analysis.reference, scale, SMALL_HW))
    import soundfile

    inputs = {"reference": tmp_path / "photo.png", "driving": tmp_path / "m.npz", "voice": tmp_path / "voice.wav"}
    cv2.imwrite(str(inputs["reference"]), np.random.default_rng(0).integers(0, 255, (*SMALL_HW, 3), np.uint8))
    save_motion(inputs["driving"], analysis.driving)
    soundfile.write(inputs["voice"], 0.3 * np.sin(np.arange(7680) / 20), 16000)
    options = Options(hw=SMALL_HW)
    made = project.create(tmp_path / "project", inputs, options)
    project.save_tracks(made, analysis, align(analysis, options.align, Edits(), SMALL_HW))
    return made
