"""From the bytes of an image file to uint8 pixels of the shape that is wanted."""

import io
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from alexlab.data.input.jpeg import decode_jpeg
from alexlab.errors import UserError

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is read, whatever a file's name says. Pillow knows more, and for one of them starts another program."""

MOST_PIXELS = 89_478_485  # as Pillow: a larger picture is taken for a decompression bomb

Pixels = NDArray[np.uint8]


class ImageError(UserError):
    """A file that cannot be used as an image."""


def decode(data: bytes, name: str) -> Image.Image:
    """Return the picture in `data`, upright, 8 bits a channel, in mode "L" or "RGB".

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


def decode_rgb(data: bytes, name: str, into: Pixels | None = None) -> Pixels:
    """As `decode`, as RGB pixels of shape (height, width, 3); written to `into` if it has their shape and that is the faster way."""
    found = decoded(data, name, into)
    return found if isinstance(found, np.ndarray) else np.asarray(_as_mode(found, 3))


def decoded(data: bytes, name: str, into: Pixels | None = None) -> Image.Image | Pixels:
    """As `decode`, or the faster way: RGB pixels of shape (height, width, 3), written to `into` if it has their shape."""
    pixels = decode_jpeg(data, into, MOST_PIXELS)
    return decode(data, name) if pixels is None else pixels


def fit(image: Image.Image | Pixels, into: Pixels, how: str) -> None:
    """Write pixels made from `image` to `into`, bilinear: as Pillow has it, within one level of 255.

    Args:
        image: a picture, or RGB pixels of shape (height, width, 3).
        into: of the shape (height, width, channels) that is wanted, 1 channel (grey, ITU-R 601 luma) or 3 (RGB).
        how: "stretch" ignores the proportions; "crop" scales the image to cover the size and takes the centre; "pad" scales it to
            fit inside and fills with 0.
    """
    height, width, channels = into.shape
    if channels == 3:
        _fit_rgb(image if isinstance(image, np.ndarray) else np.asarray(_as_mode(image, 3)), into, how)
        return
    grey = _as_mode(Image.fromarray(image) if isinstance(image, np.ndarray) else image, 1)
    into[:, :, 0] = np.asarray(grey if grey.size == (width, height) else _fitted(grey, (height, width), how))


def _fit_rgb(pixels: Pixels, into: Pixels, how: str) -> None:
    (have_height, have_width), (height, width) = pixels.shape[:2], into.shape[:2]
    if pixels.shape == into.shape:
        into[:] = pixels
    elif how == "stretch" or have_height * width == have_width * height:
        whole = torch.from_numpy(_writable(pixels)).permute(2, 0, 1)[None]
        resize_bytes(whole, torch.from_numpy(into).permute(2, 0, 1)[None])
    else:  # at the edges of a window Pillow's filter looks beyond it, PyTorch's does not
        into[:] = np.asarray(_fitted(Image.fromarray(pixels), (height, width), how))


def _as_mode(image: Image.Image, channels: int) -> Image.Image:
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _fitted(image: Image.Image, size: tuple[int, int], how: str) -> Image.Image:
    if how == "stretch":
        return image.resize(size[::-1], Image.Resampling.BILINEAR)
    fitted = ImageOps.fit if how == "crop" else ImageOps.pad
    return fitted(image, size[::-1], Image.Resampling.BILINEAR)


def resize_bytes(images_NCHW: torch.Tensor, into_NCHW: torch.Tensor) -> None:
    """Scale uint8 images on the CPU to the size of `into_NCHW`, bilinear with Pillow's filter and fixed-point arithmetic.

    Where channels are last it is six times as fast as Pillow, and each value within one of Pillow's.
    """
    size = list(into_NCHW.shape[2:])
    torch.ops.aten._upsample_bilinear2d_aa.out(images_NCHW, size, False, None, None, out=into_NCHW)


def _writable(pixels: Pixels) -> Pixels:
    return pixels if pixels.flags.writeable else pixels.copy()
