import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from train_toys import FRAMES, HW, STREAMS, MadeUp, toy_config, with_group

from apvgen.errors import Cancelled, CheckpointError, InputError, MemoryLimitError, OutputError
from apvgen.model.checkpoint import PARTS, list_checkpoints, load_models, read_info, verify
from apvgen.model.parts import weights_file
from apvgen.model.weights import read_state_dict
from train.config import TrainConfig
from train.loop import DivergedError
from train.session import Session, Shown

pytest_plugins = "train_fixtures"
pytestmark = pytest.mark.usefixtures("one_thread", "fresh_accelerator")


def session(config: TrainConfig, streams=STREAMS) -> Session:
    return Session(config, streams, Shown(STREAMS, Fraction(12)))


def files_of(folder: Path) -> dict[str, bytes]:
    """All weights and training states under a folder, but for random states that nothing draws from."""
    wanted = [path for path in sorted(folder.rglob("*")) if path.suffix in (".safetensors", ".bin", ".pkl")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in wanted if "random" not in path.name}


class Interrupted(MadeUp):
    """A stream whose examples end in `what` from a position on."""

    def __init__(self, kind, position, what):
        super().__init__(kind)
        object.__setattr__(self, "stop", (position, what))

    def __getitem__(self, position):
        if position == self.stop[0]:
            self.stop[1]()
        return super().__getitem__(position)


@pytest.fixture(scope="module")
def straight(one_thread, tiny, tmp_path_factory) -> Path:
    """A run of three iterations that saved after each."""
    folder = tmp_path_factory.mktemp("straight")
    session(with_group(toy_config(tiny, folder), "output", save_every=1)).train()
    return folder


def test_a_run_that_goes_on_equals_the_straight_one_bit_for_bit(tiny, tmp_path, straight):
    config = with_group(toy_config(tiny, tmp_path), "output", save_every=1)
    session(with_group(config, "optimiser", steps=2)).train()
    session(config).train()
    expected = files_of(straight)
    assert files_of(tmp_path) == expected
    assert "out/states/step-00000003/optimizer.bin" in expected


def test_the_newest_states_are_kept(straight):
    assert sorted(path.name for path in (straight / "out/states").iterdir()) == ["step-00000002", "step-00000003"]


def test_the_checkpoint_is_listed_and_knows_where_it_comes_from(tiny, straight):
    (info,) = list_checkpoints([straight])
    assert (info.name, info.hw, info.window, info.fps) == ("checkpoint", HW, FRAMES + 1, 12)
    assert (info.face_style, info.licence, info.training_step) == ("mesh", "CC0-1.0", 3)
    assert info.training["settings"]["optimiser"]["learning_rate"] == 1e-3
    assert info.training["started_from"]["weights_sha256"] == dict(read_info(tiny).files)
    verify(info)


def test_the_checkpoint_holds_the_running_mean_and_leaves_the_base_alone(tiny, straight):
    state = torch.load(straight / "out/states/step-00000003/custom_checkpoint_0.pkl")
    exported, before = (load_models(read_info(folder), "cpu") for folder in (straight / "checkpoint", tiny))
    means = {tuple(mean.shape): mean for mean in state["shadow_params"]}
    assert any(torch.equal(means[tuple(p.shape)], p) for p in exported.control.parameters())
    for part in ("vae", "image_encoder"):
        pairs = zip(getattr(exported, part).parameters(), getattr(before, part).parameters(), strict=True)
        assert all(torch.equal(*pair) for pair in pairs)


def test_one_run_starts_from_the_checkpoint_of_another(tmp_path, straight):
    session(toy_config(straight / "checkpoint", tmp_path, steps=1)).train()
    info = read_info(tmp_path / "checkpoint")
    assert info.training_step == 4
    assert info.training["before"]["step"] == 3


def test_vae_and_image_encoder_can_stay_where_they_are(tiny, tmp_path):
    output = {"include_base": False, "weights": "bfloat16"}
    folder = session(with_group(toy_config(tiny, tmp_path, steps=1, ema_decay=0), "output", **output)).train()
    info = read_info(folder)
    assert info.part("vae") == tiny / "vae"
    assert {path.name for path in folder.iterdir()} == {"checkpoint.json", "unet", "controlnext"}
    assert {weight.dtype for weight in read_state_dict(weights_file(folder / "unet")).values()} == {torch.bfloat16}
    load_models(info, "cpu", torch.float32)


def test_all_parts_of_a_checkpoint_have_the_type_that_was_asked_for(tiny, tmp_path):
    config = with_group(toy_config(tiny, tmp_path, steps=1, ema_decay=0), "output", weights="bfloat16")
    made = session(config)
    folder = made.train()
    for part in PARTS:
        types = {weight.dtype for weight in read_state_dict(weights_file(folder / part)).values()}
        assert types <= {torch.bfloat16, torch.int64}
    assert made.run.latents.encoder.vae.dtype == torch.float32


def test_adapters_are_merged_into_a_checkpoint_like_any_other(tiny, tmp_path):
    folder = session(toy_config(tiny, tmp_path, steps=1, warm_up=0, train="lora", lora_rank=2)).train()
    before, after = (read_state_dict(weights_file(root / "unet")) for root in (tiny, folder))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(re.search(r"attn\d\.to_", name) for name in changed)


def test_a_signal_ends_the_run_after_its_step_and_the_same_command_goes_on(tiny, tmp_path, straight):
    config = with_group(toy_config(tiny, tmp_path), "output", save_every=1)
    asking = {**STREAMS, "face": Interrupted("face", 1, lambda: os.kill(os.getpid(), signal.SIGTERM))}
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Cancelled, match=r"by SIGTERM after step \d, which is saved; the same command goes on\."):
        session(config, asking).train()
    assert signal.getsignal(signal.SIGTERM) == before
    session(config).train()
    assert files_of(tmp_path) == files_of(straight)


def test_a_loss_that_is_no_number_leaves_the_last_state(tiny, tmp_path):
    config = with_group(toy_config(tiny, tmp_path), "output", save_every=1)
    made = session(config)

    def spoil():
        made.run.model.unet.conv_out.bias.data.fill_(torch.nan)

    made._examples = {**STREAMS, "body": Interrupted("body", 1, spoil)}
    with pytest.raises(DivergedError, match=r"step 2 is not a number.*; step 1 is the last that is saved\."):
        made.train()
    weights = read_state_dict(weights_file(tmp_path / "checkpoint" / "unet"))
    assert all(weight.isfinite().all() for weight in weights.values())


def test_a_full_disk_is_one_sentence_and_the_last_state_stays(tiny, tmp_path):
    config = with_group(toy_config(tiny, tmp_path, steps=2), "output", save_every=1)
    session(with_group(config, "optimiser", steps=1)).train()
    before = files_of(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))  # files end there as on a full disk
    try:
        with pytest.raises(OutputError, match=r"written to .*states \(.*free some space.*goes on from the last"):
            session(config).train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_of(tmp_path) == before
    assert [path.name for path in (tmp_path / "out/states").iterdir()] == ["step-00000001"]


def test_memory_that_runs_out_names_what_to_change(tiny, tmp_path):
    def run_out():
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(MemoryLimitError, match=r"while training; use --gradient-checkpointing, --precision bf16"):
        session(toy_config(tiny, tmp_path), {**STREAMS, "face": Interrupted("face", 0, run_out)}).train()


def test_a_run_killed_before_its_last_checkpoint_writes_it_after_all(tiny, tmp_path):
    config = toy_config(tiny, tmp_path, steps=1)
    folder = session(config).train()
    before = files_of(tmp_path)
    shutil.rmtree(folder)
    session(config).train()
    assert files_of(tmp_path) == before


def test_a_damaged_state_is_named(tiny, tmp_path):
    session(toy_config(tiny, tmp_path, steps=1)).train()
    (tmp_path / "out/states/step-00000001/model.safetensors").write_bytes(b"short")
    with pytest.raises(CheckpointError, match=r"step-00000001 is damaged .*delete it"):
        session(toy_config(tiny, tmp_path, steps=2)).train()


def test_a_run_does_not_go_on_with_other_settings(tiny, tmp_path):
    session(toy_config(tiny, tmp_path, steps=1)).train()
    with pytest.raises(InputError, match=r"began with optimiser.seed 0, not 1: go on with the same, or begin"):
        session(toy_config(tiny, tmp_path, steps=1, seed=1)).train()


def test_an_unknown_tracker_is_refused_with_those_there_are(tiny, tmp_path):
    with pytest.raises(InputError, match=r"'tensorbord' is not installed, or unknown.*tensorboard"):
        session(with_group(toy_config(tiny, tmp_path), "output", tracker="tensorbord"))


def test_validation_shows_reference_pose_result_and_truth(tiny, tmp_path):
    import imageio.v3 as imageio
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = {"validate_every": 1, "validation_schedule": "karras-1", "tracker": "tensorboard"}
    session(with_group(toy_config(tiny, tmp_path, steps=1), "output", **shown)).train()
    videos = sorted((tmp_path / "out/videos").iterdir())
    assert [path.name for path in videos] == ["step-00000001-body-1.mp4", "step-00000001-face-0.mp4"]
    frames, example = imageio.imread(videos[0]), STREAMS["body"][0]
    assert frames.shape == (FRAMES, HW[0], 4 * HW[1], 3)
    parts = np.split(frames.astype(float), 4, axis=2)
    for part, expected in (
        (parts[0][0], example.frames[0]),
        (parts[1][0], example.poses[1]),
        (parts[3][0], example.frames[1]),
    ):
        # Noise in colour loses much in a video, but no other picture is as near.
        assert np.corrcoef(part.mean(-1).ravel(), expected.mean(-1).ravel())[0, 1] > 0.7
    logged = EventAccumulator(str(tmp_path / "out/logs")).Reload()
    assert {"video/face-0", "video/body-1"} <= set(logged.Tags()["images"])
    assert {"loss/face", "loss/reference", "loss/body", "learning_rate"} <= set(logged.Tags()["scalars"])


def test_kept_latents_change_nothing_but_the_work(tiny, tmp_path):
    streams = {"face": MadeUp("face", draws=1), "body": MadeUp("body", draws=1)}
    config = with_group(toy_config(tiny, tmp_path, steps=2), "data", draws=1, kept=tmp_path / "kept")
    made = session(config, streams)
    calls, encode = [], made.run.latents.encoder.encode
    made.run.latents.encoder.encode = lambda frames, identity: calls.append(identity) or encode(frames, identity)
    made.train()
    assert calls == ["face 0", "body 0"]
    again = with_group(with_group(config, "output", folder=tmp_path / "b", checkpoint=tmp_path / "c"), "data", draws=1)
    session(again, streams).train()
    assert files_of(tmp_path / "c") == files_of(tmp_path / "checkpoint")


def test_two_processes_equal_one_with_twice_the_batch(tiny, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    rate = 1e-5
    session(toy_config(tiny, one, steps=2, batch=2, warm_up=0, learning_rate=rate, ema_decay=0)).train()
    script = Path(__file__).with_name("train_toys.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run([*command, script, tiny, two, str(rate)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    before, *after = (
        torch.cat([weight.flatten() for weight in read_state_dict(weights_file(folder / "unet")).values()])
        for folder in (tiny, one / "checkpoint", two / "checkpoint")
    )
    moved, apart = (after[0] - before).abs(), (after[1] - after[0]).abs()
    assert moved.quantile(0.5) > rate
    # Adam's steps have the size of the rate whatever the gradient's: where that is nothing, their sign is chance.
    assert apart.quantile(0.95) < rate / 100
    # Both noted the same number of clips of an optimiser step, so there were two.
    assert json.loads((two / "out/run.json").read_text()) == json.loads((one / "out/run.json").read_text())
