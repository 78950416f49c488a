"""What an iteration computes and holds, counted on tensors without data from a checkpoint's configuration alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from apvgen.errors import MemoryLimitError
from apvgen.estimate import SHARE_OF_PEAK, WORKSPACE, free_memory, peak_operations
from apvgen.estimate.cost import PeakMemory, cost_of
from apvgen.estimate.diffusion import device_name
from apvgen.estimate.pace import recall, remember
from apvgen.model.checkpoint import CheckpointInfo
from apvgen.model.parts import empty_part
from apvgen.model.unet import ControlledUNet
from apvgen.sampler.conditioning import LATENT_PIXELS
from apvgen.types import HW
from train.config import Precision, TrainConfig
from train.networks import Denoiser, checkpoint_gradients, make_trainable, trained_parameters

DTYPES: dict[Precision, torch.dtype] = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_BYTES, _EIGHT_BIT = 4, 1
"""Of a number in float32, and in the means of the 8-bit optimiser."""


def _attention(query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object) -> int:
    return sdpa_flop_count(query, key, value)


def _attention_backward(gradient: torch.Size, *shapes: object, **_: object) -> int:
    return sdpa_backward_flop_count(gradient, *shapes[:3])


_UNCOUNTED = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
"""Operations that torch's counter does not know."""


@dataclass(frozen=True)
class IterationCost:
    """Of one process.

    flops: of an iteration, both optimiser steps. passes: bytes at the peak of a pass, gradients included.
    kept: bytes of weights, the optimiser's means and the running mean. weights: numbers in UNet and control branch.
    """

    flops: float
    passes: int
    kept: int
    weights: int

    @property
    def needed(self) -> float:
        """Bytes of memory, with what allocators add."""
        return self.kept + self.passes * WORKSPACE


def iteration_cost(config: TrainConfig, init: CheckpointInfo) -> IterationCost:
    """Count a run's iteration; nothing is loaded, and nothing runs. Raises CheckpointError.

    A count of a full-size pass takes some 20 s of one core. Not counted: what the image encoder computes (0.2 % of
    SVD-XT's iteration), the copies of gradients that several processes exchange, and what FSDP and DeepSpeed save.
    """
    settings = config.optimiser
    vae, image_encoder = (empty_part(init.part(part), part).to("meta") for part in ("vae", "image_encoder"))
    model = _trainable(config, init)
    sizes = [config.hw_of(kind) for kind in config.method.kinds]
    with FakeTensorMode():
        _give_fake_data(model)
        # Two passes, because each counter disturbs the other.
        flops = {hw: _pass_flops(model, config, hw) for hw in set(sizes)}
        model.zero_grad()
        with PeakMemory([model]) as memory:
            _pass(model, config, max(sizes, key=math.prod))
    encoding = len(sizes) * settings.batch * _encoding_flops(vae, config)
    flops = settings.accumulation * (sum(flops[hw] for hw in sizes) + encoding)
    means = 2 * (_EIGHT_BIT if settings.optimiser == "adamw8bit" else _BYTES) + (_BYTES if settings.ema_decay else 0)
    weights = _numbers(model.parameters())
    in_all = weights + _numbers(vae.parameters()) + _numbers(image_encoder.parameters())
    return IterationCost(flops, memory.peak, in_all * _BYTES + _numbers(trained_parameters(model)) * means, weights)


def report(cost: IterationCost, config: TrainConfig, device: torch.device) -> str:
    """The estimate in words. Raises MemoryLimitError where the device's free memory does not suffice."""
    there = free_memory(device)
    if cost.needed > there:
        raise MemoryLimitError(
            f"An iteration needs about {cost.needed / 1e9:.1f} GB, and {device_name(device)} has {there / 1e9:.1f} GB "
            f"free; {memory_advice(config)}."
        )
    pace = recall(kind(cost, config, device))
    speed = pace or peak_operations(device, DTYPES[config.device.precision]) * SHARE_OF_PEAK[device.type]
    seconds = cost.flops / speed
    source = "as runs before took" if pace else "computed, not measured"
    return (
        f"An iteration is {cost.flops / 1e12:.3g} TFLOP a process, about {seconds:.2g} s ({source}), so "
        f"{config.optimiser.steps} take {seconds * config.optimiser.steps / 3600:.2g} h; "
        f"{cost.needed / 1e9:.1f} GB of memory are needed, {there / 1e9:.1f} GB are free."
    )


def kind(cost: IterationCost, config: TrainConfig, device: torch.device) -> str:
    """The key of a run's pace: what decides how many operations a second it reaches."""
    where = f"{device_name(device)} in {config.device.precision}"
    return f"training {cost.weights / 1e6:.0f} M weights on {where}"


def remember_run(cost: IterationCost, config: TrainConfig, device: torch.device, pace: tuple[int, float]) -> None:
    """Note how many iterations a run made, and in how many seconds, for estimates to come."""
    iterations, seconds = pace
    remember(kind(cost, config, device), cost.flops * iterations, seconds)


def _pass_flops(model: nn.Module, config: TrainConfig, hw: HW) -> int:
    with FlopCounterMode(display=False, custom_mapping=_UNCOUNTED) as counter:
        _pass(model, config, hw)
    return counter.get_total_flops()


def _pass(model: nn.Module, config: TrainConfig, hw: HW) -> None:
    """A forward and a backward pass over a batch of pictures of size `hw`."""
    data, batch, precision = config.data, config.optimiser.batch, DTYPES[config.device.precision]
    unet = next(module for module in model.modules() if isinstance(module, ControlledUNet))
    inputs = (
        torch.empty(batch, data.frames + 1, unet.config.in_channels, *(side // LATENT_PIXELS for side in hw)),
        torch.empty(batch),
        torch.empty(batch, 1, unet.config.cross_attention_dim),
        torch.empty(batch, data.frames + 1, 3, *hw),
        torch.empty(batch),
    )
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        predicted = model(*inputs)
    predicted.float().square().mean().backward()


def _encoding_flops(vae: nn.Module, config: TrainConfig) -> float:
    """Of a clip's frames and the noisy reference picture; nothing where latents are kept."""
    if config.data.kept is not None:
        return 0.0
    return (config.data.frames + 2) * cost_of([vae], lambda: vae.encode(torch.empty(1, 3, *config.data.hw))).flops


def _numbers(parameters: Iterable[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def memory_advice(config: TrainConfig) -> str:
    """The options that save memory and are not yet used."""
    settings, device = config.optimiser, config.device
    options = {
        "--gradient-checkpointing": not device.gradient_checkpointing,
        "--precision bf16": device.precision == "no",
        "--optimiser adamw8bit": settings.optimiser == "adamw" and settings.train != "control",
        "--ema-decay 0": settings.ema_decay > 0,
        "--train lora": settings.train in ("all", "to_out_v"),
        "--batch 1": settings.batch > 1,
    }
    saving = [option for option, unused in options.items() if unused]
    return f"use {', '.join([*saving, 'fewer --frames'])} or a smaller --hw, or FSDP over several devices"


def _trainable(config: TrainConfig, init: CheckpointInfo) -> nn.Module:
    """The networks as they are trained, on the meta device."""
    unet, control = (empty_part(init.part(part), part).to("meta") for part in ("unet", "controlnext"))
    with torch.device("meta"):
        model = make_trainable(Denoiser(unet, control), config.optimiser)
    if config.device.gradient_checkpointing:
        checkpoint_gradients(model)
    return model.train()


def _give_fake_data(model: nn.Module) -> None:
    """Have parameters on the meta device pretend to be on the CPU, where autocast knows what to do."""
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            faked = nn.Parameter(torch.empty(parameter.shape), requires_grad=parameter.requires_grad)
            setattr(module, name, faked)
