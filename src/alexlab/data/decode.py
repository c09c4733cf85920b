"""From the bytes of an image file to uint8 pixels of the shape that is wanted."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from alexlab.errors import UserError

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is read, whatever a file's name says. Pillow knows more, and for one of them starts another program."""

MOST_PIXELS = 89_478_485  # as Pillow: a larger picture is taken for a decompression bomb

Pixels = NDArray[np.uint8]


class ImageError(UserError):
    """A file that cannot be used as an image."""


def decode(data: bytes, name: str) -> Image.Image:
    """The picture in `data`, upright, 8 bits a channel, in mode "L" or "RGB".

    EXIF orientation is applied, palettes are looked up, transparency is laid over white, 16 bits are scaled to 8, and
    CMYK becomes RGB. Of an animation it is the first frame.

    Raises:
        ImageError: `name` and what is wrong with it.
    """
    if not data:
        raise ImageError(f"{name}: the file is empty.")
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        image.load()
        return _eight_bits(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"{name}: more than {MOST_PIXELS:,} pixels, as a decompression bomb has; refused.") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not an image that can be read (it starts with {data[:12]!r}).") from None
    except Exception as error:  # what Pillow's readers raise on damaged files is no one family
        raise ImageError(f"{name}: the image is damaged or cut off ({error}).") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; convert the image to 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits, or 32 that hold 16
        wide: NDArray[Any] = np.asarray(image, dtype=np.float64)
        return Image.fromarray(np.rint(np.clip(wide, 0, 65535) / 257).astype(np.uint8), "L")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        colour = image.convert("RGBA")
        over_white = Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
        return over_white.convert("L" if image.mode in ("LA", "La", "L") else "RGB")
    return image.convert("L" if image.mode == "1" else "RGB")


def fit(image: Image.Image, channels: int, size: tuple[int, int], how: str) -> Pixels:
    """Pixels of shape (channels, height, width) made from `image`, bilinear as Pillow has it.

    Args:
        channels: 1 (grey, ITU-R 601 luma) or 3 (RGB).
        size: height and width wanted.
        how: "stretch" ignores the proportions; "crop" scales the image to cover the size and takes the centre; "pad" scales it to
            fit inside and fills with 0.
    """
    height, width = size
    mode = "L" if channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    if image.size != (width, height):
        if how == "stretch":
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        elif how == "crop":
            image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
        else:
            image = ImageOps.pad(image, (width, height), Image.Resampling.BILINEAR)
    pixels: Pixels = np.asarray(image)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
