"""The README's picture, from the bundled example: `python -m train.make_readme_picture`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from apvgen import pipeline, project
from apvgen.config import Options
from apvgen.draft import DraftRenderer
from apvgen.pose import draw_pose
from apvgen.preview import overlay, titled

ASSETS = Path(__file__).resolve().parents[1] / "assets"
TITLES = ("photo", "pose: driving motion + face from the voice", "pose on the photo", "draft")
FRAME = 45


def main() -> None:
    """Analyse the example and lay one frame's way side by side."""
    inputs = {"reference": "photo.jpg", "driving": "motion.npz", "voice": "voice.wav"}
    with tempfile.TemporaryDirectory() as folder:
        animator = pipeline.Animator(Options(detector="mediapipe"))
        made = animator.analyse({role: ASSETS / "example" / name for role, name in inputs.items()}, Path(folder))
        analysis, alignment = project.load_tracks(made)
        reference = pipeline.load_reference(made, analysis)
    pose = draw_pose(alignment.target, FRAME, made.settings.options.face_style)
    draft = DraftRenderer(reference).render(alignment.target, FRAME)
    pictures = (reference.image, pose, overlay(reference.image, pose), draft)
    row = np.concatenate([titled(picture, title) for picture, title in zip(pictures, TITLES, strict=True)], 1)
    (ASSETS / "readme").mkdir(exist_ok=True)
    Image.fromarray(row).save(ASSETS / "readme" / "path.jpg", quality=88)


if __name__ == "__main__":
    main()
