import json
import shutil
from pathlib import Path

import pytest
import torch
from tiny_checkpoint import make_tiny_checkpoint, tiny_models

from apvgen.errors import CheckpointError
from apvgen.model.checkpoint import METADATA, file_sha256, list_checkpoints, verify
from apvgen.model.convert import convert_controlnext
from apvgen.model.parts import empty_control, empty_part, load_part
from apvgen.model.weights import check_shapes, read_state_dict


class Published:
    """Files like the published ones: a tiny base, a UNet that fits it, and a control branch of the true widths."""

    def __init__(self, folder: Path) -> None:
        from apvgen.model.controlnext import ControlNeXt

        self.base = make_tiny_checkpoint(folder / "svd", seed=1)
        (self.base / METADATA).unlink()
        self.unet, self.control = folder / "unet.bin", folder / "controlnet.bin"
        torch.save(tiny_models(seed=2).unet.state_dict(), self.unet)
        torch.manual_seed(0)
        torch.save(ControlNeXt().state_dict(), self.control)


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Published:
    return Published(tmp_path_factory.mktemp("published"))


@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_published_files_become_a_checkpoint_once(published, dtype):
    folder = published.base.parent / f"made-{dtype}"
    info = convert_controlnext(published.unet, published.control, published.base, folder, dtype)
    assert (info.face_style, info.base, info.name) == ("dots68", "svd", "controlnext-svd")
    assert info.training["converted_from"]["unet.bin"] == file_sha256(published.unet)
    assert "apache-2.0" in info.licence
    assert sorted(path.name for path in folder.iterdir()) == [METADATA, "controlnext", "unet"]
    for part, source in {"unet": published.unet, "controlnext": published.control}.items():
        wanted = read_state_dict(source, dtype=dtype)
        state = load_part(info.part(part), part, "cpu", None).state_dict()
        assert list(state) == list(wanted)
        assert all(torch.equal(state[key], wanted[key]) for key in wanted)
    verify(info)
    assert info in list_checkpoints([folder.parent])


def test_a_base_elsewhere_is_named_by_its_path(published, tmp_path):
    info = convert_controlnext(published.unet, published.control, published.base, tmp_path / "made")
    assert info.part("vae") == published.base / "vae"


@pytest.mark.parametrize("wrong", ["missing", "unexpected", "swapped", "truncated"])
def test_files_that_do_not_fit_leave_nothing_behind(published, tmp_path, wrong):
    state = torch.load(published.unet, weights_only=True)
    unet = tmp_path / "unet.bin"
    if wrong == "missing":
        del state["conv_out.bias"]
    elif wrong == "unexpected":
        state["module.conv_out.bias"] = torch.zeros(4)
    elif wrong == "swapped":
        state = torch.load(published.control, weights_only=True)
    torch.save(state, unet)
    if wrong == "truncated":
        unet.write_bytes(unet.read_bytes()[:-5000])
    with pytest.raises(CheckpointError, match=rf"{unet} (does not fit ControlledUNet|is damaged)"):
        convert_controlnext(unet, published.control, published.base, tmp_path / "made")
    assert list(tmp_path.iterdir()) == [unet]


def test_an_absent_file_is_named(published, tmp_path):
    with pytest.raises(CheckpointError, match=r"no.bin cannot be read \(No such file"):
        convert_controlnext(published.unet, tmp_path / "no.bin", published.base, tmp_path / "made")


def test_a_wrong_base_is_refused_before_anything_is_read(published, tmp_path):
    with pytest.raises(CheckpointError, match=r"is not SVD-XT 1.1: it has no unet/config.json"):
        convert_controlnext(tmp_path / "no.bin", tmp_path / "no.bin", tmp_path, tmp_path / "made")
    base = Path(shutil.copytree(published.base, tmp_path / "base"))
    shutil.rmtree(base / "vae")
    shutil.copytree(base / "unet", base / "vae")
    with pytest.raises(CheckpointError, match="describes a ControlledUNet, not a AutoencoderKL"):
        convert_controlnext(tmp_path / "no.bin", tmp_path / "no.bin", base, tmp_path / "made")


@pytest.mark.golden
def test_the_published_layout_fits_what_conversion_builds(golden, tmp_path):
    config = json.loads((golden / "configs" / "unet_svd_xt.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"_class_name": "UNetSpatioTemporalConditionModel"}))
    built = {"unet_svd_xt": empty_part(tmp_path, "unet"), "controlnext_svd_v2": empty_control()}
    for name, network in built.items():
        manifest = json.loads((golden / "manifests" / f"{name}.json").read_text())
        check_shapes(network, {key: torch.Size(shape) for key, shape in manifest.items()}, name)
        assert all(parameter.is_meta for parameter in network.parameters())
