import json
import resource
import shutil
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_checkpoint import make_tiny_checkpoint, tiny_models
from transformers import CLIPVisionModelWithProjection

from apvgen.errors import CheckpointError, OutputError
from apvgen.model.checkpoint import (
    METADATA,
    CheckpointInfo,
    checkpoints_folder,
    list_checkpoints,
    load_models,
    read_info,
    save_checkpoint,
    verify,
)
from apvgen.model.parts import empty_part

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make_tiny_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny", seed=3, face_style="dots68")


@pytest.fixture
def folder(made, tmp_path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(made, tmp_path / "tiny"))


def change(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def states(models):
    return {part: network.state_dict() for part, network in vars(models).items()}


def equal(one, other) -> bool:
    return all(
        list(one[part]) == list(other[part])
        and all(torch.equal(tensor, other[part][key]) for key, tensor in one[part].items())
        for part in one
    )


def test_what_is_saved_is_loaded(made):
    info = read_info(made)
    assert (info.name, info.face_style, info.hw, info.fps, info.window) == (
        "tiny",
        "dots68",
        (128, 64),
        Fraction(25),
        6,
    )
    models = load_models(info, "cpu")
    assert equal(states(models), states(tiny_models(seed=3)))
    assert not equal(states(models), states(tiny_models(seed=4)))
    tensors = [tensor for network in vars(models).values() for tensor in (*network.parameters(), *network.buffers())]
    assert not any(tensor.is_meta for tensor in tensors)
    assert not any(network.training for network in vars(models).values())


def test_it_is_small_and_made_of_plain_files(made):
    files = [path for path in made.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 10e6
    assert len({path.stat().st_mode for path in files}) == 1
    assert set(read_info(made).files) == {path.relative_to(made).as_posix() for path in files} - {METADATA}


def test_the_libraries_read_its_parts_too(made):
    encoder, loading = CLIPVisionModelWithProjection.from_pretrained(made / "image_encoder", output_loading_info=True)
    assert not any(loading.values())
    pixels = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    ours = load_models(read_info(made), "cpu").image_encoder(pixels).image_embeds
    assert torch.equal(encoder.eval()(pixels).image_embeds, ours)


def test_a_dtype_is_taken_on_by_every_part(made):
    models = load_models(read_info(made), "cpu", torch.bfloat16)
    for network in vars(models).values():
        assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}


def test_published_configuration_without_our_class_name_is_read(folder):
    change(folder / "unet" / "config.json", _class_name="UNetSpatioTemporalConditionModel")
    assert type(load_models(read_info(folder), "cpu").unet).__name__ == "ControlledUNet"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": 2}, "has format 2, this program reads up to 1; update it"),
        ({"face_style": "oil"}, r"is damaged \(face_style .*'mesh' or 'dots68'"),
        ({"hw": [100, 64]}, "multiples of 64 px"),
        ({"hw": None}, "is damaged"),
        ({"fps": "0"}, "fps must be positive"),
        ({"fps": "fast"}, r"is damaged \(fps "),
        ({"files": 3}, r"is damaged \(files "),
        ({"window": "six"}, r"is damaged \(window "),
        ({"backbone": "wan"}, "is for the backbone wan"),
    ],
)
def test_wrong_metadata_is_one_sentence(folder, values, message):
    change(folder / METADATA, **values)
    with pytest.raises(CheckpointError, match=message) as raised:
        read_info(folder)
    assert str(folder) in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', "\xff"])
def test_unreadable_metadata_is_one_sentence(folder, text):
    (folder / METADATA).write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"checkpoint.json (is damaged|has format None)") as raised:
        read_info(folder)
    assert "\n" not in str(raised.value)


def test_a_folder_without_metadata_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"is no checkpoint: it has no checkpoint.json"):
        read_info(tmp_path / "absent")


def test_a_partial_checkpoint_names_what_it_lacks(folder):
    (folder / UNET).unlink()
    with pytest.raises(CheckpointError, match=f"lacks {UNET}; get the checkpoint again"):
        read_info(folder)


def test_truncated_weights_are_named(folder):
    (folder / UNET).write_bytes((folder / UNET).read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=f"{UNET} is damaged or incomplete"):
        load_models(read_info(folder), "cpu")


def test_weights_of_another_architecture_are_named_with_keys(folder):
    state = load_file(folder / UNET)
    state["surplus"] = state.pop("conv_in.bias")
    save_file(state, folder / UNET)
    with pytest.raises(CheckpointError, match=r"1 missing: conv_in.bias; 1 unexpected: surplus"):
        load_models(read_info(folder), "cpu")


def test_a_part_of_another_kind_is_refused(folder):
    shutil.rmtree(folder / "vae")
    shutil.copytree(folder / "unet", folder / "vae")
    with pytest.raises(CheckpointError, match="describes a ControlledUNet, not a AutoencoderKLTemporalDecoder"):
        load_models(replace(read_info(folder.parent / folder.name), files={}), "cpu")


@pytest.mark.parametrize("text", ["[]", '{"_class_name": "ControlledUNet", "block_out_channels": "wide"}'])
def test_a_configuration_of_nothing_is_one_sentence(folder, text):
    (folder / "unet" / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"unet/config.json (is no configuration|describes no network)"):
        load_models(replace(read_info(folder), files={}), "cpu")


def test_a_control_branch_of_another_unet_is_refused(folder):
    models = tiny_models()
    odd = type(models.control)(**{**models.control.config, "out_channels": 48})
    save_checkpoint(folder, replace(models, control=odd), read_info(folder))
    with pytest.raises(CheckpointError, match="control branch of 48 channels to a UNet of 32"):
        load_models(read_info(folder), "cpu")


def test_verify_finds_one_changed_byte(folder):
    seen = []
    verify(read_info(folder), lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)
    content = bytearray((folder / UNET).read_bytes())
    content[-7] ^= 1
    (folder / UNET).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{UNET} has changed or is damaged"):
        verify(read_info(folder))


def test_fine_tuned_weights_share_the_parts_of_their_base(made, tmp_path, monkeypatch):
    info = replace(read_info(made), name="tuned", base="tiny", training_step=7, training={"lr": 1e-5})
    beside = save_checkpoint(made.parent / "tuned", tiny_models(seed=5), info)
    assert sorted(path.name for path in beside.folder.iterdir()) == [METADATA, "controlnext", "unet"]
    assert (beside.training_step, beside.training, beside.base) == (7, {"lr": 1e-5}, "tiny")
    models = load_models(beside, "cpu")
    assert equal({"vae": models.vae.state_dict()}, {"vae": tiny_models(seed=3).vae.state_dict()})
    assert equal({"unet": models.unet.state_dict()}, {"unet": tiny_models(seed=5).unet.state_dict()})
    verify(beside)
    away = save_checkpoint(tmp_path / "tuned", tiny_models(seed=5), info)
    with pytest.raises(CheckpointError, match=r"needs vae of its base tiny, which is in neither"):
        load_models(away, "cpu")
    monkeypatch.setenv("APVGEN_CHECKPOINTS", str(made.parent))
    assert checkpoints_folder() == made.parent
    load_models(away, "cpu")


def test_the_list_leaves_out_what_cannot_be_read(made, tmp_path):
    for name in ("b", "a", "broken"):
        shutil.copytree(made, tmp_path / name)
        change(tmp_path / name / METADATA, name=name)
    (tmp_path / "broken" / METADATA).write_text("{")
    (tmp_path / "other").mkdir()
    assert [info.name for info in list_checkpoints([tmp_path, tmp_path / "absent"])] == ["a", "b"]


def test_saving_replaces_a_checkpoint_but_nothing_else(folder, tmp_path):
    save_checkpoint(folder, tiny_models(seed=9), read_info(folder))
    assert equal(states(load_models(read_info(folder), "cpu")), states(tiny_models(seed=9)))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(OutputError, match="mine exists and is no checkpoint, so it is not replaced"):
        save_checkpoint(tmp_path / "mine", tiny_models(), read_info(folder))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "tiny"]


def test_a_full_disk_leaves_the_old_checkpoint_and_no_rubbish(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"Cannot write .*tiny \(.*\); free some space") as raised:
            save_checkpoint(folder, tiny_models(seed=9), read_info(folder))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(raised.value)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert list(folder.parent.iterdir()) == [folder]


def test_a_swap_that_fails_brings_the_old_checkpoint_back(folder, monkeypatch):
    rename = Path.rename

    def fails_once(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise PermissionError(1, "Operation not permitted")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails_once)
    with pytest.raises(OutputError, match="Operation not permitted"):
        save_checkpoint(folder, tiny_models(seed=9), read_info(folder))
    verify(read_info(folder))
    assert equal(states(load_models(read_info(folder), "cpu")), states(tiny_models(seed=3)))
    assert list(folder.parent.iterdir()) == [folder]


def test_info_out_of_range_is_refused_when_built(tmp_path):
    with pytest.raises(ValueError, match="window at least 2"):
        CheckpointInfo(tmp_path, "x", window=1)
    for odd in ({"guidance": 0.0}, {"initial_noise": 2.0}):
        with pytest.raises(ValueError, match="initial_noise between 0 and 1"):
            CheckpointInfo(tmp_path, "x", **odd)


def test_weights_are_loaded_whole_while_other_networks_are_built(made):
    """As in the studio, where a render loads its networks while the cost of another is counted."""
    info, stop = read_info(made), threading.Event()

    def build() -> None:
        while not stop.is_set():
            empty_part(info.part("unet"), "unet")

    builder = threading.Thread(target=build)
    builder.start()
    try:
        for _ in range(5):
            load_models(info, "cpu")
    finally:
        stop.set()
        builder.join()
