"""The bundled example: small, reproducible, and a motion that a human body could make."""

import wave
from pathlib import Path

import numpy as np
import pytest

from apvgen.config import Limits
from apvgen.head import driving_rotation
from apvgen.keypoints import load_detector
from apvgen.media import read_image
from apvgen.pose import pose_frames
from apvgen.retarget import fit_body, fit_window, map_motion
from apvgen.tracks import load_motion
from apvgen.types import Motion
from train import make_drawn_examples, make_example

EXAMPLE = make_example.EXAMPLE
ARMS = [(2, 3), (3, 4), (5, 6), (6, 7)]


@pytest.fixture(scope="module")
def motion() -> Motion:
    return load_motion(EXAMPLE / "motion.npz")


@pytest.fixture(scope="module")
def person(motion: Motion) -> Motion:
    """The photo's person in output pixels."""
    found = load_detector("mediapipe").detect_image(read_image(EXAMPLE / "photo.jpg", Limits()))
    return map_motion(found, fit_window(found.hw, motion.hw), motion.hw)


def test_the_folder_is_small_and_its_readme_names_every_file():
    files = [path for path in EXAMPLE.iterdir() if path.is_file() and path.name != "README.md"]
    assert sum(path.stat().st_size for path in files) < 1_500_000
    readme = (EXAMPLE / "README.md").read_text("utf-8")
    assert {path.name for path in files} == {"photo.jpg", "motion.npz", "voice.wav"}
    assert all(f"`{path.name}`" in readme for path in files)


@pytest.mark.parametrize("name", make_drawn_examples.CHARACTERS)
def test_a_drawn_example_is_small_made_again_and_found_by_the_detector(name: str, tmp_path: Path):
    make_drawn_examples.make_drawn(make_drawn_examples.CHARACTERS[name], tmp_path)
    files = {path.name: path.read_bytes() for path in (EXAMPLE / name).iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    assert all((tmp_path / name).read_bytes() == files[name] for name in ("photo.png", "voice.wav"))
    assert sum(map(len, files.values())) < 1_100_000
    again, motion = (load_motion(folder / "motion.npz") for folder in (tmp_path, EXAMPLE / name))
    np.testing.assert_array_equal(again.body.xy, motion.body.xy)
    found = load_detector("mediapipe").detect_image(read_image(EXAMPLE / name / "photo.png", Limits()))
    assert found.face.seen.all()


def test_the_photo_is_made_again_byte_for_byte(tmp_path: Path):
    make_example.make_photo(tmp_path / "photo.jpg")
    assert (tmp_path / "photo.jpg").read_bytes() == (EXAMPLE / "photo.jpg").read_bytes()


def test_the_motion_is_made_again(motion: Motion):
    again = make_example.make_motion(EXAMPLE / "photo.jpg")
    for ours, theirs in ((motion.body, again.body), (motion.hands, again.hands), (motion.face, again.face)):
        np.testing.assert_allclose(ours.xy, theirs.xy, atol=0.5)  # another processor may detect a fraction of a px off
        np.testing.assert_array_equal(ours.score, theirs.score)


def test_the_voice_is_made_again_byte_for_byte(tmp_path: Path):
    make_example.make_voice(tmp_path / "voice.wav")
    assert (tmp_path / "voice.wav").read_bytes() == (EXAMPLE / "voice.wav").read_bytes()


def test_the_voice_is_about_five_seconds_and_not_longer_than_the_motion(motion: Motion):
    with wave.open(str(EXAMPLE / "voice.wav")) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
        assert (sound.getnchannels(), sound.getframerate()) == (1, 22050)
        assert 4.5 < sound.getnframes() / sound.getframerate() <= len(motion) / motion.fps
    assert 0.5 < np.abs(samples).max() / 32767 < 0.7
    assert np.sqrt(np.mean((samples / 32767) ** 2)) > 0.03


def test_limbs_keep_their_length(motion: Motion):
    for a, b in ARMS:
        length = np.linalg.norm(motion.body.xy[:, a] - motion.body.xy[:, b], axis=-1)
        assert np.ptp(length) < 0.25, f"limb {a}-{b}"


def test_the_face_is_one_solid_body_that_turns_gently(motion: Motion):
    mesh = np.concatenate([motion.face.xy, motion.face.depth[..., None]], -1).astype(float)
    apart = np.linalg.norm(mesh[:, [10, 152, 234]] - mesh[:, [454, 1, 386]], axis=-1)
    assert np.ptp(apart, axis=0).max() < 0.5
    turn = driving_rotation(motion.face, mesh[0])
    degrees = np.degrees(np.arccos((np.trace(turn, axis1=1, axis2=2) - 1) / 2))
    assert 4 < degrees.max() < 25


def test_wrists_meet_the_hands(motion: Motion):
    np.testing.assert_allclose(motion.hands.xy[:, :, 0], motion.body.xy[:, [7, 4]], atol=0.1)


def test_hands_gesture_inside_the_picture(motion: Motion):
    height, width = motion.hw
    inside = ((motion.hands.xy > 0) & (motion.hands.xy < (width, height))).all(-1)
    assert inside.mean() > 0.95
    assert (np.ptp(motion.body.xy[:, [4, 7], 1], axis=0) > 0.15 * height).all()


def test_the_motion_is_smooth_also_where_it_loops(motion: Motion):
    hands = motion.hands.xy.reshape(len(motion), -1, 2)
    speed = np.linalg.norm(np.diff(hands, axis=0, append=hands[:1]), axis=-1).max(1)
    jerk = np.abs(np.diff(speed, append=speed[:1]))
    assert speed.max() < 0.06 * motion.hw[0]
    assert speed[-1] < np.percentile(speed, 95)
    assert jerk[-2:].max() <= jerk.max()
    assert len(motion) == make_example.FRAMES


def test_the_motion_fits_the_person_of_the_photo_as_it_is(motion: Motion, person: Motion):
    fitted = fit_body(motion.body, person.body)
    np.testing.assert_allclose(fitted.a, 1, atol=0.03)
    mapped = fitted.apply(motion.body.xy)[:, [2, 5]].mean(0)
    np.testing.assert_allclose(mapped, person.body.xy[0, [2, 5]], atol=0.02 * motion.hw[0])


def test_every_frame_shows_body_hands_and_face(motion: Motion):
    lit = [np.count_nonzero(frame.any(-1)) for frame in pose_frames(motion.take(slice(None, None, 11)), "mesh")]
    assert min(lit) > 3000
