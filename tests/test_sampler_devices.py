"""Devices, precision, offload, and the sentences that explain too little memory."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import cpu_offload_with_hook
from tiny_checkpoint import tiny_models

from apvgen.errors import MemoryLimitError, RenderError
from apvgen.sampler import devices
from apvgen.sampler.conditioning import CLIP_DEVIATION, CLIP_MEAN, clip_pixels, encode_reference
from apvgen.sampler.decode import decode
from apvgen.sampler.denoise import denoise
from apvgen.sampler.settings import Decoding, Memory, Settings

HW = (64, 128)
SETTINGS = Settings(schedule="karras-2", window=4, overlap=1)
NETWORKS = ("unet", "control", "vae", "image_encoder")


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*HW, 3), np.uint8)


def poses(indices) -> np.ndarray:
    return np.stack([np.random.default_rng(index).integers(0, 256, (*HW, 3), np.uint8) for index in indices])


def render(models, image) -> np.ndarray:
    conditioning = encode_reference(models, image, SETTINGS)
    latents = denoise(models, conditioning, poses, 6, SETTINGS)
    return np.stack(list(decode(models.vae, latents, Decoding(3, 1))))


class NoContext:
    """`torch.cuda.device` without a GPU."""

    def __init__(self, _device) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_error) -> None: ...


def with_device(monkeypatch, kind: str, total: float, bf16: bool = True) -> None:
    """Pretend that this machine has an accelerator of `total` GiB."""
    properties = SimpleNamespace(total_memory=int(total * devices.GIB))
    monkeypatch.setattr(devices, "_device", lambda _name: torch.device(kind, 0))
    monkeypatch.setattr(torch.cuda, "device", NoContext)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_how: bf16)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: properties)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: properties.total_memory)


@pytest.mark.parametrize(
    ("kind", "total", "bf16", "dtype", "offloads", "chunk"),
    [
        ("cuda", 80, True, torch.bfloat16, False, 14),
        ("cuda", 24, True, torch.bfloat16, False, 8),
        ("cuda", 15, False, torch.float16, True, 4),
        ("cuda", 8, True, torch.bfloat16, True, 2),
        ("mps", 12, True, torch.float16, False, 4),
    ],
)
def test_defaults_fit_the_device(monkeypatch, kind, total, bf16, dtype, offloads, chunk):
    with_device(monkeypatch, kind, total, bf16)
    found = devices.resources(Memory())
    assert (found.dtype, found.offload, found.decoding.chunk) == (dtype, offloads, chunk)
    assert found.decoding.overlap == chunk // 4


def test_the_cpu_computes_in_float32_and_offloads_nothing():
    found = devices.resources(Memory(device="cpu", offload=True))
    assert found == devices.Resources(torch.device("cpu"), torch.float32, False, Decoding(4, 1))


def test_choices_override_defaults(monkeypatch):
    with_device(monkeypatch, "cuda", 8)
    found = devices.resources(Memory(dtype="float32", offload=False, vae_chunk=3, vae_overlap=2, vae_tile=256))
    assert (found.dtype, found.offload, found.decoding) == (torch.float32, False, Decoding(3, 2, 256))


def test_without_an_accelerator_the_cpu_is_found(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.resources(Memory()).device == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:77", "gpu", "", "hpu", "meta"])
def test_a_device_that_is_not_there(name):
    with pytest.raises(RenderError, match=f"The device '{name}' cannot be used on this machine"):
        devices.resources(Memory(device=name))


def test_offloaded_networks_give_the_same_and_wait_on_the_cpu_after_their_stage(image, monkeypatch):
    wanted = render(tiny_models(), image)
    models, moves = tiny_models(), []
    # A device that is the CPU but not called so: networks are moved there and back.
    devices.offload(models, torch.device("cpu", 0))
    for name in NETWORKS:
        network = getattr(models, name)
        monkeypatch.setattr(network, "to", lambda place, name=name: moves.append((name, str(place))))
    assert devices.execution_device(models.unet) == torch.device("cpu", 0)
    assert np.array_equal(render(models, image), wanted)
    stages = [move for before, move in pairwise([None, *moves]) if move != before]
    back = [name for name, place in moves if place == "cpu"]
    assert back == ["image_encoder", "vae", "unet", "control", "vae"]
    assert stages[:2] == [("image_encoder", "cpu:0"), ("image_encoder", "cpu")]
    assert ("unet", "cpu:0") in moves


def test_networks_that_are_not_offloaded_stay_where_they_are(image, monkeypatch):
    models = tiny_models()
    for name in NETWORKS:
        monkeypatch.setattr(getattr(models, name), "to", pytest.fail)
    render(models, image)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_picture_is_encoded_in_float32_by_networks_of_half_precision(image, dtype):
    whole, half = tiny_models(), tiny_models()
    for name in NETWORKS:
        getattr(half, name).to(dtype)
    ours, theirs = (encode_reference(models, image, SETTINGS) for models in (half, whole))
    assert {parameter.dtype for parameter in half.vae.parameters()} == {dtype}
    assert torch.allclose(ours.image_latents, theirs.image_latents, atol=0.02)
    assert ours.embedding.dtype == ours.reference.dtype == torch.float32


def test_half_precision_renders(image):
    models = tiny_models()
    for name in NETWORKS:
        getattr(models, name).to(torch.bfloat16)
    assert render(models, image).shape == (5, *HW, 3)


MEMORY_ERRORS = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 8.87 GB, max allowed: 9.07 GB)."),
    "windows": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    "python": MemoryError(),
}


@pytest.mark.parametrize("error", list(MEMORY_ERRORS.values()), ids=list(MEMORY_ERRORS))
def test_too_little_memory_is_one_sentence(error):
    with (
        pytest.raises(MemoryLimitError, match=r"^Memory ran out while sampling; use --offload\.$"),
        devices.memory_limit_explained("sampling", "use --offload"),
    ):
        raise error


def test_what_the_cpu_says_when_it_has_too_little_is_understood():
    with pytest.raises(MemoryLimitError), devices.memory_limit_explained("sampling", "use a smaller --window"):
        torch.empty(2**60, dtype=torch.uint8)


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shapes"), devices.memory_limit_explained("sampling", ""):
        raise RuntimeError("shapes do not match")


def test_advice_for_sampling_names_what_is_not_yet_saved():
    waiting = torch.nn.Linear(1, 1, dtype=torch.float16)
    cpu_offload_with_hook(waiting, torch.device("meta"))
    advice = {
        "--dtype": torch.nn.Linear(1, 1, device="meta"),
        "--offload": torch.nn.Linear(1, 1, device="meta", dtype=torch.float16),
        "--window": waiting,
        "smaller output size": torch.nn.Linear(1, 1),
    }
    for option, network in advice.items():
        assert option in devices.sampling_advice(network)


def test_running_out_while_sampling_is_explained(image):
    models = tiny_models()
    conditioning = encode_reference(models, image, SETTINGS)

    def too_much(_indices):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(MemoryLimitError, match="while sampling; use a smaller --window or a smaller output size"):
        denoise(models, conditioning, too_much, 6, SETTINGS)


def test_sizes_that_the_networks_cannot_take(image):
    with pytest.raises(RenderError, match=r"A size of 64 x 120 .* divisible by 64; use 64 x 128"):
        encode_reference(tiny_models(), image[:, :120], SETTINGS)
    with pytest.raises(RenderError, match="use 64 x 128"):
        encode_reference(tiny_models(), image[:10], SETTINGS)


def test_augmentation_noise_goes_to_the_condition_only(image):
    models = tiny_models()
    plain = encode_reference(models, image, Settings(noise_augmentation=0))
    noisy, again = (encode_reference(models, image, Settings(noise_augmentation=0.02)) for _ in range(2))
    assert torch.equal(plain.reference, noisy.reference)
    assert torch.equal(plain.image_latents * models.vae.config.scaling_factor, plain.reference)
    assert not torch.equal(plain.image_latents, noisy.image_latents)
    assert torch.equal(noisy.image_latents, again.image_latents)


def test_clip_sees_an_even_picture_as_even_and_a_small_one_as_it_is():
    even = clip_pixels(np.full((300, 500, 3), 255, np.uint8), 224)
    assert torch.allclose(even[0, :, 0, 0], even[0].amax((1, 2)), atol=1e-5)
    small = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    # 127 pixels with corners aligned: every second one lies on a pixel of the picture.
    seen = clip_pixels(small, 127)[0, :, ::2, ::2] * torch.tensor(CLIP_DEVIATION)[:, None, None]
    seen += torch.tensor(CLIP_MEAN)[:, None, None]
    assert torch.allclose(seen, torch.from_numpy(small).permute(2, 0, 1) / 255, atol=1e-4)
