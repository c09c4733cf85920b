"""Classes of unequal size: how unequal, what each weighs against it, and an order of the images that shows each as often."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alexlab.data.images import Split
from alexlab.showing import label

UNEQUAL = 4  # times as many images of the largest class as of the smallest: a doubt from there on
MOST_NAMED = 3


def unequal(train: Split, classes: Sequence[str]) -> list[str]:
    """Return a sentence where the largest class has at least UNEQUAL times as many training images as the smallest; else none."""
    counts = np.bincount(train.labels, minlength=len(classes))
    present = np.flatnonzero(counts)
    by_size = present[np.argsort(-counts[present], kind="stable")]
    if len(by_size) < 2 or counts[by_size[0]] < UNEQUAL * counts[by_size[-1]]:
        return []
    largest = int(by_size[0])
    small = [int(i) for i in by_size[::-1] if counts[largest] >= UNEQUAL * counts[i]]
    named = ", ".join(f"{counts[i]:,} of {label(classes[i])}" for i in small[:MOST_NAMED])
    more = f" and {len(small) - MOST_NAMED:,} more such classes" if len(small) > MOST_NAMED else ""
    return [
        f"classes of unequal size: {counts[largest]:,} training images of {label(classes[largest])} beside {named}{more}. A network "
        "can be right on most images and never name a small class; watch balanced accuracy and macro-F1, and try "
        '--set class_weights="balanced" or --set sampler="balanced".'
    ]


def balanced_weights(labels_N: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return what an image of each class weighs, float64 (classes,): images / (classes that there are * images of the class).

    The same as scikit-learn's `class_weight="balanced"`; the mean over the images is 1. Of a class without images it is 1.
    """
    counts = np.bincount(labels_N, minlength=classes)
    there = np.count_nonzero(counts)
    return np.where(counts > 0, len(labels_N) / (there * np.maximum(counts, 1)), 1.0)


def balanced_order(random: np.random.Generator, labels_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of as many images as there are, as many of each class (one more of some), in a random order.

    Of a small class each image comes several times, of a large one some do not come: each at most once more often than another
    of its class.
    """
    groups = [np.flatnonzero(labels_N == each) for each in np.unique(labels_N)]
    each, over = divmod(len(labels_N), len(groups))
    one_more = set(random.permutation(len(groups))[:over].tolist())
    chosen = []
    for number, members in enumerate(groups):
        wanted = each + (number in one_more)
        passes = -(-wanted // len(members))
        chosen.append(
            np.concatenate([random.permutation(members) for _ in range(passes)])[:wanted] if wanted else members[:0]
        )
    return random.permutation(np.concatenate(chosen)).astype(np.int64)
