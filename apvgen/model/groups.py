"""SVD's networks with fewer groups in their normalisations, for small ones.

Their 32 groups are fixed in diffusers, which leaves one or two channels a group where a network has 32 or 64: then
little more than the sign of a flat region's colour passes. The names of the weights stay the same.
"""

from __future__ import annotations

from diffusers import AutoencoderKLTemporalDecoder
from torch import nn

from apvgen.model.options import Initialiser, with_option

USUAL_GROUPS = 32
"""What diffusers' blocks of SVD have."""


def with_norm_groups(init: Initialiser) -> Initialiser:
    """The `__init__` of a diffusers network with one more option, `norm_groups`, which its configuration keeps."""
    return with_option("norm_groups", USUAL_GROUPS, _set_groups)(init)


def _set_groups(network: nn.Module, groups: int) -> None:
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            module.num_groups = groups


class GroupedAutoencoder(AutoencoderKLTemporalDecoder):
    """SVD's VAE with `norm_groups` groups in every normalisation."""

    __init__ = with_norm_groups(AutoencoderKLTemporalDecoder.__init__)
