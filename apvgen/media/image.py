"""Reading still pictures of any kind as upright 8-bit sRGB."""

import io
import struct
from contextlib import suppress

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from apvgen.config import Limits
from apvgen.errors import LimitError, MediaError
from apvgen.media.display import on_white
from apvgen.media.source import PathLike, local_file

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "TGA")
"""Self-contained pixel formats: Pillow would run other programs for some of the rest (EPS)."""

_BROKEN = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, struct.error)
"""What Pillow's decoders raise on damaged files."""


def read_image(path: PathLike, limits: Limits) -> np.ndarray:
    """A picture as a viewer shows it: RGB uint8 `[H, W, 3]`.

    EXIF orientation and an embedded colour profile are applied, transparent parts show white, 16-bit values are scaled
    to 8, and grey, palette and CMYK become RGB. Of an animation, the first frame.
    Raises MediaError for what is no picture or is damaged, and LimitError for more than `limits.image_pixels`, by its
    header and before any of it is decoded.
    """
    place = local_file(path, limits)
    Image.init()
    try:
        with Image.open(place, formats=_FORMATS) as image:
            _check_size(image, path, limits)
            return _as_shown(image)
    except Image.DecompressionBombError as error:
        raise LimitError(f"{path} is far larger than any picture should be: give a smaller picture") from error
    except UnidentifiedImageError as error:
        raise MediaError(f"{path} is not a picture that can be read: save it as JPEG or PNG") from error
    except _BROKEN as error:
        raise MediaError(f"{path} is a damaged or unfinished picture ({error}): save or download it again") from error


def _check_size(image: Image.Image, path: PathLike, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.image_pixels:
        raise LimitError(
            f"{path} has {width} x {height} pixels, more than the {limits.image_pixels} allowed: "
            "give a smaller picture, or raise the limit (image_pixels)"
        )


def _as_shown(image: Image.Image) -> np.ndarray:
    image.load()
    # A viewer too shows a picture whose notes are broken, as if it had none.
    with suppress(SyntaxError, ValueError, struct.error):
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        return np.repeat(_eight_bits(np.asarray(image))[..., None], 3, axis=2)
    image = _in_srgb(image)
    if image.has_transparency_data:
        return on_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def _eight_bits(grey: np.ndarray) -> np.ndarray:
    """Wide grey `[H, W]` -> uint8: integers are 16-bit by the formats that hold them, floats run from 0 to 1."""
    full = 1.0 if grey.dtype.kind == "f" else 65535.0
    return np.round(np.clip(np.nan_to_num(grey / full), 0, 1) * 255).astype(np.uint8)


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        # Likewise a profile that is broken or made for other channels.
        return image
