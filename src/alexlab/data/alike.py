"""Pictures that are the same to the eye, whatever their bytes: copied, saved again, or made smaller.

Each is compared with every other by its thumbnail. A hash of few bits would be quicker for millions, but calls icons and digits the
same that are not, and the libraries of such hashes bring all of SciPy along (docs/decisions/libraries.md).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from alexlab.data.images import FileImages, Images
from alexlab.data.input.decode import Pixels
from alexlab.data.thumbnails import bytes_of, thumbnails

MOST_IMAGES = 20_000  # of more, none are compared: the time grows with the square
MOST_BYTES = 1_000_000_000  # of their files: some ten seconds
MOST_PAIRS = 100_000
SIDE = 32
COMPARED = 16  # the side at which all are compared with all
ALIKE = 0.996  # correlation at that side; what JPEG and scaling leave is more, other pictures of flowers, digits or garments are less
DIFFERENT = 3.0  # levels of 255, the mean difference at SIDE from which on pictures are two
FLAT = 4.0  # levels, the standard deviation below which nothing is to be seen
ROWS = 1024  # compared at a time


def alike(parts: Sequence[Images], most_bytes: int = MOST_BYTES) -> list[tuple[int, int]]:
    """Return pairs of images that look the same, counted through all parts, the earlier first; each image with its first like.

    Of files alone that lie on this machine, that are no more than MOST_IMAGES, and have no more than `most_bytes`.
    """
    files = [images for images in parts if isinstance(images, FileImages) and not images.files.remote]
    if len(files) < len(parts) or sum(len(images.names) for images in files) > MOST_IMAGES:
        return []
    if sum(map(bytes_of, files)) > most_bytes:
        return []
    small, places, before = [], [], 0
    for images in parts:
        pixels_NHW, read = thumbnails(images, range(len(images.names)), SIDE)
        small.append(pixels_NHW)
        places.append(read + before)
        before += len(images.names)
    place_N = np.concatenate(places)
    first: dict[int, int] = {}
    for one, other in _pairs(np.concatenate(small)):
        first.setdefault(int(place_N[other]), int(place_N[one]))
        if len(first) >= MOST_PAIRS:
            break
    return sorted((one, other) for other, one in first.items())


def _pairs(small_NHW: Pixels) -> Iterator[tuple[int, int]]:
    levels_NHW = small_NHW.astype(np.float32)
    step = SIDE // COMPARED
    coarse_ND = levels_NHW.reshape(-1, COMPARED, step, COMPARED, step).mean(axis=(2, 4)).reshape(-1, COMPARED**2)
    coarse_ND -= coarse_ND.mean(axis=1, keepdims=True)
    visible_N = coarse_ND.std(axis=1) >= FLAT
    coarse_ND /= np.maximum(np.linalg.norm(coarse_ND, axis=1, keepdims=True), 1e-6)
    for start in range(0, len(coarse_ND), ROWS):
        likeness = coarse_ND[start : start + ROWS] @ coarse_ND[start:].T
        for one, other in np.argwhere(likeness >= ALIKE):
            if one < other and visible_N[start + one] and _same(levels_NHW[start + one], levels_NHW[start + other]):
                yield start + int(one), start + int(other)


def _same(one_HW: NDArray[np.float32], other_HW: NDArray[np.float32]) -> bool:
    return bool(np.abs(one_HW - other_HW).mean() < DIFFERENT)
