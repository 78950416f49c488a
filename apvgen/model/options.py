"""Options that diffusers' networks lack, kept in their configurations like their own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from diffusers import ConfigMixin

Initialiser = Callable[..., None]


def with_option(
    name: str, default: object, apply: Callable[[Any, Any], None] | None = None
) -> Callable[[Initialiser], Initialiser]:
    """Decorates the `__init__` of a network: one more keyword, which its configuration keeps.

    apply: called with the finished network and the option's value.
    """

    def decorate(init: Initialiser) -> Initialiser:
        @wraps(init)
        def extended(self: ConfigMixin, *args: object, **options: object) -> None:
            value = options.pop(name, default)
            init(self, *args, **options)
            self.register_to_config(**{name: value})
            if apply is not None:
                apply(self, value)

        usual = inspect.signature(init)
        option = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        # diffusers reads the configuration's keys off the signature.
        extended.__signature__ = usual.replace(parameters=[*usual.parameters.values(), option])
        return extended

    return decorate
