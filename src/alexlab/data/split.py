"""Stratified splits that depend on the images' names and classes, the share and a seed, not on their order or on the machine."""

from dataclasses import replace
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alexlab.data.images import Dataset, FileImages, Split
from alexlab.data.sources.names import composed
from alexlab.errors import UserError
from alexlab.showing import listed, shown

SmallClasses = Literal["refuse", "train"]
"""What is done with a class that has too few images to be divided: it is refused, or all of it is trained on."""


def held_out(
    split: Split, fraction: float, seed: int, what: str, classes: tuple[str, ...], small: SmallClasses = "refuse"
) -> NDArray[np.bool_]:
    """Which images of `split` to hold out: in every class the same fraction, those whose hashed names come first.

    Args:
        fraction: share of each class to hold out, at least one image.
        what: what the images are held out for; splits for different ends are independent.

    Returns:
        A boolean for each image.

    Raises:
        UserError: a class is too small to be divided.
    """
    salt = f"{seed} {what} ".encode()
    images = split.images
    names = map(composed, images.below) if isinstance(images, FileImages) else images.names
    key = [blake2b(salt + name.encode(errors="surrogateescape"), digest_size=8).digest() for name in names]
    out = np.zeros(len(split), dtype=bool)
    for label, name in enumerate(classes):
        members = sorted(np.flatnonzero(split.labels == label), key=key.__getitem__)
        if len(members) < 2 and small == "train":
            continue
        if len(members) < 2:
            raise UserError(
                f"class {name!r} has {len(members)} image{'s' * (len(members) != 1)} to divide; "
                f"holding out for {what} needs at least 2 a class. Add images, or keep such classes in the training images alone: "
                "--set small_classes=train."
            )
        out[members[: max(1, round(fraction * len(members)))]] = True
    return out


def too_small(dataset: Dataset) -> list[str]:
    """Return a sentence where a training would refuse classes for having too few images to hold a validation out."""
    if dataset.validation is not None:
        return []
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.classes))
    few = [shown(dataset.classes[int(i)]) for i in np.flatnonzero(counts == 1)]
    if not few:
        return []
    return [
        f"one training image is left of {listed(few)}: none can be held out for validation, and "
        "a training refuses that, unless --set small_classes=train keeps such classes in the training images alone."
    ]


def divide(split: Split, out: NDArray[np.bool_]) -> tuple[Split, Split]:
    """Return the images that stay, and those held out, each in the order that they had."""
    return split.select(np.flatnonzero(~out)), split.select(np.flatnonzero(out))


def joined(splits: list[Split]) -> Split:
    """One split of all images, which must be files of the same source."""
    images = [split.images for split in splits]
    files = [each for each in images if isinstance(each, FileImages)]
    if len(files) < len(images):
        raise UserError("the images of the run are not those of this dataset.")
    names = [name for each in files for name in each.names]
    return Split(replace(files[0], names=names), np.concatenate([split.labels for split in splits]))
