"""What makes a training or its figures worth less, seen before it begins: duplicates, constant images, labels without images.

Images that are held as an array are compared pixel by pixel, files also by how they look (see `data.alike`). To find equal files only
those are read that have a size in common with one of the other part, and looked at for being constant those that are smallest: a
picture of one colour packs to next to nothing. Files that are remote are not fetched for it.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from alexlab.data import alike
from alexlab.data.images import ArrayImages, FileImages, Images, Split
from alexlab.data.input.decode import ImageError
from alexlab.data.shortcuts import shortcuts
from alexlab.errors import UserError

MOST_IMAGES = 300_000  # a dataset with more is not searched for duplicates
MOST_BYTES = 200_000_000  # of files, read for each part that is held out
SMALLEST = 32  # files, decoded
NAMED = 3
LISTED, THOROUGH_BYTES = 30, 20_000_000_000  # where somebody asked

Sizes = NDArray[np.int64]
Pairs = list[tuple[str, str]]
"""Names of held-out images and of equal ones of the training images."""


def suspicions(train: Split, held_out: dict[str, Split], classes: Sequence[str], thorough: bool = False) -> list[str]:
    """Return a sentence for each thing that is wrong; none where nothing is.

    Args:
        held_out: the images that are watched and tested on, by what they are called.
        thorough: take minutes rather than seconds where pictures are large, and name more examples.
    """
    files = train.images if isinstance(train.images, FileImages) and not train.images.files.remote else None
    sizes = _sizes(files) if files and len(train) <= MOST_IMAGES else None
    named, most_bytes = (LISTED, THOROUGH_BYTES) if thorough else (NAMED, alike.MOST_BYTES)
    equal = _duplicates(train, sizes, held_out)
    said = [_among_training(what, pairs, held_out[what], "", named) for what, pairs in equal.items() if pairs]
    known = {what: {mine for mine, _ in pairs} for what, pairs in equal.items()}
    return [
        *_missing(train, classes),
        *_constant(train, sizes, named),
        *said,
        *_look_alike(train, held_out, classes, known, named, most_bytes),
        *shortcuts(train, held_out, classes, named),
    ]


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


def _constant(train: Split, sizes: Sizes | None, named: int) -> list[str]:
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
        f"{more}{len(names):,} training image{'s' * (len(names) > 1)} of one colour, {_listed(names, named)}: nothing is to be seen there."
    ]


def _is_constant(images: FileImages, index: int) -> bool:
    try:
        bounds = images.picture(index).getextrema()
    except ImageError:
        return False  # said when it is decoded
    pairs = bounds if isinstance(bounds[0], tuple) else (bounds,)
    return all(low == high for low, high in pairs)


def _duplicates(train: Split, sizes: Sizes | None, held_out: dict[str, Split]) -> dict[str, Pairs]:
    """Of each part that is held out the images that are equal to a training image, with its name."""
    compared = {what: split for what, split in held_out.items() if len(train) + len(split) <= MOST_IMAGES}
    images = train.images
    if isinstance(images, ArrayImages):
        return {what: _alike_arrays(split.images, images) for what, split in compared.items()}
    if isinstance(images, FileImages) and sizes is not None:
        return _alike_files({what: split.images for what, split in compared.items()}, images, sizes)
    return {}


def _among_training(what: str, found: Pairs, split: Split, how: str, named: int) -> str:
    return (
        f"{len(found):,} of {len(split):,} {what} images {'are' if len(found) > 1 else 'is'} among the training images too{how} "
        f"({_listed([f'{mine} = {theirs}' for mine, theirs in found], named)}): what is measured on them says nothing of new images."
    )


def _look_alike(
    train: Split,
    held_out: dict[str, Split],
    classes: Sequence[str],
    known: dict[str, set[str]],
    named: int,
    most_bytes: int,
) -> list[str]:
    """Return sentences for pictures that are the same, but not equal in their bytes or not held out."""
    images = train.images
    if isinstance(images, ArrayImages):
        pairs, parts = (_twice(images) if len(train) <= MOST_IMAGES else []), {"training": train}
    else:
        parts = {"training": train, **held_out}
        pairs = alike.alike([split.images for split in parts.values()], most_bytes)
    owner = [(what, i) for what, split in parts.items() for i in range(len(split))]
    inside: list[tuple[int, int]] = []
    outside: dict[str, Pairs] = {}
    for one, other in pairs:
        (_, mine), (what, theirs) = owner[one], owner[other]
        if what == "training":
            inside.append((mine, theirs))
        elif owner[one][0] == "training" and (name := parts[what].images.names[theirs]) not in known.get(what, set()):
            outside.setdefault(what, []).append((name, images.names[mine]))
    said = [_among_training(what, found, held_out[what], ", saved anew", named) for what, found in outside.items()]
    return [*said, *_inside(train, inside, classes, named)]


def _inside(train: Split, pairs: list[tuple[int, int]], classes: Sequence[str], named: int) -> list[str]:
    names, labels = train.images.names, train.labels
    two = [(one, other) for one, other in pairs if labels[one] != labels[other]]
    twice = [f"{names[one]} = {names[other]}" for one, other in pairs if labels[one] == labels[other]]
    said = []
    if two:
        listed = [f"{names[i]} ({classes[labels[i]]}) = {names[j]} ({classes[labels[j]]})" for i, j in two]
        said.append(
            f"{len(two):,} training image{'s have' if len(two) > 1 else ' has'} two labels, {_listed(listed, named)}: one of them is wrong."
        )
    if twice:
        said.append(
            f"{len(twice):,} training image{'s are' if len(twice) > 1 else ' is'} there more than once, {_listed(twice, named)}: they "
            "count more than others, and where they are divided, held-out images are known."
        )
    return said


def _twice(images: ArrayImages) -> list[tuple[int, int]]:
    """Return pairs of equal images, each with the first of its kind."""
    first: dict[bytes, int] = {}
    pairs = ((first.setdefault(digest, i), i) for i, digest in enumerate(_digests(images.pixels_NCHW)))
    return [(one, other) for one, other in pairs if one != other]


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


def _listed(names: Sequence[str], named: int = NAMED) -> str:
    more = f" and {len(names) - named:,} more" if len(names) > named else ""
    return ", ".join(names[:named]) + more
