"""Files by name, in a folder or in an archive (tar, zip), read as bytes without unpacking anything by hand."""

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tempfile
import weakref
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from alexlab import system
from alexlab.data.sources.members import Members
from alexlab.data.sources.names import FOLDER_AGAIN, HIDDEN, hidden
from alexlab.data.sources.tar import damaged, tar_members
from alexlab.data.sources.zip import unpacked, zip_members
from alexlab.errors import UserError
from alexlab.regular import READING, Walk, check_regular, not_regular, regular_files

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
UNREAD_ARCHIVES = (".7z", ".rar", ".zst", ".tzst", ".lzma", ".lz4", ".iso", ".gz", ".bz2", ".xz", ".z01", ".001")
LARGEST_RATIO = 200  # of unpacked to packed bytes: images hardly compress; a bomb reaches thousands
SMALLEST_LIMIT = 1 << 30
START = 64  # bytes, which tell what a file is


class Remote(Protocol):
    """Files that are fetched in pieces (shards) of many."""

    def piece(self, name: str) -> int:
        """Return the number of the piece that a file lies in."""

    def ahead(self, names: Iterable[str]) -> AbstractContextManager[None]:
        """While the block runs, fetch ahead for somebody who reads these files in this order."""


@dataclass(frozen=True)
class Files:
    """Named files.

    Attributes:
        root: the folder or archive, or the address of what is remote.
        names: relative POSIX paths, sorted.
        folders: those seen, empty ones included.
        left_out: names that are not among `names`, by the reason.
        start: the first bytes of a file, START or fewer; None where nobody asks what it is.
        same: names of one and the same file, the file itself before links to it; a tuple for each file that has several.
        read: the content of a file. Raises UserError where it cannot be read, or has changed since it was read before.
        size: the bytes of a file. Raises UserError where it is gone.
        version: what changes with a file's content, where that is not told by size and time of change of the file, or of the archive.
        remote: where the files are fetched from; None where they lie on this machine.
    """

    root: Path | str
    names: tuple[str, ...]
    folders: frozenset[str]
    read: Callable[[str], bytes]
    size: Callable[[str], int]
    version: Callable[[str], str] | None = None
    remote: Remote | None = None
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    same: tuple[tuple[str, ...], ...] = ()
    start: Callable[[str], bytes] | None = None


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive, by its name."""
    return path.name.lower().endswith(ARCHIVES)


def open_files(path: Path) -> Files:
    """Return the files under the folder `path`, or in the archive `path`. Raises UserError where it is neither."""
    if path.is_dir():
        return _folder(path)
    if path.is_file() and is_archive(path):
        return _archive(path)
    check_regular(path)
    if path.exists():
        mend = " Unpack it, and name the folder." if path.name.lower().endswith(UNREAD_ARCHIVES) else ""
        raise UserError(f"{path}: found a file; expected a folder or an archive ({', '.join(ARCHIVES)}).{mend}")
    raise UserError(f"{path}: no such folder or archive.")


def _folder(root: Path) -> Files:
    walk = regular_files(root, hidden)
    files = in_folder(root, tuple(sorted(walk.names)), frozenset(walk.folders))
    left_out = {HIDDEN: walk.skipped, FOLDER_AGAIN: walk.again}
    return replace(files, left_out=left_out, same=_same(root, walk))


def _same(root: Path, walk: Walk) -> tuple[tuple[str, ...], ...]:
    """Names of one and the same file, each time that there are several."""
    if len(set(walk.identities)) == len(walk.names):
        return ()
    times = Counter(walk.identities)
    names: dict[tuple[int, int, int], list[str]] = {}
    linked: set[tuple[int, int, int]] = set()
    for name, identity in zip(walk.names, walk.identities, strict=True):
        if times[identity] > 1:
            facts = (root / name).stat()  # numbers of files are not unique on every file system, nor hashes of them
            file = (facts.st_dev, facts.st_ino, facts.st_size)
            names.setdefault(file, []).append(name)
            if facts.st_nlink > 1 or name in walk.links:
                linked.add(file)
    groups = (
        sorted(each, key=lambda name: (name in walk.links, name)) for file, each in names.items() if file in linked
    )
    return tuple(sorted(tuple(each) for each in groups if len(each) > 1))


def in_folder(root: Path, names: tuple[str, ...], folders: frozenset[str] = frozenset()) -> Files:
    """Return the files of these names below the folder `root`."""
    beginning = f"{root}{os.sep}"  # a Path for each image would cost as much as its reading
    first: dict[str, int] = {}  # of size and time of change, by which make tells that a file is another

    def read(name: str) -> bytes:
        try:
            file = os.open(beginning + name, READING)  # four calls of the system; a file object takes more
            try:
                facts = os.fstat(file)
                if not stat.S_ISREG(facts.st_mode):
                    raise not_regular(root / name, facts.st_mode)
                data = os.read(file, facts.st_size)
                while len(data) < facts.st_size and (more := os.read(file, facts.st_size - len(data))):
                    data += more  # some network file systems give a part
            finally:
                os.close(file)
        except OSError as error:
            raise UserError(f"{root / name}: cannot be read ({error.strerror or error}).") from error
        seen = hash((facts.st_size, facts.st_mtime_ns))
        if first.setdefault(name, seen) != seen or len(data) != facts.st_size:
            raise UserError(f"{root / name}: has changed since it was read before. Restore it, or start anew.")
        return data

    def size(name: str) -> int:
        try:
            return os.stat(beginning + name).st_size  # noqa: PTH116  # a Path for each of a million takes longer
        except OSError as error:
            raise UserError(f"{root / name}: cannot be read ({error.strerror or error}).") from error

    def start(name: str) -> bytes:
        try:
            with os.fdopen(os.open(beginning + name, READING), "rb") as file:
                return file.read(START)
        except OSError as error:
            raise UserError(f"{root / name}: cannot be read ({error.strerror or error}).") from error

    return Files(root, names, folders, read, size, start=start)


def _archive(path: Path) -> Files:
    """Return the regular files of an archive. A compressed tar is unpacked once into an unnamed temporary file."""
    try:
        file = os.open(path, READING) if _is_zip(path) else _uncompressed(path)
    except (EOFError, zlib.error, OSError) as error:
        raise damaged(path, error) from error
    try:
        files = _in_zip(file, path) if _is_zip(path) else _in_tar(file, path)
    except BaseException:
        os.close(file)
        raise
    weakref.finalize(files, os.close, file)
    return files


def _is_zip(path: Path) -> bool:
    return path.name.lower().endswith(".zip")


def _in_tar(plain: int, path: Path) -> Files:
    members = tar_members(plain, path)

    def start(name: str, most: int | None = None) -> bytes:
        offset, size = members.places[name]
        size = size if most is None else min(most, size)
        data = system.read_at(plain, size, offset)
        if len(data) != size:
            raise UserError(f"{path}: {name} is cut off. Fetch the archive again.")
        return data

    return _of(members, path, start, lambda name: members.places[name][1])


def _in_zip(file: int, path: Path) -> Files:
    members = zip_members(file, path, _largest(path))

    def start(name: str, most: int | None = None) -> bytes:
        return unpacked(file, members.places[name], name, path, most)

    return _of(members, path, start, lambda name: members.places[name].size)


def _of(
    members: Members[Any], path: Path, start: Callable[[str, int | None], bytes], size: Callable[[str], int]
) -> Files:
    return Files(
        root=path,
        names=tuple(sorted(members.places)),
        folders=frozenset(members.folders),
        read=lambda name: start(name, None),
        size=size,
        left_out=members.left_out,
        same=members.same,
        start=lambda name: start(name, START),
    )


def _largest(path: Path) -> int:
    """Return how many bytes an archive may unpack to."""
    return max(SMALLEST_LIMIT, LARGEST_RATIO * path.stat().st_size)


def _uncompressed(path: Path) -> int:
    """Return a file descriptor of the plain tar."""
    if path.name.lower().endswith(".tar"):
        return os.open(path, READING)
    limit = _largest(path)
    with tempfile.TemporaryFile(prefix="alexlab-") as plain, _unpacking(path) as packed:
        try:
            while piece := packed.read(1 << 20):
                plain.write(piece)
                if plain.tell() > limit:
                    raise UserError(f"{path}: unpacks to more than {limit:,} bytes, as an archive bomb does; refused.")
            plain.flush()
        except lzma.LZMAError as error:
            raise EOFError(str(error)) from error
        except OSError as error:
            if error.errno is not None and shutil.disk_usage(tempfile.gettempdir()).free < 1 << 20:
                raise UserError(f"{path}: no room to unpack it in {tempfile.gettempdir()}. Set TMPDIR.") from error
            raise
        return os.dup(plain.fileno())


def _unpacking(path: Path) -> BinaryIO:
    ending = path.name.lower().rsplit(".", 1)[1]
    if ending == "bz2":
        return cast(BinaryIO, bz2.open(path, "rb"))
    return cast(BinaryIO, lzma.open(path, "rb") if ending == "xz" else gzip.open(path, "rb"))
