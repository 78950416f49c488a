import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from apvgen.errors import CheckpointError
from apvgen.model.weights import load_exactly, read_shapes, read_state_dict


class Runs:
    """What a malicious file would hold: reading it runs code."""

    def __reduce__(self):
        return Path.touch, (Path("it-ran"),)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return OrderedDict(weight=torch.randn(3, 2, generator=generator), bias=torch.randn(3, generator=generator))


def written(state: dict, path: Path) -> Path:
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".bin", ".pt", ".pth"])
def test_all_kinds_are_read_alike(state, tmp_path, suffix):
    read = read_state_dict(written(state, tmp_path / f"a{suffix}"))
    assert set(read) == set(state)
    assert all(torch.equal(read[key], state[key]) for key in state)


def test_the_old_format_of_bin_is_read_too(state, tmp_path):
    path = tmp_path / "old.bin"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert torch.equal(read_state_dict(path)["weight"], state["weight"])


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_a_dtype_changes_floats_only(state, tmp_path, suffix):
    state["steps"] = torch.tensor([3, 4])
    read = read_state_dict(written(state, tmp_path / f"a{suffix}"), dtype=torch.bfloat16)
    assert read["weight"].dtype == read["bias"].dtype == torch.bfloat16
    assert torch.equal(read["weight"], state["weight"].bfloat16())
    assert read["steps"].tolist() == [3, 4]
    assert read["steps"].dtype == torch.int64


@pytest.mark.parametrize("write", [torch.save, lambda held, path: path.write_bytes(pickle.dumps(held, protocol=2))])
def test_a_file_that_would_run_code_is_refused_and_does_not(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.bin"
    write({"weight": torch.zeros(1), "more": Runs()}, path)
    with pytest.raises(CheckpointError, match=r"bad.bin holds Python objects besides tensors.* is refused"):
        read_state_dict(path)
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.95])
def test_a_truncated_file_is_one_sentence(tmp_path, suffix, share):
    path = written({"weight": torch.zeros(64, 64)}, tmp_path / f"cut{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=f"cut{suffix}") as raised:
        read_state_dict(path)
    assert "\n" not in str(raised.value)


def test_what_is_no_weights_file_is_named(tmp_path):
    (tmp_path / "a.zip").touch()
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    torch.save({"model": {"weight": torch.zeros(1)}}, tmp_path / "nested.pt")
    for name, message in {
        "absent.bin": "is missing",
        "a.zip": "is no weights file",
        "list.pt": "holds no state dict",
        "nested.pt": "holds no state dict",
    }.items():
        with pytest.raises(CheckpointError, match=f"{name} {message}"):
            read_state_dict(tmp_path / name)


def test_shapes_come_from_the_header_alone(state, tmp_path):
    path = written(state, tmp_path / "a.safetensors")
    assert read_shapes(path) == {"weight": (3, 2), "bias": (3,)}
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"a.safetensors is damaged or incomplete"):
        read_shapes(path)


def test_a_module_takes_the_tensors_themselves(state):
    with torch.device("meta"):
        module = nn.Linear(2, 3)
    load_exactly(module, state, "a file")
    assert module.weight.data_ptr() == state["weight"].data_ptr()
    assert torch.equal(module(torch.ones(1, 2)), state["weight"].sum(1)[None] + state["bias"])


def test_keys_that_do_not_fit_are_counted_and_named():
    module = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
    state = {f"{k}.weight": torch.zeros(2, 2) for k in range(1, 4)} | {
        "0.weight": torch.zeros(2, 3),
        "x": torch.ones(1),
    }
    before = module[0].weight.clone()
    with pytest.raises(CheckpointError) as raised:
        load_exactly(module, state, "w.bin")
    assert str(raised.value) == (
        "w.bin does not fit Sequential: 4 missing: 0.bias, 1.bias, 2.bias, …; 1 unexpected: x; "
        "1 of another shape: 0.weight ([2, 3] instead of [2, 2]); use the weights made for it."
    )
    assert torch.equal(module[0].weight, before)
