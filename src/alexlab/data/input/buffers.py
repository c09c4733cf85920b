"""Memory for batches, used again: fresh memory has to be cleared page by page, which takes as long as filling it."""

import sys
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

MOST_KEPT = 16
LEAST_BYTES = 1 << 20  # less is not worth the look
FREE = 3  # references to an array that nobody uses: the list's, the loop's, and the question's own

_arrays: list[NDArray[Any]] = []
_lock = Lock()


def room(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of this shape with anything in it, C-contiguous.

    Its memory is given out again once nothing refers to it any more, views and tensors included.
    """
    if np.dtype(dtype).itemsize * int(np.prod(shape)) < LEAST_BYTES:
        return np.empty(shape, dtype)
    with _lock:
        for array in _arrays:
            suits = array.dtype == dtype and array.shape[1:] == shape[1:] and len(array) >= shape[0]
            if suits and sys.getrefcount(array) == FREE:
                return array[: shape[0]]
        for place, array in enumerate(_arrays):
            if len(_arrays) >= MOST_KEPT and sys.getrefcount(array) == FREE:
                del _arrays[place]
                break
        array = np.empty(shape, dtype)
        if len(_arrays) < MOST_KEPT:
            _arrays.append(array)
        return array[:]
