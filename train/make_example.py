"""Make the bundled example, byte for byte the same on every run: `python -m train.make_example`.

Writes `photo.jpg`, `motion.npz` and `voice.wav` to `assets/example/`.
"""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import click
import cv2
import numpy as np

from apvgen.config import Limits
from apvgen.files import complete_or_absent
from apvgen.keypoints import load_detector
from apvgen.media import read_image
from apvgen.retarget import fit_window, map_motion
from apvgen.tracks import save_motion
from apvgen.types import HW, Motion
from train.gesture import gesture
from train.synthetic.speaker import say
from train.voice_speech import Voice

EXAMPLE = Path(__file__).parents[1] / "assets" / "example"
TEXT = "Hello! Give me a photo, a dance and a voice, and I will bring them together."
VOICE = Voice("en-us+Annie", speed=155)
PEAK = 0.6
CROP = slice(0, 510), slice(30, 370)
"""Rows and columns of scikit-image's astronaut: head and both arms in the shape of the output."""
JPEG_QUALITY = 95
HW_OUT: HW = (768, 512)
FPS = Fraction(25)
FRAMES = 132


def make_photo(path: Path) -> None:
    """The astronaut Eileen Collins, cropped; JPEG."""
    from skimage.data import astronaut

    picture = np.ascontiguousarray(astronaut()[CROP][..., ::-1])
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    write(path, encoded.tobytes())


def make_voice(path: Path, text: str = TEXT, voice: Voice = VOICE) -> None:
    """A text, spoken; 16-bit mono WAV."""
    import soundfile

    said = say(text, voice)
    quantised = np.round(said.samples * (PEAK * 32767 / np.abs(said.samples).max())).astype(np.int16)
    wav = io.BytesIO()
    soundfile.write(wav, quantised, said.rate, format="WAV")
    write(path, wav.getvalue())


def make_motion(photo: Path) -> Motion:
    """A loop of gestures by the person of `photo`, in pixels of the output."""
    found = load_detector("mediapipe").detect_image(read_image(photo, Limits()))
    return gesture(map_motion(found, fit_window(found.hw, HW_OUT), HW_OUT), FRAMES, FPS)


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=EXAMPLE, show_default=True)
def main(out: Path) -> None:
    """Write the example to OUT."""
    make_photo(out / "photo.jpg")
    make_voice(out / "voice.wav")
    save_motion(out / "motion.npz", make_motion(out / "photo.jpg"))


def write(path: Path, content: bytes) -> None:
    """The whole file or none."""
    with complete_or_absent(path) as temporary:
        temporary.write_bytes(content)


if __name__ == "__main__":
    main()
