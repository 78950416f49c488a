"""The built-in voice model: geometry of the face, independence of the recording, articulation, and real video."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from apvgen.audio2face import builtin, features, load_voice_model
from apvgen.audio2face import landmarks as lm
from apvgen.audio2face.articulation import CHANNELS, FRAME_RATE, at_frames
from apvgen.audio2face.mesh import FaceRig, frontal, load_fields
from apvgen.audio2face.network import load_network
from apvgen.errors import InputError, MissingModelError, NoPersonError
from apvgen.types import Audio
from train import voice_augment
from train.voice_corpus import HELD_OUT_VARIANTS
from train.voice_speech import Synthesizer, Utterance, Voice

FPS = Fraction(25)
RATE = features.SAMPLE_RATE


def posed(**channels: float) -> np.ndarray:
    """Articulation `[1, channels]` with the named channels set."""
    return np.array([[channels.get(name, 0.0) for name in CHANNELS]])


def sound(samples: np.ndarray, rate: int = RATE) -> Audio:
    return Audio(np.atleast_2d(samples).astype(np.float32), rate)


@pytest.fixture(scope="module")
def faces(golden) -> list[np.ndarray]:
    """Meshes of six real faces, some turned or tilted, in pixels."""
    stored = np.load(golden / "aniportrait" / "face_geometry.npz")
    scale = [(w, h, w) for h, w in stored["image_hw"]]
    return list((stored["landmarks"] * np.array(scale)[:, None]).astype(np.float32))


@pytest.fixture(scope="module")
def rig(faces) -> FaceRig:
    return FaceRig.of(faces[0], load_fields(builtin.ASSETS))


@pytest.fixture(scope="module")
def model() -> builtin.BuiltinVoice:
    return load_voice_model()


@pytest.fixture(scope="module")
def engine() -> Synthesizer:
    return Synthesizer()


@pytest.fixture(scope="module")
def sentence(engine) -> Audio:
    spoken = engine.speak(
        "My baby bought five big apples, and a few more. Papa was happy.", Voice("en+Hugo", speed=150)
    )
    return sound(spoken.samples, spoken.rate)


# --- geometry ---------------------------------------------------------------------------------------------------------


def test_frontal_mesh_does_not_depend_on_how_the_head_was_turned(faces):
    from scipy.spatial.transform import Rotation

    for angles in ((20, 0, 0), (0, 35, 0), (-15, 20, 30)):
        turned = faces[0] @ Rotation.from_euler("xyz", angles, degrees=True).as_matrix().T + 100
        assert np.allclose(frontal(turned), frontal(faces[0]), atol=1e-2)


def test_frontal_faces_are_upright_level_and_seen_from_the_front(faces):
    for face in faces:
        straight = frontal(face)
        height = straight[lm.CHIN, 1] - straight[lm.FOREHEAD, 1]
        left, right = straight[lm.MIRRORED_PAIRS].swapaxes(0, 1)
        assert height > 0
        assert (right[:, 0] > left[:, 0]).all()
        assert np.abs((right - left)[:, 1:]).mean() < 0.03 * height
        assert straight[lm.NOSE_TIP, 2] < straight[lm.EAR_LEFT, 2]


def test_every_reference_mouth_is_shut_at_rest(faces):
    for face in faces:
        rest = FaceRig.of(face, load_fields(builtin.ASSETS)).rest
        gaps = rest[lm.INNER_LOWER, 1] - rest[lm.INNER_UPPER, 1]
        assert np.abs(gaps).max() < 1e-4 * np.ptp(rest[:, 1])


def test_the_gap_is_what_was_asked_whatever_the_jaw_does(rig):
    for jaw in (0.0, 0.5, 1.0):
        assert rig.gap(rig.articulate(posed(opening=0.5, jaw=jaw)))[0] == pytest.approx(0.075, abs=2e-3)


def test_pressed_lips_touch_however_wide_jaw_and_opening(rig):
    assert rig.gap(rig.articulate(posed(opening=1, jaw=1, press=1)))[0] < 2e-3


def test_the_jaw_lowers_the_chin_and_leaves_nose_and_eyes(rig):
    moved = rig.articulate(posed(jaw=1, opening=0.8))[0] - rig.rest
    assert 0.05 * rig.height < moved[lm.CHIN, 1] < 0.15 * rig.height
    still = [lm.NOSE_TIP, lm.EYE_OUTER_LEFT, lm.EYE_OUTER_RIGHT, lm.EAR_LEFT, lm.FOREHEAD, 159, 386]
    assert np.abs(moved[still]).max() < 0.002 * rig.height


def test_rounding_narrows_and_protrudes_and_spreading_widens(rig):
    width = lambda v: v[0, lm.MOUTH_RIGHT, 0] - v[0, lm.MOUTH_LEFT, 0]  # noqa: E731
    rest, rounded, spread = (rig.articulate(posed(**c)) for c in ({}, {"rounding": 1}, {"spread": 1}))
    assert width(rounded) < 0.8 * width(rest) < width(rest) < 0.9 * width(spread)
    assert (rounded[0, lm.LIPS, 2] < rest[0, lm.LIPS, 2]).all()


def test_tucking_brings_the_lower_lip_up_and_back(rig):
    tucked = rig.articulate(posed(tuck=1))[0] - rig.rest
    assert tucked[14, 1] < 0
    assert tucked[14, 2] > 0


def test_lids_meet_in_a_blink_and_the_mouth_stays(rig):
    shut = rig.close_lids(rig.rest[None], np.ones(1))[0]
    aperture = np.linalg.norm(shut[lm.UPPER_LIDS] - shut[lm.LOWER_LIDS], axis=1)
    assert aperture.max() < 0.06 * np.linalg.norm(rig.rest[159] - rig.rest[145]) + 0.2
    assert np.abs(shut - rig.rest)[lm.LIPS].max() < 1e-3 * rig.height


def test_a_face_with_gaps_or_of_another_size_is_refused(faces):
    torn = faces[0].copy()
    torn[5] = np.nan
    with pytest.raises(NoPersonError, match="whole face"):
        frontal(torn)
    with pytest.raises(InputError, match="68, 3"):
        frontal(np.zeros((68, 3)))


# --- sound to features ------------------------------------------------------------------------------------------------


def test_white_noise_of_unit_variance_is_0_db_in_every_band():
    noise = np.random.default_rng(0).standard_normal(RATE * 4).astype(np.float32)
    power = 10 ** (features.mel_power_db(noise) / 10)
    assert np.abs(10 * np.log10(power[5:-5].mean(0))).max() < 0.6


def test_a_tone_is_loudest_in_the_band_that_it_lies_in():
    time = np.arange(RATE) / RATE
    for band in (8, 20, 35):
        tone = np.sin(2 * np.pi * features.band_centres()[band] * time).astype(np.float32)
        assert features.mel_power_db(tone)[50].argmax() == band


def test_features_are_computed_in_chunks_without_a_trace(sentence, monkeypatch):
    whole = features.log_mel(sentence)
    monkeypatch.setattr(features, "_CHUNK_FRAMES", 37)
    monkeypatch.setattr(features, "_CHUNK_SECONDS", 1)
    assert np.abs(features.log_mel(sentence) - whole).max() < 2e-3


def test_level_and_channels_do_not_matter(sentence):
    quiet_stereo = sound(np.stack([sentence.mono, sentence.mono]) * 0.1, sentence.rate)
    assert np.abs(features.log_mel(quiet_stereo) - features.log_mel(sentence)).max() < 1e-2


def test_sound_that_is_not_finite_is_refused():
    with pytest.raises(InputError, match="NaN"):
        features.log_mel(sound(np.array([0.0, np.nan])))


# --- articulation in time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_frames_sample_the_mouth_at_their_own_times(fps):
    track = np.zeros((500, len(CHANNELS)))
    track[:, 1] = 0.5 + 0.4 * np.sin(2 * np.pi * np.arange(500) / FRAME_RATE)
    frames = int(9 * fps)
    expected = 0.5 + 0.4 * np.sin(2 * np.pi * np.arange(frames) / float(fps))
    assert np.abs(at_frames(track, fps, frames)[5:-5, 1] - expected[5:-5]).max() < 0.03


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30), Fraction(60)])
def test_a_closure_of_60_ms_is_seen_at_every_frame_rate_and_phase(fps):
    for start in range(20, 30):
        track = np.zeros((100, len(CHANNELS)))
        track[start : start + 3, 4] = 1
        assert at_frames(track, fps, int(2 * fps))[:, 4].max() > 0.99


# --- the model --------------------------------------------------------------------------------------------------------


def said(model, spoken: Utterance, ipa: str, channel: str) -> np.ndarray:
    """The model's channel in the middle of every phone that contains `ipa`."""
    track = at_frames(
        model.mouth(features.log_mel(sound(spoken.samples, spoken.rate))), Fraction(100), int(spoken.duration * 100)
    )
    times = [
        (p.start + (p.release if ipa in "pb" else p.end)) / 2 for p in spoken.phones if ipa in p.ipa and p.start > 0.1
    ]
    return np.interp(times, np.arange(len(track)) / 100, track[:, CHANNELS.index(channel)])


@pytest.mark.parametrize("variant", HELD_OUT_VARIANTS)
def test_bilabials_shut_the_lips_of_a_voice_never_trained_on(model, engine, variant):
    spoken = engine.speak("[[ap'apa am'ama ab'aba ap'api am'ami]]", Voice(f"en+{variant}", speed=130))
    press = np.concatenate([said(model, spoken, ipa, "press") for ipa in "pmb"])
    assert np.mean(press > 0.8) >= 0.8
    assert np.mean(said(model, spoken, "a", "press")) < 0.1


@pytest.mark.parametrize("variant", HELD_OUT_VARIANTS)
def test_a_opens_more_than_i_and_u_and_u_is_rounder(model, engine, variant):
    spoken = engine.speak("[[k'a:ta: k'i:ti: k'u:tu: g'a:da: g'i:di: g'u:du:]]", Voice(f"en+{variant}", speed=120))
    a, i, u = (said(model, spoken, ipa, "opening").mean() for ipa in "aiu")
    assert a > 1.5 * i
    assert a > 1.5 * u
    assert said(model, spoken, "u", "rounding").mean() > 2 * said(model, spoken, "i", "rounding").mean()


def test_silence_noise_and_music_leave_the_mouth_at_rest(model, faces):
    rng = np.random.default_rng(5)
    length = 4 * RATE
    for quiet in (np.zeros(length), 1e-4 * rng.standard_normal(length), 0.1 * voice_augment.noise(length, rng),
                  0.1 * voice_augment.music(length, rng)):  # fmt: skip
        spoken = model.animate(sound(quiet), faces[0], FPS, 100, seed=0)
        assert np.percentile(spoken.opening, 95) < 0.01


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_exactly_as_many_frames_as_asked_and_rest_after_the_end(model, faces, sentence, fps):
    frames = int((sentence.duration + 2) * fps)
    face = model.animate(sentence, faces[0], fps, frames, seed=0)
    assert len(face) == frames
    assert face.fps == fps
    assert face.opening[int((sentence.duration + Fraction(1, 2)) * fps) :].max() < 2e-3
    assert face.opening.max() > 0.03


def test_a_voice_cut_off_in_a_vowel_closes_smoothly(model, engine, faces):
    spoken = engine.speak("[[t'a:ta:ta:]]", Voice("en+Hugo", speed=120))
    vowel = [p for p in spoken.phones if "a" in p.ipa][-1]
    cut = sound(spoken.samples[: int((vowel.start + vowel.end) / 2 * spoken.rate)], spoken.rate)
    opening = model.animate(cut, faces[0], Fraction(50), 150, seed=0).opening
    assert opening[int(cut.duration * 50) - 2] > 0.02
    assert np.abs(np.diff(opening[int(cut.duration * 50) - 2 :])).max() < 0.25 * opening.max()


@pytest.mark.parametrize("frames", [0, 1, 10])
def test_a_voice_longer_than_the_frames_and_an_empty_one_work(model, faces, sentence, frames):
    for audio in (sentence, sound(np.zeros(0)), sound(np.zeros(3))):
        assert len(model.animate(audio, faces[0], FPS, frames, seed=0)) == frames


def test_the_same_seed_gives_the_same_bytes_and_another_only_other_eyes(model, faces, sentence):
    first, again, other = (model.animate(sentence, faces[0], FPS, 120, seed) for seed in (1, 1, 2))
    assert first.vertices.tobytes() == again.vertices.tobytes()
    assert not np.array_equal(first.vertices[:, lm.UPPER_LIDS], other.vertices[:, lm.UPPER_LIDS])
    assert np.array_equal(first.opening, other.opening)


def test_chunks_of_the_network_leave_no_trace(model, sentence, monkeypatch):
    mel = features.log_mel(sentence)
    whole = model.mouth(mel)
    monkeypatch.setattr(builtin, "_CHUNK", 50)
    assert np.abs(model.mouth(mel) - whole).max() < 1e-5


def test_a_telephone_rate_moves_the_lips_as_a_studio_rate_does(model, faces, sentence):
    import soxr

    openings = []
    for rate in (8000, 48000):
        resampled = sound(soxr.resample(sentence.mono, sentence.rate, rate), rate)
        openings.append(model.animate(resampled, faces[0], FPS, 150, seed=0).opening)
    assert np.corrcoef(*openings)[0, 1] > 0.9


def test_lips_do_not_jitter(model, faces, sentence):
    opening = model.animate(sentence, faces[0], Fraction(50), 250, seed=0).opening
    spectrum = np.abs(np.fft.rfft(opening - opening.mean())) ** 2
    frequency = np.fft.rfftfreq(len(opening), 1 / 50)
    assert spectrum[frequency > 12].sum() < 0.05 * spectrum.sum()


def test_missing_or_wrong_weights_are_named(tmp_path):
    from safetensors.numpy import save_file

    with pytest.raises(MissingModelError, match="absent"):
        load_network(tmp_path)
    (tmp_path / "voice.json").write_text((builtin.ASSETS / "voice.json").read_text())
    save_file({"halve.weight": np.zeros((2, 2), np.float32)}, tmp_path / "voice.safetensors")
    with pytest.raises(MissingModelError, match="another version"):
        load_network(tmp_path)
    with pytest.raises(InputError, match="choose builtin"):
        load_voice_model("nobody")


def test_the_shipped_model_is_small_and_says_where_it_comes_from():
    import json

    assert sum(path.stat().st_size for path in builtin.ASSETS.iterdir()) < 5_000_000
    assert {"licence", "command", "held_out"} <= json.loads((builtin.ASSETS / "voice.json").read_text()).keys()


# --- real video -------------------------------------------------------------------------------------------------------


def video_and_sound(path: Path) -> tuple[np.ndarray, Audio]:
    import av

    with av.open(str(path)) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    with av.open(str(path)) as container:
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
        return frames, Audio(np.concatenate(parts, axis=1), container.streams.audio[0].rate)


def measured_opening(frames: np.ndarray) -> np.ndarray:
    """Inner-lip gap over face height that MediaPipe finds in each frame."""
    import mediapipe as mp

    points = []
    with mp.solutions.face_mesh.FaceMesh(refine_landmarks=True) as mesh:
        for frame in frames:
            found = mesh.process(np.ascontiguousarray(frame)).multi_face_landmarks[0].landmark
            points.append([(found[k].x * frame.shape[1], found[k].y * frame.shape[0]) for k in (13, 14, 10, 152)])
    upper, lower, top, chin = np.array(points).swapaxes(0, 1)
    return np.linalg.norm(upper - lower, axis=1) / np.linalg.norm(top - chin, axis=1)


@pytest.mark.media
def test_lips_follow_a_real_speaker_far_better_than_loudness_does(model, faces, media):
    frames, audio = video_and_sound(media / "talking" / "speech_pair_30fps.mp4")
    seen = measured_opening(frames[:, :, frames.shape[2] // 2 :])
    spoken = model.animate(audio, faces[0], Fraction(30), len(seen), seed=0).opening
    assert np.corrcoef(spoken, seen)[0, 1] >= 0.60
