"""Memory for batches, used again: fresh memory has to be cleared page by page, which takes as long as filling it.

What is given out is a view of a loan, an object that nothing else holds; whoever views the memory, array or tensor, keeps the loan
alive, and its end brings the memory back. So no interpreter's way of counting references decides whether a batch is in use.
"""

import weakref
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

MOST_KEPT = 16  # that nobody uses
LEAST_BYTES = 1 << 20  # less is not worth the look

_free: list[NDArray[Any]] = []  # that which came back last stands last
_lock = Lock()  # of those who take; what comes back is appended without it, as that may happen in any line of a thread


class _Loan:
    """Memory that is in use as long as this object lives."""

    def __init__(self, memory: NDArray[Any]) -> None:
        self.__array_interface__ = memory.__array_interface__
        weakref.finalize(self, _bring_back, memory).atexit = False  # which keeps the memory alive


def _bring_back(memory: NDArray[Any]) -> None:
    if len(_free) < MOST_KEPT:
        _free.append(memory)


def buffer(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of this shape with anything in it, C-contiguous.

    Its memory is given out again once nothing refers to it any more, views and tensors included.
    """
    if np.dtype(dtype).itemsize * int(np.prod(shape)) < LEAST_BYTES:
        return np.empty(shape, dtype)
    memory = _taken(shape, np.dtype(dtype))
    lent: NDArray[Any] = np.asarray(_Loan(np.empty(shape, dtype) if memory is None else memory))
    return lent[: shape[0]]


def _taken(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """Return memory that nobody uses and that this shape fits into; None, and the oldest is let go, where there is none."""
    with _lock:
        for place in range(len(_free)):
            memory = _free[place]
            if memory.dtype == dtype and memory.shape[1:] == shape[1:] and len(memory) >= shape[0]:
                return _free.pop(place)
        if len(_free) >= MOST_KEPT:
            del _free[0]  # of a shape that is not asked for any more
    return None
