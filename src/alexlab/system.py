"""What operating systems do each in their own way: locks, reading and writing at a place in a file, memory."""

import os
import time
from pathlib import Path
from threading import Lock
from typing import IO, Any

_MOVING = Lock()  # where there is no pread, all who read a file share its one place


def lock(file: int | IO[Any], shared: bool = False, wait: bool = False) -> None:
    """Keep other processes from locking an open file until it is closed; `shared` locks do not keep out one another.

    Raises:
        BlockingIOError: another process holds it, and `wait` is not asked for.
        OSError: the file system has no locks.
    """
    import portalocker  # takes 30 ms, and `predict` locks nothing

    flags = portalocker.LockFlags.NON_BLOCKING
    flags |= portalocker.LockFlags.SHARED if shared else portalocker.LockFlags.EXCLUSIVE
    while True:
        try:
            return portalocker.lock(file, flags)  # Linux and macOS: flock
        except portalocker.AlreadyLocked:
            if not wait:
                raise BlockingIOError("another process holds the lock") from None
        except portalocker.LockException as error:
            raise OSError(f"no locks here ({error})") from error
        time.sleep(0.05)


def read_at(file: int, size: int, offset: int) -> bytes:
    """Return `size` bytes from `offset` on, fewer at the file's end. Several threads may read one file."""
    if hasattr(os, "pread"):
        return os.pread(file, size, offset)
    with _MOVING:  # Windows
        before = os.lseek(file, 0, os.SEEK_CUR)
        os.lseek(file, offset, os.SEEK_SET)
        try:
            return os.read(file, size)
        finally:
            os.lseek(file, before, os.SEEK_SET)


def read_into(file: int, into: memoryview, offset: int) -> int:
    """Fill `into` from `offset` on, and return how many bytes there were."""
    if hasattr(os, "preadv"):
        return os.preadv(file, [into], offset)
    data = read_at(file, len(into), offset)  # macOS, Windows
    into[: len(data)] = data
    return len(data)


def write_at(file: int, data: bytes | memoryview, offset: int) -> None:
    """Write `data` from `offset` on. Several threads may write one file."""
    if hasattr(os, "pwrite"):
        os.pwrite(file, data, offset)
        return
    with _MOVING:  # Windows
        before = os.lseek(file, 0, os.SEEK_CUR)
        os.lseek(file, offset, os.SEEK_SET)
        try:
            os.write(file, data)
        finally:
            os.lseek(file, before, os.SEEK_SET)


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows opens no folders, and keeps their names itself
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def memory() -> tuple[int, int]:
    """Return the machine's memory in bytes: what is free, and all of it."""
    import psutil

    found = psutil.virtual_memory()
    return found.available, found.total


def mapped() -> int:
    """Return the bytes of address space that this process has taken."""
    import psutil

    return psutil.Process().memory_info().vms


def load() -> float:
    """Return how many processes ran or waited for a core in the last minute, on average."""
    import psutil

    return psutil.getloadavg()[0]
