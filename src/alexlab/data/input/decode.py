"""From the bytes of an image file to its picture: upright, uint8, grey or RGB. It imports no torch."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, features

from alexlab.data.input.jpeg import decode_jpeg
from alexlab.data.input.signatures import PNG, is_heif, what_it_is
from alexlab.errors import UserError

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", *(("AVIF",) if features.check("avif") else ()))
"""What is read, whatever a file's name says. Pillow knows more, and for one of them starts another program."""

MOST_PIXELS = 89_478_485  # as Pillow: a larger picture is taken for a decompression bomb
TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # chunks of a PNG that hold no pixels, and any amount of something else

Pixels = NDArray[np.uint8]

Levels = tuple[float, float]
"""Which values become 0 and 255 where pixels have more than 8 bits."""
SIXTEEN_BITS: Levels = (0, 65535)


class ImageError(UserError):
    """A file that cannot be used as an image."""


class NotAnImage(ImageError):
    """A file that is no image of a kind that is read."""


def decode(data: bytes, name: str, levels: Levels | None = None) -> Image.Image:
    """Return the picture in `data`, upright, 8 bits a channel, in mode "L" or "RGB".

    EXIF orientation is applied, palettes are looked up, transparency is laid over white, and CMYK becomes RGB. Of an animation it
    is the first frame, of a file of several pages the first.

    Args:
        levels: which values become 0 and 255 where pixels have more than 8 bits; by default those of 16 bits.

    Raises:
        ImageError: `name` and what is wrong with it.
    """
    if not data:
        raise NotAnImage(f"{name}: the file is empty.")
    try:
        return eight_bits(_opened(data), name, levels)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"{name}: more than {MOST_PIXELS:,} pixels, as a decompression bomb has; refused.") from None
    except UnidentifiedImageError:
        raise NotAnImage(f"{name}: not an image that can be read{what_it_is(data)}.") from None
    except Exception as error:  # what Pillow's readers raise on damaged files is no one family
        raise ImageError(f"{name}: the image is damaged or cut off ({error}).") from error


def _opened(data: bytes) -> Image.Image:
    formats = (*FORMATS, "HEIF") if is_heif(data) and _reads_heif() else FORMATS
    try:
        return _loaded(data, formats)
    except ValueError as error:
        if not data.startswith(PNG) or "text" not in str(error).lower():
            raise
        return _loaded(_without_texts(data), formats)  # Pillow takes a large text for a bomb; nobody wants it here


def _loaded(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    image: Image.Image = Image.open(io.BytesIO(data), formats=formats)
    if image.width * image.height > MOST_PIXELS:
        raise Image.DecompressionBombError
    image.load()
    if data.startswith(PNG) and "transparency" in image.info:
        image.info["transparency"] = _in_eight_bits(image.info["transparency"], image.mode, bits=data[24])
    return image


def _in_eight_bits(colour: Any, mode: str, bits: int) -> Any:
    """Return the colour that is transparent as Pillow has the pixels, which it brings from 2, 4, or in colour 16, bits to 8."""
    if mode == "L" and bits < 8:
        return colour * 255 // ((1 << bits) - 1)
    return tuple(value >> 8 for value in colour) if mode == "RGB" and bits == 16 else colour


def _without_texts(data: bytes) -> bytes:
    kept, at = [data[:8]], 8
    while at < len(data):
        size = 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in TEXTS:
            kept.append(data[at : at + size])
        at += size
    return b"".join(kept)


def _reads_heif() -> bool:
    """Whether pillow-heif is installed, which then adds the format to Pillow's."""
    try:
        import pillow_heif  # not at the top: an extra, which few need
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def eight_bits(image: Image.Image, name: str, levels: Levels | None = None) -> Image.Image:
    """As `decode`, from a picture that Pillow has opened."""
    image = ImageOps.exif_transpose(image)
    colour = image.info.get("transparency")
    if image.mode in ("L", "RGB") and colour is None:
        return image
    if image.mode.startswith(("I", "F")):
        wide: NDArray[Any] = np.asarray(image, dtype=np.float64)
        narrow = scaled(wide, levels or _agreed(image.mode, wide, name))
        if isinstance(colour, int):
            narrow[wide == colour] = 255
        return Image.fromarray(narrow)
    if image.has_transparency_data:
        grey = image.mode in ("LA", "La", "L", "1")
        shown = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        over_white = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
        return over_white.convert("L" if grey else "RGB")
    return image.convert("L" if image.mode == "1" else "RGB")


def inverse(picture: Image.Image) -> Image.Image:
    """Return a picture in mode "L" or "RGB" with dark and light exchanged."""
    return ImageOps.invert(picture)


def scaled(wide: NDArray[Any], levels: Levels) -> Pixels:
    """Return pixels of more than 8 bits as uint8: the lower of `levels` is 0, and so is what is no number; the upper is 255."""
    low, high = levels
    within = np.clip(np.nan_to_num(wide, nan=low), low, high)
    pixels: Pixels = np.rint((within - low) * (255 / (high - low))).astype(np.uint8)
    return pixels


def _agreed(mode: str, wide: NDArray[Any], name: str) -> Levels:
    """Return the range of 16 bits. Raises ImageError where pixels have another, which nobody has agreed upon."""
    if mode == "F":
        raise ImageError(
            f"{name}: floating-point pixels have no agreed range, and what was trained has none for them; "
            "convert the image to 8 or 16 bits."
        )
    low, high = wide.min(), wide.max()
    if low < 0 or high > SIXTEEN_BITS[1]:
        raise ImageError(
            f"{name}: pixels of 32 bits, {low:.0f} to {high:.0f} here, have no agreed range, and what was trained has none for them; "
            "convert the image to 8 or 16 bits."
        )
    return SIXTEEN_BITS


def decode_rgb(data: bytes, name: str, into: Pixels | None = None, levels: Levels | None = None) -> Pixels:
    """As `decode`, as RGB pixels of shape (height, width, 3); written to `into` if it has their shape and that is the faster way."""
    found = decoded(data, name, into, levels)
    return found if isinstance(found, np.ndarray) else np.asarray(as_mode(found, 3))


def decoded(data: bytes, name: str, into: Pixels | None = None, levels: Levels | None = None) -> Image.Image | Pixels:
    """As `decode`, or the faster way: RGB pixels of shape (height, width, 3), written to `into` if it has their shape."""
    pixels = decode_jpeg(data, into, MOST_PIXELS)
    return decode(data, name, levels) if pixels is None else pixels


def as_mode(image: Image.Image, channels: int) -> Image.Image:
    """Return the picture in grey for 1 channel, in RGB for 3."""
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)
