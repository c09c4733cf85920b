"""What makes a training or its figures worth less, seen before it begins: duplicates, constant images, labels without images.

Images that are held as an array are compared pixel by pixel. Of files only those are read that have a size in common with one of
the other part, and looked at for being constant those that are smallest: a picture of one colour packs to next to nothing. Files
that are remote are not fetched for it.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from alexlab.data.images import ArrayImages, FileImages, Images, Split
from alexlab.data.input.decode import ImageError
from alexlab.errors import UserError

MOST_IMAGES = 300_000  # a dataset with more is not searched for duplicates
MOST_BYTES = 200_000_000  # of files, read for each part that is held out
SMALLEST = 32  # files, decoded
NAMED = 3

Sizes = NDArray[np.int64]
Pairs = list[tuple[str, str]]
"""Names of held-out images and of equal ones of the training images."""


def suspicions(train: Split, held_out: dict[str, Split], classes: Sequence[str]) -> list[str]:
    """Return a sentence for each thing that is wrong; none where nothing is.

    Args:
        held_out: the images that are watched and tested on, by what they are called.
    """
    files = train.images if isinstance(train.images, FileImages) and not train.images.files.remote else None
    sizes = _sizes(files) if files and len(train) <= MOST_IMAGES else None
    return [*_missing(train, classes), *_constant(train, sizes), *_duplicates(train, sizes, held_out)]


def _sizes(images: FileImages) -> Sizes:
    return np.fromiter(map(images.files.size, images.names), np.int64, len(images.names))


def _missing(train: Split, classes: Sequence[str]) -> list[str]:
    counts = np.bincount(train.labels, minlength=len(classes))
    names = [classes[int(i)] for i in np.flatnonzero(counts == 0)]
    if not names:
        return []
    return [
        f"no training image has the label {_listed(names)}: the network cannot learn it, and it counts as a class all the same."
    ]


def _constant(train: Split, sizes: Sizes | None) -> list[str]:
    images = train.images
    if isinstance(images, ArrayImages):
        flat = images.pixels_NCHW.reshape(len(train), -1)
        names = [images.names[int(i)] for i in np.flatnonzero(flat.min(axis=1) == flat.max(axis=1))]
    elif isinstance(images, FileImages) and sizes is not None:
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


def _duplicates(train: Split, sizes: Sizes | None, held_out: dict[str, Split]) -> list[str]:
    compared = {what: split for what, split in held_out.items() if len(train) + len(split) <= MOST_IMAGES}
    images = train.images
    if isinstance(images, ArrayImages):
        pairs = {what: _alike_arrays(split.images, images) for what, split in compared.items()}
    elif isinstance(images, FileImages) and sizes is not None:
        pairs = _alike_files({what: split.images for what, split in compared.items()}, images, sizes)
    else:
        return []
    return [
        f"{len(found):,} of {len(held_out[what]):,} {what} images {'are' if len(found) > 1 else 'is'} among the training images too "
        f"({_listed([f'{mine} = {theirs}' for mine, theirs in found])}): what is measured on them says nothing of new images."
        for what, found in pairs.items()
        if found
    ]


def _alike_arrays(ours: Images, theirs: ArrayImages) -> Pairs:
    if not isinstance(ours, ArrayImages):
        return []
    known = dict(zip(_digests(theirs.pixels_NCHW), theirs.names, strict=True))
    digests = _digests(ours.pixels_NCHW)
    return [(name, known[digest]) for name, digest in zip(ours.names, digests, strict=True) if digest in known]


def _digests(pixels_NCHW: NDArray[np.uint8]) -> list[bytes]:
    return [blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in pixels_NCHW]


def _alike_files(parts: dict[str, Images], theirs: FileImages, sizes: Sizes) -> dict[str, Pairs]:
    """Of each part the files that are equal to one of `theirs`, which have these sizes; every file is read once at most."""
    ours = {
        what: images for what, images in parts.items() if isinstance(images, FileImages) and not images.files.remote
    }
    our_sizes = {what: _sizes(images) for what, images in ours.items()}
    unread: dict[int, list[int]] = {}  # theirs, by size, the first last
    for i in np.flatnonzero(np.isin(sizes, np.concatenate([sizes[:0], *our_sizes.values()])))[::-1].tolist():
        unread.setdefault(int(sizes[i]), []).append(i)
    known: dict[bytes, str] = {}  # theirs, by the digest of what was read
    return {what: list(_equal(images, our_sizes[what], theirs, unread, known)) for what, images in ours.items()}


def _equal(
    ours: FileImages, our_sizes: Sizes, theirs: FileImages, unread: dict[int, list[int]], known: dict[bytes, str]
) -> Iterator[tuple[str, str]]:
    """Names of equal files; of theirs no more are read than that takes, and of all no more than MOST_BYTES."""
    read = 0
    for name, size in zip(ours.names, our_sizes.tolist(), strict=True):
        if (left := unread.get(size)) is None:
            continue
        read += size
        if read > MOST_BYTES:
            return
        if (digest := _digest(ours, name)) is None:
            continue
        while digest not in known and left:
            read += size
            if read > MOST_BYTES:
                return
            other = theirs.names[left.pop()]
            if (theirs_digest := _digest(theirs, other)) is not None:
                known.setdefault(theirs_digest, other)
        if digest in known:
            yield name, known[digest]


def _digest(images: FileImages, name: str) -> bytes | None:
    try:
        return blake2b(images.files.read(name), digest_size=16).digest()
    except UserError:
        return None  # said when it is decoded


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
