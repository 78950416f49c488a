"""The demo's networks and the commands that make them."""

import numpy as np
import pytest
import torch

from apvgen.backbones.controlnext_svd import ControlNeXtSVD, Networks
from apvgen.backbones.protocol import Shot
from apvgen.model.checkpoint import read_info, verify
from apvgen.sampler.settings import Memory, Settings
from train import demo, image_encoder, small_networks
from train.autoencoder import (
    CLIPS,
    PICTURES,
    CropPlan,
    Crops,
    crop,
    patterns,
    reconstruction_error,
    turn_down_details,
    unit_scale,
)
from train.examples import Example
from train.presets import parse
from train.synthetic.people import person
from train.synthetic.shots import shot
from train.synthetic.world import portrait


def gradient_example(number=0, frames=4, hw=(256, 256), kind="body"):
    """An example whose pixels tell frame, row and column."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(hw[0]), np.arange(hw[1]), indexing="ij")
    mask = np.zeros((frames, *hw), np.float32)
    mask[:, 100:104, 50:60] = 1
    return Example("k", kind, np.stack([40 * t, y, x], -1).astype(np.uint8), None, mask, str(number))


class Stream:
    def __init__(self, first):
        self.first, self.asked = first, []

    def __getitem__(self, position):
        self.asked.append(position)
        return gradient_example(self.first + position)


def test_every_command_of_the_demo_is_understood_and_starts_from_the_one_before(tmp_path):
    places = demo.Places(tmp_path / "work", tmp_path / "out")
    made = [command for _, command in demo.commands(places, 4, 1)]
    assert [command[0].split(".")[1] for command in made[:4]] == [
        "synthetic", "autoencoder", "image_encoder", "small_networks"
    ]  # fmt: skip
    settings = [parse(command[1:]) for command in made[4:]]
    assert [each.init for each in settings] == [places.begun, *(each.output.checkpoint for each in settings[:-1])]
    assert settings[-1].output.checkpoint == tmp_path / "out"
    assert {each.data.folder for each in settings} == {places.data}
    assert settings[-1].data.hw == small_networks.DEMO_HW
    assert [each.method.kinds for each in settings[-2:]] == [("face", "face"), ("face", "body")]
    assert {each.data.face_window for each in settings[-2:]} == {(96, 96)}
    assert [each.method.mouth_weight for each in settings[-4:]] == [1, 20, 10, 10]
    assert [each.method.reference_apart for each in settings[-4:]] == [0, 0, 0.35, 0.35]
    assert [each.optimiser.warm_up for each in settings[-4:]] == [100, 20, 20, 20]


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(demo.subprocess, "run", lambda command, **_: ran.append(command[2]))
    places = demo.Places(tmp_path / "work", tmp_path / "out")
    demo.make(places, 4, 1)
    for folder in ("vae", "image_encoder", "checkpoints/begun"):
        (tmp_path / "work" / folder).mkdir(parents=True)
    ran.clear()
    demo.make(places, 4, 1)
    assert ran == []


def test_crops_are_places_of_neighbouring_frames():
    seen = crop(gradient_example(), CLIPS, np.random.default_rng(3))
    levels = ((seen + 1) * 127.5).round()
    assert seen.shape == (3, 3, CLIPS.side, CLIPS.side)
    assert torch.equal(levels[:, 0].mean((1, 2)).diff(), torch.tensor([40.0, 40.0]))
    down, across = levels[0, 1].diff(dim=0), levels[0, 2].diff(dim=1)
    assert down.unique().tolist() == across.unique().tolist()
    assert down.unique().tolist() in ([1.0], [2.0])


def test_most_crops_of_face_clips_show_the_face():
    rng, plan = np.random.default_rng(0), CropPlan(1, 1, 1, 32)
    seen = torch.stack([crop(gradient_example(kind="face"), plan, rng) for _ in range(60)])
    middles = ((seen[:, 0, 1:].mean((2, 3)) + 1) * 127.5).numpy()
    on_face = np.abs(middles - (101.5, 54.5)).max(1) < 8
    assert 0.6 < on_face.mean() < 0.95


def test_a_step_sees_all_kinds_in_turn_and_the_same_things_every_time():
    streams = Stream(0), Stream(100)
    crops = Crops(streams, pictures=5)
    batch = crops[1]
    assert batch.shape == (PICTURES.clips * PICTURES.crops, 1, 3, PICTURES.side, PICTURES.side)
    assert (streams[0].asked, streams[1].asked) == ([2, 3], [2, 3])
    assert torch.equal(batch, crops[1])
    assert crops[5].shape == (CLIPS.clips, 3, 3, CLIPS.side, CLIPS.side)


def test_an_error_counts_edges_as_well_as_levels():
    flat, stripes = torch.zeros(1, 3, 4, 4), torch.tensor([0.5, -0.5]).repeat(2).expand(1, 3, 4, 4)
    assert reconstruction_error(stripes, stripes) == 0
    assert reconstruction_error(flat + 0.5, flat) == pytest.approx(0.5)
    assert reconstruction_error(stripes, flat) == pytest.approx(0.5 + 1.0)


def test_latents_are_drawn_to_mean_colours_and_to_waves_that_do_not_overlap():
    seen = torch.nn.functional.conv2d(torch.full((1, 3, 8, 8), 0.5), patterns(), stride=8).flatten()
    assert seen.shape == (small_networks.LATENT_CHANNELS,)
    assert seen[0] == seen[1] == seen[2] > 0.5
    assert seen[3:].abs().max() < 1e-6
    rows = patterns().flatten(1)
    products = rows @ rows.T
    assert (products - products.diag().diag()).abs().max() < 1e-6 < products.diag().min()


def test_latents_are_scaled_to_unit_deviation():
    torch.manual_seed(0)
    vae = small_networks.small_vae().eval()
    crops = [torch.rand(2, 1, 3, 32, 32) * 2 - 1 for _ in range(3)]
    scale = unit_scale(vae, crops)
    with torch.no_grad():
        latents = torch.cat([vae.encode(each.flatten(0, 1)).latent_dist.mode() for each in crops])
    assert float((latents * scale).std()) == pytest.approx(1, abs=1e-4)


def test_turning_details_down_changes_latents_and_no_picture():
    torch.manual_seed(0)
    vae, before = small_networks.small_vae().eval(), small_networks.small_vae().eval()
    before.load_state_dict(vae.state_dict())
    turn_down_details(vae)
    pictures = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        latents, earlier = vae.encode(pictures).latent_dist, before.encode(pictures).latent_dist
        made, wanted = (network.decode(of.mode(), 2).sample for network, of in ((vae, latents), (before, earlier)))
    for share in (latents.mean / earlier.mean, latents.std / earlier.std):
        assert torch.allclose(share.mean((0, 2, 3)), torch.tensor([1.0] * 3 + [1 / 3] * 5), rtol=1e-3)
    assert torch.allclose(made, wanted, atol=1e-5)


def test_a_vae_keeps_the_colour_of_an_even_picture():
    """Groups of one channel in the decoder's last normalisation would make all even pictures alike."""
    torch.manual_seed(0)
    vae = small_networks.small_vae().eval()
    with torch.no_grad():
        made = [
            vae.decode(torch.full((1, small_networks.LATENT_CHANNELS, 4, 4), level), num_frames=1).sample
            for level in (-3.0, 3.0)
        ]
    assert (made[0] - made[1])[..., 12:20, 12:20].abs().mean() > 0.05


def test_the_image_encoder_is_trained_to_paint_a_thumbnail_of_what_it_sees():
    torch.manual_seed(0)
    painter = image_encoder.Painter(small_networks.small_image_encoder())
    batches = iter([torch.randn(2, 3, 96, 96)])
    loss = image_encoder.painting_step(batches)(painter, 0)
    loss.backward()
    assert loss.item() > 0
    assert painter.encoder.visual_projection.weight.grad.abs().sum() > 0
    pictures = image_encoder.References((Stream(0), Stream(9)), batch=3, side=96)
    assert pictures[0].shape == (3, 3, 96, 96)


def test_trained_parts_and_new_ones_become_a_checkpoint_that_renders(tmp_path, monkeypatch):
    monkeypatch.setenv("APVGEN_CACHE", str(tmp_path / "cache"))
    for folder, network in (("vae", small_networks.small_vae()), ("encoder", small_networks.small_image_encoder())):
        small_networks.save_network(network.eval(), tmp_path / folder)
    where = ["--vae", str(tmp_path / "vae"), "--image-encoder", str(tmp_path / "encoder")]
    small_networks.main([*where, "--out", str(tmp_path / "begun")], standalone_mode=False)
    info = read_info(tmp_path / "begun")
    verify(info)
    assert (info.hw, info.window, info.face_style) == ((384, 256), 14, "mesh")
    assert sum(path.stat().st_size for path in info.folder.rglob("*.safetensors")) / 4 * 2 < 60e6
    settings = Settings(schedule="align-your-steps-2")
    asked = Shot(portrait(person(3), info.hw), shot("speaking_dancer", 0, 3, info.hw, 2, split="held_out").motion)
    frames = list(ControlNeXtSVD(Networks(info, Memory()), settings).frames(asked, range(2)))
    assert [frame.shape for frame in frames] == [(384, 256, 3)] * 2
