"""AniPortrait's networks: the original's numbers, its parameter names, and a decoder that remembers."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_aniportrait import WIDTH, tiny_networks
from transformers import Wav2Vec2Config

from apvgen.audio2face.audio2mesh import Audio2Mesh
from apvgen.audio2face.audio2pose import LONGEST, POSE, Audio2Pose, biased_mask
from apvgen.audio2face.wav2vec import normalised
from apvgen.errors import CheckpointError
from apvgen.model.weights import load_exactly
from benchmarks.audio2pose import recomputed

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def small_config(golden) -> Wav2Vec2Config:
    return Wav2Vec2Config(**json.loads((golden / "configs" / "wav2vec2_small.json").read_text()))


def filled(network: torch.nn.Module, golden: Path, seed: int) -> torch.nn.Module:
    """The network with the golden data's weights, which depend on the published parameter names alone."""
    spec = importlib.util.spec_from_file_location("fill_weights", golden / "fill_weights.py")
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    rule.fill_(network, seed)
    return network.eval()


def largest_difference(ours: torch.Tensor, golden: np.ndarray) -> float:
    return float(np.abs(ours.detach().numpy() - golden).max())


# --- golden -----------------------------------------------------------------------------------------------------------


@pytest.mark.golden
def test_normalised_sound_is_the_originals(golden):
    stored = np.load(golden / "aniportrait" / "audio2mesh_small.npz")
    assert np.allclose(normalised(stored["waveform"]), stored["input_values"], atol=1e-6)


@pytest.mark.golden
@pytest.mark.parametrize(("mean_of_layers", "expected"), [(False, "output"), (True, "output_mean_of_layers")])
def test_mesh_offsets_are_the_originals(golden, small_config, mean_of_layers, expected):
    stored = np.load(golden / "aniportrait" / "audio2mesh_small.npz")
    network = filled(Audio2Mesh(small_config, int(stored["latent_dim"]), mean_of_layers), golden, int(stored["seed"]))
    with torch.inference_mode():
        offsets = network(torch.from_numpy(stored["input_values"])[None], int(stored["seq_len"]))
    assert largest_difference(offsets.flatten(2), stored[expected]) < TOLERANCE


@pytest.mark.golden
def test_the_encoder_hears_what_the_original_hears_at_every_stage(golden, small_config):
    stored = np.load(golden / "aniportrait" / "audio2mesh_small.npz")
    network = filled(Audio2Mesh(small_config, int(stored["latent_dim"])), golden, int(stored["seed"]))
    encoder, samples = network.audio_encoder, torch.from_numpy(stored["input_values"])[None]
    with torch.inference_mode():
        heard = encoder(samples, int(stored["seq_len"]), output_hidden_states=True)
        stages = {
            "conv_features": encoder.feature_extractor(samples),
            "conv_features_interpolated": encoder.features(samples, int(stored["seq_len"])),
            "hidden_states": torch.stack(heard.hidden_states),
            "last_hidden_state": heard.last_hidden_state,
        }
    for name, ours in stages.items():
        assert largest_difference(ours, stored[name]) < TOLERANCE, name


@pytest.mark.golden
@pytest.mark.parametrize(("frames", "expected"), [(69, "output"), (5, "output_seq_len_5")])
def test_head_poses_are_the_originals(golden, small_config, frames, expected):
    stored = np.load(golden / "aniportrait" / "audio2pose_small.npz")
    network = filled(Audio2Pose(small_config, int(stored["latent_dim"])), golden, int(stored["seed"]))
    with torch.inference_mode():
        identity = torch.tensor([int(stored["id_seed"])])
        poses = network(torch.from_numpy(stored["input_values"])[None], frames, identity)
    assert largest_difference(poses, stored[expected]) < TOLERANCE


@pytest.mark.golden
def test_mask_and_positions_are_the_originals(golden, small_config):
    stored = np.load(golden / "aniportrait" / "audio2pose_small.npz")
    assert np.array_equal(biased_mask(8, 12).numpy(), stored["biased_mask_12"])
    network = Audio2Pose(small_config, int(stored["latent_dim"]))
    assert largest_difference(network.PPE.pe, stored["positional_table_600"]) < 1e-6


@pytest.mark.golden
@pytest.mark.parametrize(("network", "name"), [(Audio2Mesh, "audio2mesh"), (Audio2Pose, "audio2pose")])
def test_full_size_parameters_have_the_published_names_and_shapes(golden, network, name):
    with torch.device("meta"):
        state = network(Wav2Vec2Config()).state_dict()
    manifest = json.loads((golden / "manifests" / f"{name}.json").read_text())
    assert {key: list(tensor.shape) for key, tensor in state.items()} == manifest


# --- decoder ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pose_network() -> Audio2Pose:
    return tiny_networks()[1]


@pytest.mark.parametrize(("batch", "frames"), [(1, 1), (1, 2), (1, 40), (3, 17)])
def test_remembered_keys_give_what_recomputing_the_prefix_gives(pose_network, batch, frames):
    heard = torch.randn(batch, frames, WIDTH, generator=torch.Generator().manual_seed(frames))
    identity = torch.arange(batch) * 7
    with torch.inference_mode():
        assert torch.allclose(
            pose_network.decode(heard, identity), recomputed(pose_network, heard, identity), atol=1e-5
        )


def test_a_pose_depends_on_nothing_that_is_heard_later(pose_network):
    heard = torch.randn(1, 30, WIDTH, generator=torch.Generator().manual_seed(0))
    changed = heard.clone()
    changed[:, 20] += 1
    with torch.inference_mode():
        before, after = (pose_network.decode(sound, torch.tensor([3])) for sound in (heard, changed))
    assert torch.equal(before[:, :20], after[:, :20])
    assert (before[:, 20:] != after[:, 20:]).any(-1).all()


def test_people_move_differently(pose_network):
    heard = torch.randn(1, 10, WIDTH, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        one, other = (pose_network.decode(heard, torch.tensor([number])) for number in (3, 4))
    assert not torch.allclose(one, other, atol=1e-3)


def test_the_longest_sequence_is_the_table_of_positions(pose_network):
    with torch.inference_mode():
        assert pose_network.decode(torch.zeros(1, LONGEST, WIDTH), torch.tensor([0])).shape == (1, LONGEST, POSE)


# --- parameters -------------------------------------------------------------------------------------------------------


def test_weights_survive_the_way_through_published_names():
    one, other = (tiny_networks(seed)[0] for seed in (0, 1))
    state = one.state_dict()
    assert {"weight_g", "weight_v", "bias"} == {key.split(".")[-1] for key in state if "pos_conv_embed" in key}
    load_exactly(other, state, "weights")
    samples = torch.randn(1, 8000, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(one(samples, 15), other(samples, 15))


def test_a_missing_weight_norm_half_is_named():
    network = tiny_networks()[0]
    state = dict(network.state_dict())
    del state["audio_encoder.encoder.pos_conv_embed.conv.weight_g"]
    with pytest.raises(CheckpointError, match="weight_g"):
        load_exactly(network, state, "weights")
