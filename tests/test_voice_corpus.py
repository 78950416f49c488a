"""The synthetic corpus: are the phone times true, do mouths do what phonetics says, is training reproducible?"""

from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from apvgen.audio2face.articulation import CHANNELS, FRAME_RATE
from apvgen.audio2face.builtin import ASSETS
from apvgen.audio2face.features import BANDS, SAMPLE_RATE
from apvgen.audio2face.mesh import load_fields
from apvgen.errors import InputError
from train import voice_augment, voice_train
from train.voice_basis import build_basis, mesh_edges
from train.voice_corpus import VARIANTS, make_scene, resampled
from train.voice_gestures import articulation, symbols_of
from train.voice_speech import Synthesizer, Utterance, Voice
from train.voice_texts import languages, random_text

TIMES = np.arange(-40, 200) / FRAME_RATE


@pytest.fixture(scope="module")
def engine() -> Synthesizer:
    return Synthesizer()


def mouth_at(utterance: Utterance, ipa: str, channel: str) -> np.ndarray:
    """The channel's values in the middle of every phone that contains `ipa`."""
    track = articulation(utterance, TIMES)[:, CHANNELS.index(channel)]
    middles = [
        (p.start + p.release) / 2 if ipa in "pb" else (p.start + p.end) / 2 for p in utterance.phones if ipa in p.ipa
    ]
    assert middles
    return np.interp(middles, TIMES, track)


def test_phones_fill_the_sound_without_gaps(engine):
    spoken = engine.speak("My baby bought five big apples.", Voice("en"))
    assert spoken.phones[-1].end == pytest.approx(spoken.duration, abs=1e-6)
    for before, after in pairwise(spoken.phones):
        assert before.end <= after.start + 1e-9
        assert after.start - before.end < 0.01


@pytest.mark.parametrize("variant", ["", "+f2", "+klatt2"])
def test_a_voiceless_stop_holds_the_silence_before_its_burst(engine, variant):
    spoken = engine.speak("[[pap'apap'a]]", Voice("en" + variant))
    level = lambda start, end: np.abs(spoken.samples[int(start * spoken.rate) : int(end * spoken.rate)]).max()  # noqa: E731
    for stop in [p for p in spoken.phones if p.ipa == "p"][1:]:
        assert stop.release - stop.start > 0.02
        assert level(stop.start, stop.release - 0.004) < 0.2 * level(stop.start - 0.05, stop.start)


def test_unknown_voice_is_an_input_error(engine):
    with pytest.raises(InputError, match="xx-nowhere"):
        engine.speak("a", Voice("xx-nowhere"))


def test_every_language_is_spoken_in_phones_we_know(engine):
    rng = np.random.default_rng(0)
    for language in languages():
        phones = [
            p.ipa for p in engine.speak(random_text(language, rng), Voice(language.voice)).phones if p.ipa.strip("ˈˌ")
        ]
        known = [ipa for ipa in phones if symbols_of(ipa)]
        assert len(phones) > 3, language.voice
        assert len(known) >= 0.9 * len(phones), (language.voice, set(phones) - set(known))


def test_bilabials_shut_the_lips_and_labiodentals_meet_the_teeth(engine):
    spoken = engine.speak("[[p'apa m'ama b'aba f'afa v'ava]]", Voice("en", speed=130))
    for ipa in "pmb":
        assert (mouth_at(spoken, ipa, "press") > 0.8).all()
    for ipa in "fv":
        assert (mouth_at(spoken, ipa, "tuck") > 0.9).all()
        assert (mouth_at(spoken, ipa, "press") < 0.05).all()
    assert (mouth_at(spoken, "a", "press") < 0.1).all()


def test_open_vowels_open_close_ones_do_not_and_u_is_round(engine):
    spoken = engine.speak("[[t'a:ta: t'i:ti: t'u:tu:]]", Voice("en", speed=120))
    a, i, u = (mouth_at(spoken, ipa, "opening").mean() for ipa in "aiu")
    assert a > 1.5 * i > 1.5 * u
    assert mouth_at(spoken, "u", "rounding").mean() > 0.6 > 0.2 > mouth_at(spoken, "i", "rounding").mean()
    assert mouth_at(spoken, "i", "spread").mean() > 0.5


def test_the_mouth_moves_before_the_sound_and_rests_long_before(engine):
    track = articulation(engine.speak("[[:a]] ah", Voice("en")), TIMES)
    assert track[TIMES < -0.4, 0].max() < 0.02
    assert track[np.searchsorted(TIMES, -0.02), 0] > 0.05


def test_a_scene_is_the_same_for_the_same_seed_and_differs_for_another(engine):
    first, again, other = (make_scene(engine, np.random.default_rng(seed), VARIANTS) for seed in (3, 3, 4))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_slowing_an_utterance_moves_its_phones_along(engine):
    spoken = engine.speak("papa", Voice("en"))
    slow = resampled(spoken, 1.25)
    assert slow.duration == pytest.approx(1.25 * spoken.duration, rel=1e-3)
    assert slow.phones[-1].end == pytest.approx(slow.duration, rel=1e-3)


def test_effects_neither_shift_nor_lengthen_the_speech():
    rng = np.random.default_rng(0)
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[5000] = 1
    for effect in (
        voice_augment.room,
        voice_augment.equalise,
        voice_augment.saturate,
        voice_augment.hiss,
        voice_augment.telephone,
    ):
        changed = effect(click, rng)
        assert changed.shape == click.shape
        assert abs(int(np.abs(changed).argmax()) - 5000) <= 8, effect.__name__


def test_a_telephone_carries_no_treble():
    hiss = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(voice_augment.telephone(hiss, np.random.default_rng(1))))
    assert spectrum[7600:].mean() < 0.2 * spectrum[1000:2500].mean()


def test_band_warp_moves_a_peak_to_the_scaled_frequency():
    from apvgen.audio2face.features import band_centres

    assert np.allclose(voice_train.band_warp(1.0), np.eye(BANDS), atol=1e-6)
    peak = np.exp(-0.5 * ((np.arange(BANDS) - 20) / 1.5) ** 2)
    moved = band_centres()[(peak @ voice_train.band_warp(1.2)).argmax()]
    assert moved == pytest.approx(1.2 * band_centres()[20], rel=0.06)


def test_shipped_mesh_fields_are_what_the_script_makes():
    shipped, made = load_fields(ASSETS), build_basis()
    for name, field in made.items():
        assert np.allclose(shipped[name], field, atol=1e-5), name


def test_fields_are_harmonic_between_their_handles():
    jaw = build_basis()["jaw"][:, 0]
    edges = mesh_edges()
    neighbours = edges[(edges == 205).any(1)]
    around = neighbours[neighbours != 205]
    assert jaw[205] == pytest.approx(jaw[around].mean(), abs=1e-5)
    assert jaw[13] == 0
    assert jaw[14] == 1


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The debug preset trained in one go: losses, weights, folder."""
    folder = tmp_path_factory.mktemp("voice")
    losses = voice_train.train(voice_train.PRESETS["debug"], folder / "out", folder / "cache")
    return losses, folder


def test_training_lowers_the_loss_and_writes_a_loadable_model(toy):
    from apvgen.audio2face.builtin import BuiltinVoice

    losses, folder = toy
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:3])
    assert BuiltinVoice(folder / "out").mouth(np.zeros((11, BANDS), np.float32)).shape == (6, len(CHANNELS))


def test_an_interrupted_run_resumes_to_the_same_weights(toy):
    _, folder = toy
    config = voice_train.PRESETS["debug"]
    corpus = voice_train.cached_corpus(folder / "cache", "train", config.scenes, config.seed)
    straight, broken = voice_train.Run.start(config), voice_train.Run.start(config)
    whole = list(voice_train.steps(straight, corpus))
    early = list(islice(voice_train.steps(broken, corpus), 15))
    broken.save(folder / "half.pt")
    resumed = voice_train.Run.start(config)
    resumed.load(folder / "half.pt")
    assert early + list(voice_train.steps(resumed, corpus)) == whole
    for name, weight in straight.average.state_dict().items():
        assert torch.equal(weight, resumed.average.state_dict()[name]), name
