"""SVD's networks with fewer groups in their normalisations, for small ones.

Their 32 groups are fixed in diffusers, which leaves one or two channels a group where a network has 32 or 64: then
little more than the sign of a flat region's colour passes. The names of the weights stay the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps

from diffusers import AutoencoderKLTemporalDecoder
from torch import nn

USUAL_GROUPS = 32
"""What diffusers' blocks of SVD have."""

Initialiser = Callable[..., None]


def with_norm_groups(init: Initialiser) -> Initialiser:
    """The `__init__` of a diffusers network with one more option, `norm_groups`, which its configuration keeps."""

    @wraps(init)
    def grouped(self: nn.Module, *args: object, norm_groups: int = USUAL_GROUPS, **options: object) -> None:
        init(self, *args, **options)
        self.register_to_config(norm_groups=norm_groups)
        for module in self.modules():
            if isinstance(module, nn.GroupNorm):
                module.num_groups = norm_groups

    usual = inspect.signature(init)
    option = inspect.Parameter("norm_groups", inspect.Parameter.KEYWORD_ONLY, default=USUAL_GROUPS)
    # diffusers reads the configuration's keys off the signature.
    grouped.__signature__ = usual.replace(parameters=[*usual.parameters.values(), option])
    return grouped


class GroupedAutoencoder(AutoencoderKLTemporalDecoder):
    """SVD's VAE with `norm_groups` groups in every normalisation."""

    __init__ = with_norm_groups(AutoencoderKLTemporalDecoder.__init__)
