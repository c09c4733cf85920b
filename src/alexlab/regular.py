"""Regular files alone: a pipe would be waited for without end, a device read without end."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path

from alexlab.errors import UserError

MOST_FILES = 4_000_000  # three times ImageNet's challenge
MOST_FOLDERS = 1_000_000  # links can make any number of a few

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}

# Opening a pipe that nobody writes to does not wait then; to regular files it makes no difference.
READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def check_regular(path: Path) -> None:
    """Raise UserError where something else than a regular file, or a link to one, lies at `path`; say nothing where nothing lies there."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # whoever opens it says what is wrong
        return
    if not stat.S_ISREG(mode):
        raise not_regular(path, mode)


def read_regular(path: Path, largest: int) -> bytes:
    """Return the content of the regular file at `path`, without ever waiting for one that is none.

    Raises:
        UserError: there is none, it is none, it cannot be read, or it holds more than `largest` bytes.
    """
    check_regular(path)
    try:
        with os.fdopen(os.open(path, READING), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise not_regular(path, facts.st_mode)
            if facts.st_size > largest:
                raise UserError(f"{path}: {facts.st_size:,} bytes; expected at most {largest:,}.")
            return file.read(largest)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error


def not_regular(path: Path | str, mode: int | None) -> UserError:
    """Return what is said of `path`, whose mode is None for a link that leads nowhere."""
    kind = "a link to nothing" if mode is None else KINDS.get(stat.S_IFMT(mode), "something else")
    return UserError(f"{path}: found {kind}; expected a regular file. Remove or replace it.")


@dataclass
class Walk:
    """What lies below a folder, as relative POSIX paths.

    Attributes:
        names: of the files.
        identities: of each of `names`, a number that names of one and the same file have in common.
        links: those of `names` that are symbolic links.
        folders: those that were gone through.
        skipped: files and folders that were not looked at.
        again: links to folders that are there under another name; not gone through.
    """

    names: list[str] = field(default_factory=list)
    identities: list[int] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    skipped: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)


Identity = tuple[int, int]
"""Device and number of a file or folder."""


def regular_files(root: Path, skip: Callable[[str], object] = lambda name: name.startswith(".")) -> Walk:
    """Return the files and the folders below the folder `root`. Links are followed, each folder is gone through once.

    Args:
        skip: which names of files and folders are not looked at; by default those that are hidden.

    Raises:
        UserError: something there is neither a file nor a folder, or a link leads back to a folder that it lies in, or a folder
            cannot be read.
    """
    walk, seen = Walk(), set[Identity]()
    waiting: list[tuple[str, tuple[Identity, ...]]] = [("", ())]  # each with the folders that it lies in
    linked: list[tuple[str, tuple[Identity, ...]]] = []  # after all others, so that a link is what is left out
    try:
        while waiting or linked:
            by_link = not waiting
            below, above = heappop(linked) if by_link else waiting.pop()
            facts = os.stat(f"{root}{os.sep}{below}")  # noqa: PTH116  # a Path for each folder takes longer
            itself = (facts.st_dev, facts.st_ino)
            if itself in above:
                raise UserError(f"{root}/{below}: found a link back to a folder that it lies in; remove it.")
            if below:
                if by_link and itself in seen:
                    walk.again.append(below[:-1])
                    continue
                walk.folders.add(below[:-1])
            seen.add(itself)
            with os.scandir(f"{root}{os.sep}{below}") as entries:
                for entry in entries:
                    if skip(entry.name):
                        walk.skipped.append(below + entry.name)
                    elif entry.is_dir():
                        found = (f"{below}{entry.name}/", (*above, itself))
                        heappush(linked, found) if entry.is_symlink() else waiting.append(found)
                    elif entry.is_file():
                        walk.names.append(below + entry.name)
                        walk.identities.append(_identity(entry, facts.st_dev, walk.links, below))
                    else:
                        raise not_regular(f"{root}/{below}{entry.name}", _mode(entry))
            if len(walk.folders) > MOST_FOLDERS or len(walk.names) > MOST_FILES:
                raise UserError(
                    f"{root}: more than {MOST_FOLDERS:,} folders or {MOST_FILES:,} files; refused. Do links lead in circles there?"
                )
    except OSError as error:
        raise UserError(f"{error.filename or root}: cannot be read ({error.strerror or error}).") from error
    return walk


def _identity(entry: os.DirEntry[str], device: int, links: set[str], below: str) -> int:
    if not entry.is_symlink():
        return hash((device, entry.inode()))  # known without asking the system again
    links.add(below + entry.name)
    facts = entry.stat()
    return hash((facts.st_dev, facts.st_ino))


def _mode(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat().st_mode
    except FileNotFoundError:
        return None
