"""What the process asks of the C library, of OpenMP and of Python, for speed alone: no number that is computed depends on it."""

import ctypes
import gc
import os
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt
MOST = 2**31 - 1


@cache
def settle() -> None:
    """Keep freed memory for the next batch, and let waiting threads sleep. Call it before PyTorch is imported.

    A training frees and takes the same hundreds of megabytes at each update. glibc gives them back to the system, which clears
    every page again: 10 to 25 % of the time of AlexNet's update. OpenMP's threads spin while they wait; where another process
    has one of the cores, each waits for one that cannot run. docs/decisions/threads.md has the measurements.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):
            library.mallopt(M_MMAP_MAX, 0)
            library.mallopt(M_TRIM_THRESHOLD, MOST)


def give_back() -> None:
    """Give freed memory back to the system, after something uncommonly large."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "malloc_trim"):
            library.malloc_trim(0)


def collect_rarely() -> None:
    """Look for cycles of garbage after 100,000 new objects, not 700.

    Importing PyTorch makes millions that all stay, and takes a sixth of its time to look through them. For
    processes of our own alone, the command line's.
    """
    gc.set_threshold(100_000, 20, 100)
