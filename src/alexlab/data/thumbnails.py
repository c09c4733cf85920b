"""Small grey pictures of images, by which they are compared without decoding them whole."""

import io
from collections.abc import Iterable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexlab.data.images import FileImages, Images
from alexlab.data.input.decode import MOST_PIXELS, Pixels, eight_bits
from alexlab.data.input.workers import workers
from alexlab.errors import UserError

JPEG = b"\xff\xd8\xff"  # at an eighth of its size it takes a fifth of the time


def thumbnails(images: Images, indices: Iterable[int], side: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Return these images in grey, uint8 of shape (N, side, side), and the indices of those that could be decoded."""
    chosen = list(indices)
    found = list(workers().map(lambda index: _thumbnail(images, index, side), chosen))
    read = [i for i, pixels in zip(chosen, found, strict=True) if pixels is not None]
    small_NHW = np.stack([pixels for pixels in found if pixels is not None]) if read else np.empty((0, side, side))
    return small_NHW.astype(np.uint8), np.array(read, np.int64)


def bytes_of(images: FileImages, indices: Iterable[int] | None = None) -> int:
    """Return how many bytes the files of these images have, by default of all; what is gone counts as nothing."""
    names = images.names if indices is None else [images.names[i] for i in indices]
    total = 0
    for name in names:
        with suppress(UserError):  # said when it is decoded
            total += images.files.size(name)
    return total


def _thumbnail(images: Images, index: int, side: int) -> Pixels | None:
    try:
        picture = _reduced(images, index, side) if isinstance(images, FileImages) else images.picture(index)
        return np.asarray(picture.convert("L").resize((side, side), Image.Resampling.BILINEAR))
    except Exception:  # said when it is decoded for the training
        return None


def _reduced(images: FileImages, index: int, side: int) -> Image.Image:
    data = images.read(index)
    if not data.startswith(JPEG):
        return images.picture(index)
    image = Image.open(io.BytesIO(data), formats=("JPEG",))
    if image.width * image.height > MOST_PIXELS:
        raise Image.DecompressionBombError
    image.draft("L", (2 * side, 2 * side))
    return eight_bits(image, images.path(index))
