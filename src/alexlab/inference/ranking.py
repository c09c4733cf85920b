"""The one order of a network's answers, by which whatever says "the first" or "among the first five" says it. It imports no torch."""

import numpy as np
from numpy.typing import NDArray

NO_CLASS = -1
"""What stands for a class where the network has answered NaN."""

NO_ANSWER = (
    "the network answers NaN, which is no class: its weights, or the statistics of its data, hold NaN or numbers too large to be computed "
    "with. Train again with a smaller learning rate, or restore the file."
)


def ranked(scores_NK: NDArray[np.floating], top: int) -> NDArray[np.int64]:
    """Return the classes of the `top` highest scores of each image, the highest first: (N, top).

    Equal scores rank in the order of the classes. An image with NaN among its scores has no class at all: NO_CLASS throughout.

    Args:
        scores_NK: probabilities, or their logarithms, float of shape (N, K); the smaller of `top` and K classes are ranked.
    """
    first_NT: NDArray[np.int64] = np.argsort(-scores_NK, axis=1, kind="stable")[:, :top]
    first_NT[np.isnan(scores_NK).any(axis=1)] = NO_CLASS
    return first_NT
