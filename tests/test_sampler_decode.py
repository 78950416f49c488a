"""Decoding: streamed, in chunks that fade, in tiles, to the byte where latents did not change."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder
from tiny_checkpoint import tiny_models
from torch import nn

from apvgen.errors import MemoryLimitError, RenderError
from apvgen.sampler.decode import decode, decode_pictures
from apvgen.sampler.preview import colours_of, preview_frames
from apvgen.sampler.rerender import changed_pictures, redo_frames
from apvgen.sampler.settings import Decoding

FRAMES = 11


class ToyVae(nn.Module):
    """Pictures: each latent's first channel, eight times as large, plus what `extra(frames)` says, `[n]`."""

    def __init__(self, extra=torch.zeros_like) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.config = SimpleNamespace(scaling_factor=0.5, block_out_channels=(1, 1, 1, 1))
        self.dtype = torch.float32
        self.extra = extra
        self.calls: list[tuple[int, ...]] = []

    def decode(self, latents: torch.Tensor, num_frames: int) -> SimpleNamespace:
        self.calls.append(tuple(latents.shape))
        values = latents[:, :1].repeat_interleave(8, -1).repeat_interleave(8, -2).repeat(1, 3, 1, 1)
        return SimpleNamespace(sample=values + self.extra(torch.arange(float(num_frames)))[:, None, None, None])


@pytest.fixture(scope="module")
def vae() -> AutoencoderKLTemporalDecoder:
    return tiny_models(seed=2).vae


@pytest.fixture(scope="module")
def latents() -> torch.Tensor:
    return torch.randn(FRAMES, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def toy_latents(hw: tuple[int, int] = (8, 8)) -> torch.Tensor:
    """Scaled latents whose pictures lie in [0, 1]."""
    return torch.rand(FRAMES, 4, *hw, generator=torch.Generator().manual_seed(1)) - 0.5


@pytest.mark.parametrize("decoding", [Decoding(1, 0), Decoding(4, 0), Decoding(4, 1), Decoding(4, 3), Decoding(30, 2)])
def test_a_decoder_that_is_the_same_everywhere_gives_the_same_in_any_chunks(decoding):
    latents = toy_latents()
    pictures = torch.stack(list(decode_pictures(ToyVae(), latents, decoding)))
    wanted = (latents[:, :1].repeat_interleave(8, -1).repeat_interleave(8, -2) / 0.5 + 1) / 2
    assert pictures.shape == (FRAMES, 3, 64, 64)
    assert torch.allclose(pictures, wanted.expand_as(pictures), atol=1e-6)


def test_frames_are_bytes_without_the_reference():
    latents = torch.zeros(3, 4, 8, 8)
    latents[:, 0, 0, 0] = torch.tensor([0.0, 0.5, -9.0])
    frames = list(decode(ToyVae(), latents, Decoding(2, 0)))
    assert [(frame.shape, frame.dtype) for frame in frames] == [((64, 64, 3), np.uint8)] * 2
    assert frames[0][0, 0].tolist() == [255] * 3
    assert frames[1][0, 0].tolist() == [0] * 3
    assert frames[1][9, 9].tolist() == [128] * 3


def test_frames_are_given_as_soon_as_they_are_finished():
    vae = ToyVae()
    frames = decode_pictures(vae, toy_latents(), Decoding(4, 1))
    seen = []
    for _ in frames:
        seen.append(len(vae.calls))
    assert seen == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4]
    assert [shape[0] for shape in vae.calls] == [4, 4, 4, 2]


def test_chunks_fade_into_each_other():
    """A decoder that brightens along its chunk jumps back where the next begins, unless they fade."""

    def brighten(frames: torch.Tensor) -> torch.Tensor:
        return frames / 10

    jumps = {}
    for overlap in (0, 3):
        pictures = decode_pictures(ToyVae(brighten), torch.zeros(FRAMES, 4, 8, 8), Decoding(6, overlap))
        jumps[overlap] = torch.stack(list(pictures))[:, 0, 0, 0].diff().abs().max().item()
    assert jumps[0] > 0.24
    assert jumps[3] < 0.11


@pytest.mark.parametrize("hw", [(8, 8), (24, 40), (40, 16)])
def test_tiles_of_a_decoder_that_is_the_same_everywhere_leave_no_trace(hw):
    latents, vae = toy_latents(hw), ToyVae()
    tiled = torch.stack(list(decode_pictures(vae, latents, Decoding(6, 0, tile=128))))
    whole = torch.stack(list(decode_pictures(ToyVae(), latents, Decoding(6, 0))))
    assert torch.allclose(tiled, whole, atol=1e-6)
    assert max(max(shape[2:]) for shape in vae.calls) <= 16


def test_tiles_of_a_real_decoder_join_smoothly(vae):
    latents = torch.randn(1, 4, 8, 40, generator=torch.Generator().manual_seed(0))
    (picture,) = decode_pictures(vae, latents, Decoding(1, 0, tile=128))
    across = picture.diff(dim=2).abs().mean((0, 1))
    borders = [12 * 8, 16 * 8, 24 * 8, 28 * 8]
    assert across[[border - 1 for border in borders]].max() < 3 * across.median()


def test_pictures_of_untouched_chunks_are_equal_to_the_byte(vae, latents):
    for decoding in (Decoding(3, 0), Decoding(4, 1)):
        redo = redo_frames(FRAMES, range(5, 6), decoding)
        touched = torch.where(torch.from_numpy(redo)[:, None, None, None], latents + 0.3, latents)
        before, after = (np.stack(list(decode(vae, each, decoding))) for each in (latents, touched))
        changed = changed_pictures(redo, decoding)[1:]
        assert np.array_equal(before[~changed], after[~changed])
        assert not changed.all()
        assert all(not np.array_equal(before[frame], after[frame]) for frame in np.flatnonzero(redo[1:]))


def test_half_precision_is_near(vae, latents):
    whole = np.stack(list(decode(vae, latents, Decoding())))
    half = tiny_models(seed=2).vae.to(torch.bfloat16)
    assert np.abs(np.stack(list(decode(half, latents, Decoding()))).astype(int) - whole).mean() < 3


def test_pictures_that_are_not_numbers_are_refused():
    latents = toy_latents()
    latents[7, 0, 0, 0] = torch.nan
    frames = decode(ToyVae(), latents, Decoding(4, 0))
    assert len([next(frames) for _ in range(3)]) == 3
    with pytest.raises(RenderError, match="not numbers; use --dtype float32"):
        next(frames)


@pytest.mark.parametrize(
    ("decoding", "advice"),
    [
        (Decoding(8, 2), "use a --vae-chunk smaller than 8"),
        (Decoding(1, 0), "use a --vae-tile smaller than 320"),
        (Decoding(1, 0, tile=256), "use a --vae-tile smaller than 256"),
        (Decoding(1, 0, tile=128), "use a smaller output size"),
    ],
)
def test_too_little_memory_names_the_option_to_change(decoding, advice):
    def too_much(_frames):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    with pytest.raises(MemoryLimitError, match=f"^Memory ran out while decoding the video; {advice}.$"):
        list(decode(ToyVae(too_much), toy_latents((24, 40)), decoding))


def test_previews_have_the_colours_of_the_picture_whose_latents_are_known():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (6, 5, 3), np.uint8)
    picture = small.repeat(8, 0).repeat(8, 1)
    mixing, shift = rng.normal(size=(4, 3)), rng.normal(size=4)
    latents = torch.from_numpy(np.einsum("hwr,cr->chw", small / 100, mixing) + shift[:, None, None]).float()
    frames = preview_frames(latents[None], colours_of(latents, picture))
    assert frames.dtype == np.uint8
    assert np.abs(frames[0].astype(int) - small).max() <= 1


def test_a_picture_of_one_colour_gives_previews_of_that_colour():
    colours = colours_of(torch.full((4, 6, 5), 0.5), np.full((48, 40, 3), 200, np.uint8))
    assert (preview_frames(torch.full((1, 4, 6, 5), 0.5), colours) == 200).all()
