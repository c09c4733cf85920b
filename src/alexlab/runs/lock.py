"""One training at a time in a run's folder."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from alexlab import system
from alexlab.errors import UserError
from alexlab.regular import check_regular
from alexlab.writing import not_written

LOCK = "lock"


@contextmanager
def held(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold the run's folder while the block runs. The system lets go of it when the process ends, however it ends.

    `wait`: seconds that another process is given to let go of it.

    Raises:
        UserError: another process holds it; it is named.
    """
    check_regular(folder / LOCK)
    try:
        file = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise not_written(folder / LOCK, error) from error
    with file:
        end = time.monotonic() + wait
        while not _locked(file) and time.monotonic() < end:
            time.sleep(0.1)
        if not _locked(file):
            raise UserError(f"{folder}: process {_holder(folder)} is training in it; wait for it, or stop it.")
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _locked(file: IO[str]) -> bool:
    try:
        system.lock(file)  # again where it is held already: nothing changes
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks: nothing to guard with
    return True


def is_held(folder: Path) -> bool:
    """Whether a process trains in the run's folder now."""
    check_regular(folder / LOCK)
    try:
        with (folder / LOCK).open("rb") as file:
            system.lock(file, shared=True)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _holder(folder: Path) -> str:
    try:
        return (folder / LOCK).read_text(encoding="utf-8", errors="replace").strip() or "of another"
    except OSError:  # Windows lets nobody read what another has locked
        return "of another"
