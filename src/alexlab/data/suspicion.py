"""What makes a training or its figures worth less, seen before it begins: duplicates, constant images, labels without images.

Images that are held as an array are compared pixel by pixel. Of files only those are read that have a size in common with one of
the other part, and looked at for being constant those that are smallest: a picture of one colour packs to next to nothing. Files
that are far away are not fetched for it.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from alexlab.data.decode import ImageError
from alexlab.data.images import ArrayImages, FileImages, Split
from alexlab.errors import UserError

MOST_IMAGES = 300_000  # a dataset with more is not searched for duplicates
MOST_BYTES = 200_000_000  # of files, read
SMALLEST = 32  # files, decoded
NAMED = 3


def suspicions(train: Split, held_out: dict[str, Split], classes: Sequence[str]) -> list[str]:
    """A sentence for each thing that is wrong; none where nothing is.

    Args:
        held_out: the images that are watched and tested on, by what they are called.
    """
    return [*_missing(train, classes), *_constant(train), *_duplicates(train, held_out)]


def _missing(train: Split, classes: Sequence[str]) -> list[str]:
    counts = np.bincount(train.labels, minlength=len(classes))
    names = [classes[int(i)] for i in np.flatnonzero(counts == 0)]
    if not names:
        return []
    return [
        f"no training image has the label {_listed(names)}: the network cannot learn it, and it counts as a class all the same."
    ]


def _constant(train: Split) -> list[str]:
    images = train.images
    if isinstance(images, ArrayImages):
        flat = images.pixels_NCHW.reshape(len(train), -1)
        names = [images.names[int(i)] for i in np.flatnonzero(flat.min(axis=1) == flat.max(axis=1))]
    elif isinstance(images, FileImages) and len(train) <= MOST_IMAGES and not images.files.far:
        sizes = np.array([images.files.size(name) for name in images.names])
        smallest = np.argsort(sizes, kind="stable")[:SMALLEST]
        names = [images.names[i] for i in smallest.tolist() if _is_constant(images, i)]
    else:
        return []
    if not names:
        return []
    more = "at least " if isinstance(images, FileImages) and len(names) == SMALLEST else ""
    return [
        f"{more}{len(names):,} training image{'s' * (len(names) > 1)} of one colour, {_listed(names)}: nothing is to be seen there."
    ]


def _is_constant(images: FileImages, index: int) -> bool:
    try:
        bounds = images.picture(index).getextrema()
    except ImageError:
        return False  # said when it is decoded
    pairs = bounds if isinstance(bounds[0], tuple) else (bounds,)
    return all(low == high for low, high in pairs)


def _duplicates(train: Split, held_out: dict[str, Split]) -> list[str]:
    found = []
    for what, split in held_out.items():
        if len(train) + len(split) > MOST_IMAGES:
            continue
        pairs = _alike(train, split)
        if pairs:
            names = [f"{mine} = {theirs}" for mine, theirs in pairs]
            found.append(
                f"{len(pairs):,} of {len(split):,} {what} images {'are' if len(pairs) > 1 else 'is'} among the training images too "
                f"({_listed(names)}): what is measured on them says nothing of new images."
            )
    return found


def _alike(train: Split, split: Split) -> list[tuple[str, str]]:
    """Names of images of `split` and of equal ones of `train`."""
    ours, theirs = split.images, train.images
    if isinstance(ours, ArrayImages) and isinstance(theirs, ArrayImages):
        known = dict(zip(_digests(theirs.pixels_NCHW), theirs.names, strict=True))
        digests = _digests(ours.pixels_NCHW)
        return [(name, known[digest]) for name, digest in zip(ours.names, digests, strict=True) if digest in known]
    if isinstance(ours, FileImages) and isinstance(theirs, FileImages) and not ours.files.far:
        return _alike_files(ours, theirs)
    return []


def _digests(pixels_NCHW: NDArray[np.uint8]) -> list[bytes]:
    return [blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in pixels_NCHW]


def _alike_files(ours: FileImages, theirs: FileImages) -> list[tuple[str, str]]:
    sizes: dict[int, list[str]] = {}
    for name in theirs.names:
        sizes.setdefault(theirs.files.size(name), []).append(name)
    pairs: list[tuple[str, str]] = []
    read = 0
    digests: dict[str, bytes] = {}

    def digest(images: FileImages, name: str) -> bytes:
        if name not in digests:
            digests[name] = blake2b(images.files.read(name), digest_size=16).digest()
        return digests[name]

    for name in ours.names:
        size = ours.files.size(name)
        for other in sizes.get(size, []):
            read += size * ((name not in digests) + (other not in digests))
            if read > MOST_BYTES:
                return pairs
            try:
                if digest(ours, name) == digest(theirs, other):
                    pairs.append((name, other))
                    break
            except UserError:
                continue  # said when it is decoded
    return pairs


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
