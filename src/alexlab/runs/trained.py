"""Which of other images a run was trained on: told by what is in them, since files are copied and called otherwise."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexlab.data.images import ArrayImages, Dataset, FileImages, Images, Split
from alexlab.data.input.decode import ImageError
from alexlab.data.input.workers import workers
from alexlab.errors import UserError
from alexlab.recipes.schema import Recipe
from alexlab.runs.parts import trained_part
from alexlab.shape import Shape

MOST_BYTES = 4 << 30  # of training images that are read to compare them: a minute and more of a disk


def trained_among(
    dataset: Dataset, recipe: Recipe, recorded: dict[str, Any], split: Split, source: str
) -> tuple[NDArray[np.bool_], str]:
    """Return of each image in `split` whether a run was trained on it, and what cannot be told, or "".

    In the run's own dataset images are told by their names, so that what it held out stays whole; elsewhere by the bytes of their files,
    or by their pixels where one side is an array.

    Args:
        dataset, recipe, recorded: of the run: what it was trained on, how, and its split.json.
        source: where the images of `split` lie (`Dataset.found`).
    """
    nobody = np.zeros(len(split), bool)
    train, certain = trained_part(dataset, recipe, recorded)
    doubt = "" if certain else "its images have changed since: what it did not hold out then counts as trained on"
    if source == dataset.found:
        if not isinstance(split.images, FileImages):
            return nobody, doubt  # arrays are divided by their publisher
        names = set(train.images.names)
        return np.array([name in names for name in split.images.names], bool), doubt
    candidates = train.images
    if isinstance(candidates, FileImages):
        if candidates.files.remote:
            return nobody, "its training images lie elsewhere, and are not fetched to be compared"
        if isinstance(split.images, FileImages):
            sizes = set(_sizes(split.images))
            candidates = candidates.select(np.flatnonzero([size in sizes for size in _sizes(candidates)]))
        if sum(_sizes(candidates)) > MOST_BYTES:
            return nobody, f"its training images are more than {MOST_BYTES >> 30} GiB, too many to be compared"
    known = set(_digests(candidates, split.images)) - {None}
    return np.array([each in known for each in _digests(split.images, candidates)], bool), doubt


def _sizes(images: FileImages) -> list[int]:
    return [images.files.size(name) for name in images.names]


def _digests(images: Images, others: Images) -> Iterable[bytes | None]:
    """Return a digest of each image that can be held against those of the others; None where it cannot be read, or has another size."""
    if isinstance(images, FileImages) and isinstance(others, FileImages):
        return workers().map(_unless_unreadable(lambda i: images.read(i)), range(len(images.names)))
    shape = images.shape if isinstance(images, ArrayImages) else others.shape
    if isinstance(images, ArrayImages):
        fits = others.shape in (None, shape)
        return [hashlib.sha256(pixels.tobytes()).digest() if fits else None for pixels in images.pixels_NCHW]
    return workers().map(_unless_unreadable(lambda i: _pixels(images, i, shape)), range(len(images.names)))


def _unless_unreadable(content: Callable[[int], bytes | None]) -> Callable[[int], bytes | None]:
    def digest(index: int) -> bytes | None:
        try:
            data = content(index)
        except (UserError, ImageError):  # whoever uses the image says so
            return None
        return None if data is None else hashlib.sha256(data).digest()

    return digest


def _pixels(images: Images, index: int, shape: Shape | None) -> bytes | None:
    picture = images.picture(index)
    if shape is None or (picture.height, picture.width) != shape[1:]:
        return None
    pixels = np.asarray(picture.convert("L" if shape[0] == 1 else "RGB"))
    return pixels.tobytes() if pixels.ndim == 2 else pixels.transpose(2, 0, 1).tobytes()
