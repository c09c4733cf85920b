"""Shards at an address: fetched ahead of who reads them into a cache on this machine, which stays within its bound."""

import os
import shutil
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from uuid import uuid4

import platformdirs

from alexlab import system
from alexlab.data.catalogue import File
from alexlab.data.input.cache import default_budget
from alexlab.data.shards.index import Shard
from alexlab.data.shards.order import WINDOW
from alexlab.errors import UserError
from alexlab.regular import READING

AT_ONCE = 4  # shards fetched at a time
LEFT_OVER = 86_400.0  # seconds after which a part that nobody carried on with is deleted


def cache_folder() -> Path:
    """Return where shards that were fetched are kept on this machine."""
    return Path(platformdirs.user_cache_dir("alexlab")) / "shards"


class Opened:
    """A file that is open to be read as long as this object lives, and that no process deletes from the cache meanwhile."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, READING)
        weakref.finalize(self, os.close, self.file)
        with suppress(OSError):  # a file system without locks
            system.lock(self.file, shared=True)


class _Unwanted(Exception):
    """Nobody waits for this shard any more."""


class _Reader:
    """Somebody who reads shards in a known order: what comes next, and what is not needed any more."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.left = Counter(numbers)  # images that are still to be read, by shard
        self.sequence = list(self.left)
        self.place = {number: place for place, number in enumerate(self.sequence)}
        self.furthest = -1

    def entered(self, number: int) -> list[int]:
        """Note that an image of the shard is read, and return the shards that are worth fetching now."""
        self.left[number] -= 1
        if self.place.get(number, -1) <= self.furthest:
            return []
        self.furthest = self.place[number]
        return self.upcoming()

    def upcoming(self) -> list[int]:
        return self.sequence[self.furthest + 1 : self.furthest + 1 + WINDOW]


class Fetching:
    """The shards at one address. A shard lies in the cache by its digest, so that runs and processes share it.

    The cache takes what `cache.default_budget` says; whoever reads keeps what he needs now and next, 2 x WINDOW shards, all the same.
    """

    number_of: Callable[[str], int]  # which shard a file lies in

    def __init__(self, address: str, shards: Sequence[Shard]) -> None:
        self._address, self._shards = address, shards
        self._lock = Lock()
        self._coming: dict[int, Future[Opened]] = {}  # what is wanted now or next, fetched or not yet
        self._readers: list[_Reader] = []
        self._waiting: Counter[int] = Counter()  # threads, by shard
        self._pool = ThreadPoolExecutor(AT_ONCE, "alexlab-fetch")

    def piece(self, name: str) -> int:
        """Return the number of the shard that a file lies in."""
        return self.number_of(name)

    @contextmanager
    def ahead(self, names: Iterable[str]) -> Iterator[None]:
        """Fetch ahead, while the block runs, for somebody who reads these files in this order."""
        reader = _Reader(map(self.number_of, names))
        with self._lock:
            self._readers.append(reader)
            for number in reader.upcoming():
                self._start(number)
        try:
            yield
        finally:
            with self._lock:
                self._readers.remove(reader)
                for number in reader.sequence:
                    self._leave(number)

    def open(self, number: int) -> Opened:
        """Return the shard, once it lies on this machine.

        Raises:
            UserError: it cannot be fetched; the message names it with its digest.
        """
        with self._lock:
            self._waiting[number] += 1
            for reader in self._readers:
                for each in reader.entered(number):
                    self._start(each)
            future = self._start(number)
        try:
            return future.result()
        except (CancelledError, _Unwanted):  # given up for another reader, just when this one began to want it
            with self._lock:
                future = self._start(number)
            return future.result()
        finally:
            with self._lock:
                self._waiting[number] -= 1
                self._leave(number)

    def forget(self, number: int) -> None:
        """Something is wrong with the shard in the cache: let it be fetched anew, if it is not whole."""
        from alexlab.data.fetching.fetch import is_right  # not at the top: see _bring

        path = self._place(number)
        if path.exists() and not is_right(self._file(number), path):
            path.unlink(missing_ok=True)
        with self._lock:
            self._coming.pop(number, None)

    def _start(self, number: int) -> Future[Opened]:
        if number not in self._coming:
            self._coming[number] = self._pool.submit(self._bring, number)
        return self._coming[number]

    def _leave(self, number: int) -> None:
        """Let go of a shard that nobody wants any more."""
        if not self._is_wanted(number) and number in self._coming:
            self._coming.pop(number).cancel()

    def _is_wanted(self, number: int) -> bool:
        return self._waiting[number] > 0 or any(reader.left[number] > 0 for reader in self._readers)

    def _file(self, number: int) -> File:
        shard = self._shards[number]
        return File(shard.name, shard.bytes, f"sha256:{shard.sha256}", f"{self._address}/")

    def _place(self, number: int) -> Path:
        shard = self._shards[number]
        return cache_folder() / shard.sha256 / shard.name

    def _bring(self, number: int) -> Opened:
        # Not at the top: urllib3 takes a tenth of the time in which `predict` answers.
        from alexlab.data.fetching.fetch import fetch

        shard, path = self._shards[number], self._place(number)

        def progress(name: str, done: int, total: int) -> None:
            if not self._is_wanted(number):
                raise _Unwanted

        try:
            while True:
                with suppress(FileNotFoundError):  # not yet, or another process has just deleted it
                    opened = Opened(path)
                    os.utime(path.parent)  # what was used longest ago goes first
                    return opened
                make_room(AT_ONCE * shard.bytes)
                fetch(self._file(number), path.parent, progress)
        except BaseException as error:
            with self._lock:
                self._coming.pop(number, None)
            if isinstance(error, UserError):
                raise UserError(
                    f"{self._address}/{shard.name}: this shard, of {shard.bytes:,} bytes and SHA-256 {shard.sha256}, is missing or "
                    f"damaged: {error}"
                ) from error
            raise


def make_room(needed: int) -> None:
    """Delete the shards that were used longest ago, but none that a process reads, until `needed` bytes fit into the bound."""
    found = []
    for folder in cache_folder().glob("*/"):
        with suppress(OSError):
            found.append((folder.stat().st_mtime, sum(path.stat().st_size for path in folder.iterdir()), folder))
    taken, allowed = sum(size for _, size, _ in found), default_budget() - needed
    for used, size, folder in sorted(found):
        if taken <= allowed:
            return
        with suppress(OSError):  # another process deletes it, or reads it
            if whole := list(folder.glob("*.tar")):
                with whole[0].open("rb") as file:
                    system.lock(file)
                _delete(folder)
            elif used < time.time() - LEFT_OVER:
                _delete(folder)
        taken -= 0 if folder.exists() else size


def _delete(folder: Path) -> None:
    """All at once, as others see it: who fetches the shard again meanwhile makes a folder of its own."""
    gone = folder.with_name(f".{folder.name}.{uuid4().hex}")
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
