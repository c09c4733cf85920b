"""Decoded images kept on disk, for datasets that do not fit into memory: a second epoch, or run, need not decode them again.

A file holds the stored pixels of one split as one transform makes them, uint8, a row an image; after them a checksum for each
row, and at the very end the key. It is filled beside its final name and renamed when the last row is in, so a process that is
killed leaves nothing that looks whole. The key is a digest of what the pixels depend on: the files' names, sizes and times of
change (as make and git tell that a file has changed: to read every file would take as long as what is to be saved), the
store's shape, the fit, and the versions of what decodes. A row whose checksum is wrong is decoded again from its file.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import weakref
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from threading import Lock

import numpy as np
import platformdirs
from numpy.typing import NDArray

from alexlab import system
from alexlab.data.images import FileImages
from alexlab.data.input.decode import Pixels
from alexlab.data.input.transform import Transform
from alexlab.errors import UserError

FORMAT = 2  # one more whenever `decode` gives other pixels
MOST_BYTES = 20_000_000_000
SHARE_OF_FREE = 4  # of what is free on the disk, a quarter at most
BINARY = getattr(os, "O_BINARY", 0)  # Windows would change the ends of lines
DECODERS = ("pillow", "simplejpeg", "torch")


def default_budget() -> int:
    """Bytes that decoded images may take on disk: $ALEXLAB_CACHE (such as 100GB; 0 for none), else 20 GB or a quarter of what is free.

    Raises:
        UserError: ALEXLAB_CACHE is no size.
    """
    if wanted := os.environ.get("ALEXLAB_CACHE"):
        return _bytes(wanted)
    folder = cache_folder()
    held = sum(path.stat().st_size for path in folder.glob("*.pixels"))
    while not folder.exists():
        folder = folder.parent
    return min(MOST_BYTES, (shutil.disk_usage(folder).free + held) // SHARE_OF_FREE)


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?) *([kMGT]?)B?", text.strip())
    if not found:
        raise UserError(f"ALEXLAB_CACHE is {text!r}; expected a size such as 100GB, 500MB, or 0 for no cache on disk.")
    return int(float(found[1]) * 1000 ** " kMGT".index(found[2] or " "))


def cache_folder() -> Path:
    """Return where decoded images are kept on this machine."""
    return Path(platformdirs.user_cache_dir("alexlab")) / "decoded"


def key_of(images: FileImages, transform: Transform) -> str:
    """Return what tells these images, decoded by this transform, from all others: a hexadecimal digest."""
    root, version = Path(images.files.root), images.files.version
    packed = root.is_file()
    digest = hashlib.sha256()
    made_by = {library: _version(library) for library in DECODERS}
    facts = {
        "format": FORMAT,
        "store": transform.store,
        "fit": transform.fit,
        "levels": transform.levels,
        "inverted": transform.inverted,
        "by": made_by,
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for name in (root.name, *images.names) if packed else images.names:
        if version:
            digest.update(f"{name}\0{version(name)}\n".encode())
            continue
        state = (root if packed else root / name).stat()
        digest.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


@dataclass
class DecodedCache:
    """Rows of pixels on disk. The first `rows` images of a split have a place; `get` and `put` may be called by several threads."""

    path: Path
    rows: int
    shape: tuple[int, int, int]
    key: str

    def __post_init__(self) -> None:
        self._bytes = prod(self.shape)
        self._sums = np.zeros(self.rows, np.uint64)
        self._have = np.zeros(self.rows, bool)
        self._lock, self._missing = Lock(), self.rows
        self._file, self._whole = self._open()
        self._checked = np.zeros(self.rows, bool)
        weakref.finalize(self, _close, self._file, None if self._whole else self._part, self.path, self._have)

    @property
    def whole(self) -> bool:
        """Whether every row is in, so that nothing of them need be decoded."""
        return self._missing == 0

    def get(self, row: int, into: Pixels) -> bool:
        """Read the row into `into` (C-contiguous, uint8, of `shape`), if it is there and undamaged."""
        if row >= self.rows or not self._have[row]:
            return False
        if system.read_into(self._file, into.data.cast("B"), row * self._bytes) != self._bytes:
            return False
        if not self._checked[row]:
            if _sum(into) != self._sums[row]:
                return False
            self._checked[row] = True
        return True

    def put(self, row: int, pixels: Pixels) -> None:
        """Keep the row, or mend it. What the disk refuses is not kept."""
        if row >= self.rows:
            return
        try:
            system.write_at(self._file, pixels.data.cast("B"), row * self._bytes)
        except OSError:
            return
        with self._lock:
            mended = bool(self._have[row])
            self._sums[row], self._have[row], self._checked[row] = _sum(pixels), True, True
            self._missing -= not mended
            if self._missing == 0:
                self._finish()

    @property
    def _part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part-{os.getpid()}-{id(self)}")

    def _open(self) -> tuple[int, bool]:
        """Return the whole file if there is one, else a new one to be filled."""
        with contextlib.suppress(OSError):
            file = os.open(self.path, os.O_RDWR | BINARY)
            tail = self._tail_bytes()
            data = system.read_at(file, tail, self.rows * self._bytes)
            if os.fstat(file).st_size == self.rows * self._bytes + tail and data[-64:] == self.key.encode():
                self._sums = np.frombuffer(data[:-64], np.uint64).copy()
                self._have[:], self._missing = True, 0
                os.utime(self.path)  # the least recently used go first
                return file, True
            os.close(file)
        file = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | BINARY, 0o600)
        system.lock(file)  # held while this process lives: what is not locked is left over
        return file, False

    def _tail_bytes(self) -> int:
        return 8 * self.rows + 64

    def _finish(self) -> None:
        """Every row is in: write the checksums and the key, and give the file its name."""
        with contextlib.suppress(OSError):
            system.write_at(self._file, self._sums.tobytes() + self.key.encode(), self.rows * self._bytes)
            if not self._whole:
                os.fsync(self._file)
                self._part.replace(self.path)
                self._whole = True


def open_cache(images: FileImages, transform: Transform, budget: int) -> DecodedCache | None:
    """Return the cache of these images, as far as they fit into `budget` bytes of disk; None where none does or the disk refuses.

    Caches that were used longest ago are deleted to keep all together within the budget.
    """
    channels, height, width = transform.store
    rows = min(len(images.names), budget // (prod(transform.store) + 8))
    if rows <= 0:
        return None
    try:
        key = key_of(images, transform)
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{key[:32]}-{rows}.pixels"
        _make_room(folder, path, budget - rows * (prod(transform.store) + 8))
        return DecodedCache(path, rows, (height, width, channels), key)
    except OSError:
        return None


def _make_room(folder: Path, keep: Path, allowed: int) -> None:
    """Delete what dead processes left, and then the oldest caches until the others take no more than `allowed` bytes."""
    for part in folder.glob("*.part-*"):
        with contextlib.suppress(OSError):
            with part.open("rb") as file:
                system.lock(file)
            part.unlink()
    others = sorted((path for path in folder.glob("*.pixels") if path != keep), key=lambda path: path.stat().st_mtime)
    taken = sum(path.stat().st_size for path in others)
    for path in others:
        if taken <= allowed:
            return
        taken -= path.stat().st_size
        path.unlink(missing_ok=True)


def _close(file: int, part: Path | None, whole: Path, have: NDArray[np.bool_]) -> None:
    os.close(file)
    if part is not None and part.exists():
        with contextlib.suppress(OSError):
            if have.all():  # Windows: an open file keeps its name
                part.replace(whole)
            else:
                part.unlink(missing_ok=True)


def _sum(pixels: NDArray[np.uint8]) -> np.uint64:
    """Return a checksum at the speed of memory, which a wrong bit, lost blocks and blocks in another place change."""
    flat = pixels.reshape(-1)
    words = flat[: len(flat) // 8 * 8].view(np.uint64)
    places = np.arange(1, 2 * len(words), 2, dtype=np.uint64)  # odd: no bit is lost
    rest = np.uint64(int.from_bytes(flat[len(words) * 8 :].tobytes(), "little"))
    return (
        np.uint64(np.dot(words, places) + rest * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)) if len(words) else rest
    )
