"""What the process asks of the C library, of OpenMP and of Python, for speed alone: no number that is computed depends on it."""

import ctypes
import gc
import os
import sys
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt
MOST = 2**31 - 1
REGISTRATIONS = "torch._meta_registrations"  # half a second of Python, for PyTorch's compiler and its meta device alone
TRIED_WITHOUT = ("2.13.",)  # releases of PyTorch


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


def collect_rarely() -> None:
    """Look for cycles of garbage after 100,000 new objects, not 700: importing PyTorch makes millions that all stay, and takes a
    sixth of its time to look through them. For processes of our own alone, the command line's.
    """
    gc.set_threshold(100_000, 20, 100)


def import_without_registrations(run: Path) -> None:
    """Have PyTorch imported later without REGISTRATIONS, to answer with `run` sooner, where this is known to be safe.

    That is: in releases in which it was tried, and for networks of the catalogue, since a user's own might compile itself. An empty module
    stays in the place of REGISTRATIONS until the process ends, so this too is for processes of our own alone.
    """
    try:
        tried = version("torch").startswith(TRIED_WITHOUT)
        network = tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8")).get("network")
    except (PackageNotFoundError, OSError, ValueError):  # no such run: whoever opens it says so
        return
    if tried and isinstance(network, str) and ":" not in network and "torch" not in sys.modules:
        sys.modules[REGISTRATIONS] = ModuleType(REGISTRATIONS)
