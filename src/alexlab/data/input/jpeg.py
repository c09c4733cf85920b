"""JPEG files straight into memory, where libjpeg-turbo gives the same pixels as Pillow; everything else is Pillow's.

simplejpeg calls the same libjpeg-turbo as Pillow, with the same inverse DCT and upsampling, so that the pixels are the same,
bit for bit; but it writes them where they are wanted, and lets other threads run meanwhile.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

try:
    import simplejpeg  # type: ignore[import-untyped]
except ImportError:  # no wheel for this machine: Pillow decodes the same pixels, more slowly
    simplejpeg = None

START, SCAN, EXIF, APP1, ORIENTATION = b"\xff\xd8\xff", 0xDA, b"Exif\0\0", 0xE1, 0x0112
PLAIN = ("YCbCr", "Gray")


def decode_jpeg(data: bytes, into: NDArray[np.uint8] | None, most_pixels: int) -> NDArray[np.uint8] | None:
    """RGB pixels of shape (height, width, 3); None where Pillow has to look at the file.

    That is: no JPEG, damaged in the least, larger than `most_pixels`, not YCbCr or grey, or to be turned.

    Args:
        into: where to write them if it has their shape; contiguous.
    """
    if simplejpeg is None or not data.startswith(START) or _turned(data):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in PLAIN or height * width > most_pixels:
            return None
        fits = into is not None and into.shape == (height, width, 3)
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", buffer=into if fits else None)
    except ValueError:
        return None
    return into if fits else pixels  # what simplejpeg returns is a view of it


def _turned(data: bytes) -> bool:
    """Whether a segment before the scan says, or may say, that the picture is not upright."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != SCAN:
        kind, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == 0xFF:  # a fill byte
            at += 1
            continue
        if kind == APP1:
            segment = data[at + 4 : at + 2 + size]
            if not segment.startswith(EXIF):
                if b"rientation" in segment:  # XMP can say it too
                    return True
            elif _orientation(segment) not in (None, 1):
                return True
        at += 2 + size
    return False


def _orientation(segment: bytes) -> int | None:
    exif = Image.Exif()
    try:
        exif.load(segment)
        found: int | None = exif.get(ORIENTATION)
    except Exception:  # whatever a damaged segment makes Pillow raise: it is asked to decode the file, and says so
        return 0
    return found
