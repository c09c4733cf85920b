"""Whether left and right may be swapped without changing an image's class, measured on the training images.

Each of some images, and its mirror image, is given the class of the most alike of the others. Where the mirror images of one class
are taken for another, as those of arrows to the left for arrows to the right, mirroring would teach wrong labels. Photographs, of
which so simple a look tells little, pass: nothing is said of what cannot be told.
"""

from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

from alexlab.data.images import FileImages, Split
from alexlab.data.input.decode import Pixels
from alexlab.data.thumbnails import bytes_of, thumbnails

SIDE = 16
MOST_IMAGES = 600  # looked at, as many of each class
MOST_OF_A_CLASS = 60
MOST_BYTES = 200_000_000  # of their files: some seconds
LEAST_OF_A_CLASS = 10  # fewer tell nothing
CERTAIN = 0.001  # the chance that a coin falls so
SHARE = 0.3  # of a class's images that mirroring must bring into the other class


def changed_by_mirroring(train: Split, classes: Sequence[str]) -> str | None:
    """Return a sentence where mirrored images of one class look like those of another; None where they do not, or nothing is told."""
    images = train.images
    if isinstance(images, FileImages) and images.files.remote:
        return None
    each = min(MOST_OF_A_CLASS, MOST_IMAGES // len(classes), int(np.bincount(train.labels).max()))
    chosen = _evenly(train.labels, len(classes), each)
    if isinstance(images, FileImages) and (size := bytes_of(images, chosen)) > MOST_BYTES:
        each = each * MOST_BYTES // size
        chosen = _evenly(train.labels, len(classes), each)
    if each < LEAST_OF_A_CLASS:
        return None
    small_NHW, looked_at = thumbnails(images, chosen, SIDE)
    labels = train.labels[looked_at]
    if not len(labels):
        return None
    own_TP, mirrored_TP = (
        _taken_for(small_NHW, other, labels, len(classes)) for other in (small_NHW, small_NHW[:, :, ::-1])
    )
    own, mirrored = own_TP.tolist(), mirrored_TP.tolist()
    for true in np.argsort(-(mirrored_TP - own_TP).max(axis=1), kind="stable").tolist():
        other = int((mirrored_TP - own_TP)[true].argmax())
        count, moved = sum(own[true]), mirrored[true][other] - own[true][other]
        if (
            moved >= SHARE * count
            and _outweighs(mirrored[true][other], mirrored[true][true])
            and _outweighs(own[true][true], own[true][other])
        ):
            return (
                f"{mirrored[true][other]:,} of {count:,} mirrored images of {classes[true]} look like {classes[other]}, as "
                f"{own[true][other]:,} do unmirrored: images are not mirrored in training, as they would be by default "
                '(--set augment=["mirror"] mirrors them).'
            )
    return None


def _evenly(labels: NDArray[np.int64], classes: int, each: int) -> list[int]:
    """Return the indices of `each` images of every class at most, evenly spaced."""
    chosen: list[int] = []
    for label in range(classes):
        members = np.flatnonzero(labels == label)
        count = min(each, len(members))
        chosen += members[np.arange(count) * len(members) // max(1, count)].tolist()
    return chosen


def _taken_for(small_NHW: Pixels, seen_NHW: Pixels, labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How many of each class are most alike to one of each class, itself left aside: (classes, classes)."""
    likeness_NN = _standardised(seen_NHW) @ _standardised(small_NHW).T
    np.fill_diagonal(likeness_NN, -np.inf)
    predicted = labels[likeness_NN.argmax(axis=1)]
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _standardised(small_NHW: Pixels) -> NDArray[np.float64]:
    flat: NDArray[np.float64] = small_NHW.reshape(len(small_NHW), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    return flat


def _outweighs(more: int, less: int) -> bool:
    """Whether so many against so few are hardly chance (a sign test)."""
    tosses = more + less
    return sum(comb(tosses, heads) for heads in range(more, tosses + 1)) <= CERTAIN * 2.0**tosses
