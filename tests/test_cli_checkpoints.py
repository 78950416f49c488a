import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hub_stub import TOKEN, Hub
from tiny_checkpoint import make_tiny_checkpoint, tiny_models

from apvgen.cli.checkpoints import checkpoints
from apvgen.errors import CheckpointError, MissingModelError
from apvgen.model import registry

SVD = registry.SVD
BIG = bytes(range(256)) * (48 << 10)
"""12 MiB: more than huggingface_hub writes at once."""


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("APVGEN_CHECKPOINTS", str(tmp_path))
    return tmp_path


def run(*arguments: str):
    result = CliRunner().invoke(checkpoints, arguments)
    if result.exception:
        raise result.exception
    return result.stdout


def test_the_list_says_what_is_known_and_what_is_here(root):
    text = run("list")
    assert all(name in text for name in registry.PUBLISHED)
    assert "none; run: python -m apvgen checkpoints download controlnext-svd-v2" in text
    assert "gated: needs a token" in text
    assert "hash known for 0 of 5 files" in text
    make_tiny_checkpoint(root / "tiny")
    (root / "wav2vec2-base-960h").mkdir()
    (root / "wav2vec2-base-960h" / "config.json").touch()
    told = json.loads(run("list", "--json"))
    assert told["checkpoints"][0]["name"] == "tiny"
    assert told["checkpoints"][0]["hw"] == [128, 64]
    here = {entry["name"]: all(file["here"] for file in entry["files"]) for entry in told["published"]}
    assert [name for name, whole in here.items() if whole] == ["wav2vec2-base-960h"]
    assert "128x64 at 25 fps, faces as mesh" in run("list")
    (root / "tiny" / "vae" / "config.json").unlink()
    assert "cannot be used: " in run("list")
    assert "lacks vae/config.json" in json.loads(run("list", "--json"))["damaged"][str(root / "tiny")]


def test_listing_and_help_import_nothing_heavy(root):
    code = "import sys; from apvgen.cli.checkpoints import checkpoints; checkpoints(['list'], standalone_mode=False); "
    code += "print('loaded', *sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(told.rsplit("loaded", 1)[1].split())
    assert not {"torch", "transformers", "diffusers", "huggingface_hub", "cv2"} & loaded


@pytest.fixture
def stub():
    made = Hub({(SVD.repository, file.path): f"{file.path}!".encode() * 100 for file in SVD.files})
    made.files[SVD.repository, SVD.files[2].path] = BIG
    made.gated.add(SVD.repository)
    server = made.start()
    yield made
    if made.hold:
        made.hold.set()
    server.shutdown()
    server.server_close()


def download(stub: Hub, root: Path, **more: str) -> subprocess.Popen:
    code = "from apvgen.cli.checkpoints import checkpoints; checkpoints(['download', 'svd-xt-1.1', '--json'])"
    settings = {"HF_ENDPOINT": stub.url, "HF_HOME": str(root / "hub"), "APVGEN_CHECKPOINTS": str(root)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment | settings | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_download_goes_on_in_the_next_process(stub, root):
    small, part = len("unet/config.json!") * 100, root / "svd-xt-1.1" / "vae"
    stub.cut, stub.hold = [small, small, len(BIG) - 1000], threading.Event()
    killed = download(stub, root, HF_TOKEN=TOKEN)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in part.glob(".*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.kill()
    killed.communicate()
    begun = next(part.glob(".*.part")).stat().st_size
    assert 0 < begun < len(BIG)
    stub.cut = []
    output, _ = download(stub, root, HF_TOKEN=TOKEN).communicate(timeout=60)
    assert json.loads(output) == {"downloaded": {"svd-xt-1.1": str(root / "svd-xt-1.1")}}
    assert stub.ranges[3] == f"bytes={begun}-"
    assert (root / "svd-xt-1.1" / SVD.files[2].path).read_bytes() == BIG
    assert run("verify") == "ok  svd-xt-1.1: 5 of 5 files have a known hash, and match it\n"


def test_without_a_token_a_gated_download_says_what_to_do(stub, root):
    _, errors = download(stub, root).communicate(timeout=60)
    assert f"{SVD.page} is gated: accept its licence there, then pass your token with --token or HF_TOKEN." in errors


def test_offline_and_unknown_names_are_sentences(root):
    with pytest.raises(MissingModelError, match=r"and offline mode is on; run: .* wav2vec2-base-960h without it"):
        run("download", "aniportrait", "--offline")
    with pytest.raises(MissingModelError, match="No published weights are called 'sora'"):
        run("download", "sora")


def test_verify_names_what_changed(root):
    make_tiny_checkpoint(root / "tiny")
    assert run("verify") == "ok  tiny: 8 files match their hashes, and the weights their configurations\n"
    assert json.loads(run("verify", str(root / "tiny"), "--json"))["verified"]
    (root / "tiny" / "vae" / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tiny/vae/config.json has changed or is damaged"):
        run("verify")
    with pytest.raises(MissingModelError, match=r"unet.bin is missing; run: python -m apvgen checkpoints download"):
        run("verify", "controlnext-svd-v2")


def test_convert_takes_files_of_the_users_own(root, tmp_path):
    from apvgen.model.controlnext import ControlNeXt

    make_tiny_checkpoint(root / "svd-xt-1.1")
    torch.save(tiny_models().unet.state_dict(), tmp_path / "unet.bin")
    torch.save(ControlNeXt().state_dict(), tmp_path / "controlnet.bin")
    files = ("--unet", str(tmp_path / "unet.bin"), "--control", str(tmp_path / "controlnet.bin"))
    told = json.loads(run("convert", *files, "--dtype", "float16", "--json"))["checkpoint"]
    assert (told["folder"], told["face_style"], told["base"]) == (str(root / "controlnext-svd"), "dots68", "svd-xt-1.1")
    assert "controlnext-svd" in run("list")
    with pytest.raises(MissingModelError, match=r"unet.bin is missing; run: .* download controlnext-svd-v2"):
        run("convert")
    with pytest.raises(MissingModelError, match=r"controlnet.bin is missing; run: .* download controlnext-svd-v2"):
        run("convert", *files[:2])
    downloaded = root / "controlnext-svd-v2" / "ControlNeXt-SVD" / "v2"
    downloaded.mkdir(parents=True)
    for name in ("unet.bin", "controlnet.bin"):
        shutil.copy(tmp_path / name, downloaded)
    with pytest.raises(CheckpointError, match=r"unet.bin is not the file that was published"):
        run("convert")
    run("convert", *files[:2], "--base", str(root / "svd-xt-1.1"), "--control", files[3])
    with pytest.raises(CheckpointError, match=r"with --base, or run: python -m apvgen checkpoints download svd-xt-1.1"):
        run("convert", *files, "--base", str(tmp_path))
