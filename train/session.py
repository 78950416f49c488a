"""A whole training run: from settings and data to checkpoints, going on where an earlier one stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from accelerate.utils import DistributedType, set_seed
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from torch.optim import Optimizer
from tqdm import tqdm

from apvgen.backbones.controlnext_svd import find_checkpoint
from apvgen.errors import Cancelled, InputError, MissingModelError
from apvgen.model.checkpoint import CheckpointInfo, load_models
from apvgen.model.models import Models
from apvgen.process import keep_freed_memory
from apvgen.sampler.devices import memory_limit_explained
from train.batches import BatchPlan, Examples, load_batches
from train.config import OptimiserSettings, OutputSettings, TrainConfig
from train.encode import Encoder
from train.estimate import memory_advice
from train.examples import Kind
from train.export import checkpoint_folder, export, plain
from train.latents import Latents, folder_of
from train.loop import DivergedError, Facts, Run, iterations
from train.networks import Denoiser, checkpoint_gradients, make_trainable, trained_parameters
from train.states import States, check_same_run
from train.stopping import StopAsked
from train.validate import validate

NO_TRACKER = "none"


@dataclass(frozen=True)
class Shown:
    """What validation shows: streams of examples, of which the first `count` of each kind are rendered."""

    examples: Mapping[Kind, Examples]
    fps: Fraction = Fraction(25)
    count: int = 1


class Session:
    """A run and its files. Raises CheckpointError, InputError and OutputError, each one sentence."""

    def __init__(self, config: TrainConfig, examples: Mapping[Kind, Examples], shown: Shown) -> None:
        self.config, self._examples, self._shown = config, examples, shown
        self.init = find_checkpoint(str(config.init))
        self.accelerator = _accelerator(config)
        self.run = prepare(config, self.init, self.accelerator)
        self._states = States(config.output.folder / "states", config.output.keep)
        self.pace = (0, 0.0)
        """Iterations made, and the seconds they took, validation and saving left out."""

    def train(self) -> Path:
        """Train to the end; the checkpoint's folder.

        Raises Cancelled after SIGTERM or Ctrl-C, once the iteration is done and saved, DivergedError, MemoryLimitError,
        and what loading raises.
        """
        steps, start = self.config.optimiser.steps, self._resume()
        with ExitStack() as stack:
            stop = stack.enter_context(StopAsked())
            main = self.accelerator.is_local_main_process
            bar = stack.enter_context(tqdm(total=steps, initial=start, unit="it", disable=not main, mininterval=1))
            stack.callback(self._start_tracker())
            for facts in self._iterations(start):
                bar.set_postfix({name: f"{loss:.4f}" for name, loss in facts.losses.items()}, refresh=False)
                bar.update()
                self._after(facts, stop)
            if start == steps:
                self._export(start)  # whoever was killed between the last state and its checkpoint asks for that
        return checkpoint_folder(self.config.output)

    def _iterations(self, start: int) -> Iterator[Facts]:
        accelerator, config = self.accelerator, self.config
        ranks = (accelerator.process_index, accelerator.num_processes)
        plan = BatchPlan(config.method.kinds, config.optimiser, start, *ranks)
        batches = load_batches(self._examples, plan, config.data.workers)
        try:
            with memory_limit_explained("training", memory_advice(config)):
                yield from iterations(self.run, batches, start)
        except DivergedError as error:
            kept = self._states.newest()
            there = f"step {kept} is the last that is saved" if kept else "no step was saved yet"
            raise DivergedError(f"{str(error).rstrip('.')}; {there}.") from error

    def _resume(self) -> int:
        """The iteration to go on from; notes the settings where a run begins."""
        self.config.output.folder.mkdir(parents=True, exist_ok=True)
        if self.accelerator.is_main_process:
            check_same_run(self.config.output.folder, _what_must_agree(self.config, self.accelerator))
        step = self._states.newest()
        if step is None:
            return 0
        self._states.load(self.accelerator, step)
        return step

    def _start_tracker(self) -> Callable[[], None]:
        """Begin to log; the function that ends it."""
        self.accelerator.init_trackers("logs", {name: str(value) for name, value in flat(self.config).items()})
        return self.accelerator.end_training

    def _after(self, facts: Facts, stop: StopAsked) -> None:
        """Log, save and show; raises Cancelled where any process was asked to stop."""
        output, last = self.config.output, facts.step == self.config.optimiser.steps
        self.pace = (self.pace[0] + 1, self.pace[1] + facts.seconds)
        self.accelerator.log(facts.figures(), step=facts.step)
        if stop.signal:
            self.accelerator.set_trigger()
        stopped = self.accelerator.check_trigger()
        if stopped or last or facts.step % output.save_every == 0:
            self._states.save(self.accelerator, facts.step)
            self._export(facts.step)
        if stopped and not last:
            asked = stop.signal.name if stop.signal else "a signal to another process"
            raise Cancelled(f"Stopped by {asked} after step {facts.step}, which is saved; the same command goes on.")
        if output.validate_every and (last or facts.step % output.validate_every == 0):
            self._validate(facts.step)

    def _export(self, step: int) -> None:
        export(self.run, self.init, step, self._shown.fps)

    def _validate(self, step: int) -> None:
        if self.accelerator.is_main_process:
            streams, count = self._shown.examples.values(), self._shown.count
            shown = [stream[position] for stream in streams for position in range(count)]
            validate(self.run, shown, step, self._shown.fps)
        self.accelerator.wait_for_everyone()


def prepare(config: TrainConfig, init: CheckpointInfo, accelerator: Accelerator) -> Run:
    """Load a checkpoint's networks and prepare them for training. Raises CheckpointError, MissingModelError."""
    # Of several processes on CPUs accelerate calls the device cpu:0, a name that safetensors does not know.
    device = "cpu" if accelerator.device.type == "cpu" else accelerator.device
    kept = config.data.kept
    models = load_models(init, device, torch.float32)
    return assemble(config, models, accelerator, folder_of(kept, init) if kept else None)


def assemble(config: TrainConfig, models: Models, accelerator: Accelerator, latents: Path | None = None) -> Run:
    """A run of networks on the accelerator's device, in float32. latents: the folder that keeps them."""
    settings = config.optimiser
    if accelerator.device.type == "cpu":
        keep_freed_memory()
    set_seed(settings.seed)
    model = make_trainable(Denoiser(models.unet, models.control), settings)
    if config.device.gradient_checkpointing:
        checkpoint_gradients(model)
    optimiser = _optimiser(model, settings)
    schedule = get_scheduler(
        settings.schedule, optimiser, num_warmup_steps=settings.warm_up, num_training_steps=settings.steps
    )
    model, prepared = accelerator.prepare(model, optimiser)
    average = None
    if settings.ema_decay:
        average = EMAModel(trained_parameters(model), decay=settings.ema_decay, foreach=True)
        accelerator.register_for_checkpointing(average)
    # Not prepared itself, which would have it count every process's step.
    accelerator.register_for_checkpointing(schedule)
    encoder = Encoder(models.vae, models.image_encoder)
    return Run(config, accelerator, model, prepared, schedule, Latents(encoder, latents), average)


def _accelerator(config: TrainConfig) -> Accelerator:
    output, settings = config.output, config.optimiser
    _check_tracker(output)
    accelerator = Accelerator(
        gradient_accumulation_steps=settings.accumulation,
        mixed_precision=config.device.precision,
        log_with=None if output.tracker == NO_TRACKER else output.tracker,
        project_dir=str(output.folder),
    )
    if accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED):
        _check_sharded(config)
    if accelerator.state.deepspeed_plugin is not None:
        # It asks the data loader otherwise, of which it is given none.
        accelerator.state.deepspeed_plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = settings.batch
    return accelerator


def _check_tracker(output: OutputSettings) -> None:
    known = [str(tracker) for tracker in get_available_trackers()]
    if output.tracker not in (NO_TRACKER, *known):
        raise InputError(
            f"The tracker {output.tracker!r} is not installed, or unknown to accelerate; installed are "
            f"{', '.join(known) or 'no trackers'}; choose one of these or {NO_TRACKER}."
        )


def _check_sharded(config: TrainConfig) -> None:
    """Refuse what needs whole weights in one process."""
    settings = config.optimiser
    whole = {
        "--ema-decay 0": bool(settings.ema_decay),
        "--validate-every 0": bool(config.output.validate_every),
        "another --train than lora": settings.train == "lora",
    }
    wanted = [advice for advice, needed in whole.items() if needed]
    if wanted:
        raise InputError(f"FSDP and DeepSpeed keep weights in parts, so this run needs {', '.join(wanted)}.")


def _optimiser(model: torch.nn.Module, settings: OptimiserSettings) -> Optimizer:
    how = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(trained_parameters(model), fused=True, **how)
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise MissingModelError("adamw8bit needs a package: pip install bitsandbytes.") from error
    return AdamW8bit(trained_parameters(model), **how)


def flat(config: TrainConfig) -> dict[str, Any]:
    """All settings as `group.name`, as JSON values."""
    names: dict[str, Any] = {}
    for group, value in plain(config).items():
        names |= {f"{group}.{name}": one for name, one in value.items()} if isinstance(value, dict) else {group: value}
    return names


_FREE = ("output.", "device.gradient", "data.folder", "data.workers", "data.kept", "preset", "estimate_only")
"""Settings that may change when a run goes on: the result is that of a straight run all the same."""


def _what_must_agree(config: TrainConfig, accelerator: Accelerator) -> dict[str, Any]:
    """The settings that a run which goes on must share with the one before."""
    settings = {name: value for name, value in flat(config).items() if not name.startswith(_FREE)}
    clips = settings.pop("optimiser.batch") * settings.pop("optimiser.accumulation") * accelerator.num_processes
    if config.optimiser.schedule == "constant_with_warmup":
        del settings["optimiser.steps"]
    return settings | {"clips of an optimiser step": clips}
