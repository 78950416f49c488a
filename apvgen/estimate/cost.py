"""What a network computes, counted on tensors without data: nothing is loaded, and nothing runs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """flops: operations. values: numbers in memory at once at the peak, weights left out."""

    flops: float
    values: int


def cost_of(modules: Iterable[nn.Module], work: Callable[[], object]) -> Cost:
    """The cost of `work`, which runs `modules` on tensors of the `meta` device."""
    memory = PeakMemory(modules)
    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter, memory, _Fused(memory):
        work()
    return Cost(float(counter.get_total_flops()), memory.peak // torch.get_default_dtype().itemsize)


class PeakMemory(TorchDispatchMode):
    """Context that adds up the tensors made inside it, apart from the weights of `modules`.

    peak: bytes alive at once, at most. `FlopCounterMode` at the same time would keep alive what gradient checkpointing
    computes again.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        tensors = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
        self._weights = tensors  # kept alive, so that no other storage takes the place of one
        self._known = {tensor.untyped_storage()._cdata for tensor in tensors}
        self._alive = self.peak = 0
        self.paused = False

    def __torch_dispatch__(
        self,
        function: Callable,
        types: object,
        args: tuple = (),
        kwargs: dict | None = None,
    ) -> object:
        result = function(*args, **(kwargs or {}))
        if not self.paused:
            self.note(result)
        return result

    def note(self, result: object) -> None:
        """Count the storages of all tensors in `result` that are new."""
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self._known:
                self._add(tensor.untyped_storage())

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._known.add(key)
        self._alive += size
        self.peak = max(self.peak, self._alive)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._alive -= size


class _Fused(TorchFunctionMode):
    """Attention in one step, as devices compute it: `meta` would build the whole matrix of weights."""

    def __init__(self, memory: PeakMemory) -> None:
        super().__init__()
        self._memory = memory

    def __torch_function__(
        self,
        function: Callable,
        types: object,
        args: tuple = (),
        kwargs: dict | None = None,
    ) -> object:
        if function is not scaled_dot_product_attention:
            return function(*args, **(kwargs or {}))
        self._memory.paused = True
        try:
            result = function(*args, **(kwargs or {}))
        finally:
            self._memory.paused = False
        self._memory.note(result)
        return result
