"""Networks of SVD's classes with fewer groups: saved, loaded, and what flat colours become."""

import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch import nn

from apvgen.model.groups import USUAL_GROUPS, GroupedAutoencoder
from apvgen.model.parts import load_part, save_part
from train.small_networks import small_unet, small_vae

TINY = {"block_out_channels": (32, 32), "down_block_types": ("DownEncoderBlock2D",) * 2, "layers_per_block": 1}


def groups_of(network):
    return {module.num_groups for module in network.modules() if isinstance(module, nn.GroupNorm)}


def test_the_number_of_groups_is_kept_with_the_weights(tmp_path):
    for part, network in (("unet", small_unet()), ("vae", small_vae())):
        (groups,) = groups_of(network)
        assert groups < USUAL_GROUPS
        save_part(network, tmp_path / part)
        assert groups_of(load_part(tmp_path / part, part, "cpu", None)) == {groups}


def test_the_usual_number_is_diffusers_own_network():
    torch.manual_seed(0)
    ours = GroupedAutoencoder(**TINY).eval()
    theirs = AutoencoderKLTemporalDecoder(**TINY).eval()
    theirs.load_state_dict(ours.state_dict())
    latents = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(ours.decode(latents, 2).sample, theirs.decode(latents, 2).sample)


def test_fewer_groups_let_flat_colours_pass_that_one_channel_a_group_hides():
    dark, bright = torch.full((1, 3, 32, 32), -0.1), torch.full((1, 3, 32, 32), 0.1)
    told = {}
    for groups in (32, 4):
        torch.manual_seed(0)
        norm = GroupedAutoencoder(**TINY, norm_groups=groups).encoder.down_blocks[0].resnets[0].norm1
        mixing = torch.randn(32, 3)
        seen = [norm(torch.einsum("dc,bchw->bdhw", mixing, colour)) for colour in (dark, bright)]
        told[groups] = (seen[0] - seen[1]).abs().mean().item()
    assert told[32] < 1e-4 < 0.5 < told[4]
