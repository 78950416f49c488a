import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from apvgen.config import Limits
from apvgen.media import read_image

LIMITS = Limits()


def scene() -> np.ndarray:
    """uint8 `[40, 60, 3]`: smooth, coloured, and different in every corner."""
    y, x = np.mgrid[:40, :60]
    return np.stack([x * 4, y * 6, 250 - x * 2 - y * 2], -1).astype(np.uint8)


def shown(tmp_path, image: Image.Image, name="photo.png", **how) -> np.ndarray:
    image.save(tmp_path / name, **how)
    return read_image(tmp_path / name, LIMITS)


@pytest.mark.parametrize("name", ["photo.png", "photo.bmp", "photo.tiff", "photo.tga", "photo.ppm"])
def test_lossless_pictures_come_back_exactly(tmp_path, name):
    assert np.array_equal(shown(tmp_path, Image.fromarray(scene()), name), scene())


@pytest.mark.parametrize("name", ["photo.jpg", "photo.webp", "photo.avif", "photo.jp2"])
def test_lossy_pictures_come_back_nearly(tmp_path, name):
    picture = shown(tmp_path, Image.fromarray(scene()), name)
    assert abs(picture.astype(int) - scene()).mean() < 3


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].swapaxes(0, 1)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_exif_orientation_is_applied(tmp_path, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = shown(tmp_path, Image.fromarray(scene()), exif=exif)
    assert np.array_equal(picture, upright(scene()))


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = scene()[..., 0]
    assert np.array_equal(shown(tmp_path, Image.fromarray(grey)), np.repeat(grey[..., None], 3, 2))


@pytest.mark.parametrize("name", ["photo.png", "photo.tiff", "photo.pgm"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(tmp_path, name):
    grey = np.linspace(0, 65535, 2400).reshape(40, 60).astype(np.uint16)
    cv2.imwrite(str(tmp_path / name), grey)
    picture = read_image(tmp_path / name, LIMITS)
    assert picture.shape == (40, 60, 3)
    assert abs(picture - grey[..., None] / 257).max() <= 0.51


@pytest.mark.parametrize("name", ["photo.png", "photo.tiff"])
def test_sixteen_bit_colour_is_scaled(tmp_path, name):
    wide = scene().astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / name), wide[..., ::-1])
    assert np.array_equal(read_image(tmp_path / name, LIMITS), scene())


def test_an_upright_sixteen_bit_scan_keeps_its_orientation(tmp_path):
    grey = scene()[..., 0].astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = shown(tmp_path, Image.fromarray(grey), exif=exif)
    assert np.array_equal(picture[..., 0], np.rot90(scene()[..., 0], -1))


def test_palette_colours_are_looked_up(tmp_path):
    flat = Image.fromarray(scene()).quantize(16)
    assert np.array_equal(shown(tmp_path, flat), np.asarray(flat.convert("RGB")))


def test_black_and_white_is_black_and_white(tmp_path):
    picture = shown(tmp_path, Image.fromarray(scene()[..., 0] > 100))
    assert set(np.unique(picture)) == {0, 255}


def test_cmyk_becomes_rgb(tmp_path):
    ink = Image.new("CMYK", (60, 40), (0, 255, 255, 0))
    red = shown(tmp_path, ink, "photo.tiff")
    assert red[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_show_white(tmp_path, mode):
    image = Image.fromarray(scene()).convert(mode)
    image.putalpha(Image.fromarray(np.repeat(np.uint8([[0], [255]]), (20, 20), 0).repeat(60, 1)))
    picture = shown(tmp_path, image)
    assert (picture[:20] == 255).all()
    assert np.array_equal(picture[20:], np.asarray(image.convert("RGB"))[20:])


def test_half_transparent_parts_are_mixed_with_white(tmp_path):
    image = Image.new("RGBA", (60, 40), (255, 0, 0, 128))
    assert shown(tmp_path, image)[0, 0].tolist() == [255, 127, 127]


def test_a_transparent_palette_colour_shows_white(tmp_path):
    image = Image.new("P", (60, 40), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(1, (0, 0, 30, 40))
    picture = shown(tmp_path, image, transparency=0)
    assert picture[0, 0].tolist() == [200, 100, 50]
    assert picture[0, -1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_colour_profile_is_converted(tmp_path, mode):
    image = Image.fromarray(scene()).convert(mode)
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert abs(shown(tmp_path, image, icc_profile=usual).astype(int) - scene()).max() <= 1
    swapped = usual.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
    assert abs(shown(tmp_path, image, icc_profile=swapped).astype(int) - scene()[..., ::-1]).max() <= 3


def test_a_broken_colour_profile_is_ignored(tmp_path):
    picture = shown(tmp_path, Image.fromarray(scene()), icc_profile=b"not a profile")
    assert np.array_equal(picture, scene())


def test_broken_exif_is_ignored(tmp_path):
    picture = shown(tmp_path, Image.fromarray(scene()), exif=b"Exif\0\0not a table of tags")
    assert np.array_equal(picture, scene())


def test_an_animation_gives_its_first_frame(tmp_path):
    first, second = Image.new("RGB", (60, 40), "red"), Image.new("RGB", (60, 40), "blue")
    picture = shown(tmp_path, first, "clip.gif", save_all=True, append_images=[second])
    assert picture[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("hw", [(1, 1), (3, 5), (37, 53)])
def test_odd_sizes_are_kept(tmp_path, hw):
    assert shown(tmp_path, Image.new("RGB", hw[::-1], "red"), "photo.jpg").shape == (*hw, 3)


@pytest.mark.media
def test_real_photos_are_read(media):
    sizes = {path.name: read_image(path, LIMITS).shape for path in sorted((media / "reference").iterdir())}
    assert sizes == {
        "fullbody_800x1275.jpg": (1275, 800, 3),
        "man_flux_1.png": (1024, 1024, 3),
        "woman_flux_1.png": (1024, 1024, 3),
    }
