"""IDX, the format of MNIST and Fashion-MNIST: images and labels, plain or gzipped.

Source: http://yann.lecun.com/exdb/mnist ("FILE FORMATS FOR THE MNIST DATABASE"). Big-endian: two zero bytes, a type
(0x08, unsigned byte), the number of dimensions, each dimension as 32 bits, then the values.
"""

import gzip
import zlib
from collections.abc import Mapping
from functools import lru_cache
from io import BufferedReader
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexlab.data.catalogue import DATASETS, Entry, File
from alexlab.data.images import ArrayImages, Split
from alexlab.data.sources.format import Format, OtherContent
from alexlab.errors import UserError
from alexlab.regular import check_regular

BYTES = {0x08: "u1"}
WHOLE = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4"}
"""Of the types of the format those of whole numbers, as NumPy calls them."""
CHUNK = 1 << 20


def read_idx(path: Path, dimensions: int, types: Mapping[int, str] = BYTES) -> NDArray[Any]:
    """Return the array in `path`, of shape (N, H, W) for images (`dimensions` 3) or (N,) for labels (`dimensions` 1).

    Raises:
        UserError: not an IDX file, the other kind of IDX file, or one whose length disagrees with its header.
    """
    check_regular(path)
    try:
        with path.open("rb") as raw, _unzipped(raw) as file:
            header = file.read(4 + 4 * dimensions)
            shape = _shape(header, dimensions, types, path)
            kind = np.dtype(types[header[2]])
            promised = prod(shape) * kind.itemsize
            values = bytearray()
            # Never more than the header claims, in pieces: a header that lies costs no memory.
            while len(values) <= promised and (piece := file.read(min(CHUNK, promised + 1 - len(values)))):
                values += piece
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: the gzip file is damaged ({error}). Delete it and fetch it again.") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if len(values) != promised:
        found = "more" if len(values) > promised else f"{len(values):,}"
        raise UserError(
            f"{path}: found {found} bytes of values where its header promises {promised:,} "
            f"({' x '.join(map(str, shape))}). The file is truncated or mislabelled; fetch it again."
        )
    return np.frombuffer(values, dtype=kind).reshape(shape)


def read_labels(path: Path) -> NDArray[np.int64]:
    """Return labels of any type of whole numbers; of QMNIST's rows of eight the first, which is the class."""
    values = read_idx(path, 2 if dimensions_of(path) == 2 else 1, WHOLE)
    return (values[:, 0] if values.ndim == 2 else values).astype(np.int64)


def dimensions_of(path: Path) -> int:
    """Return how many dimensions an IDX file has by its header, 0 of anything else."""
    try:
        check_regular(path)
        with path.open("rb") as raw, _unzipped(raw) as file:
            header = file.read(4)
    except (UserError, OSError, EOFError, zlib.error):
        return 0
    return header[3] if len(header) == 4 and header[:2] == b"\0\0" and header[2] in WHOLE else 0


def _unzipped(raw: BufferedReader) -> BufferedReader | gzip.GzipFile:
    zipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if zipped else raw


def _shape(header: bytes, dimensions: int, types: Mapping[int, str], path: Path) -> tuple[int, ...]:
    kind = {1: "labels", 3: "images"}
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] not in types:
        wanted = "unsigned bytes" if types is BYTES else "whole numbers"
        raise UserError(f"{path}: not an IDX file of {wanted} (it starts with {header[:4].hex() or 'nothing'}).")
    if header[3] != dimensions:
        raise UserError(
            f"{path}: found an IDX file of {header[3]} dimensions ({kind.get(header[3], 'neither images nor labels')}); "
            f"expected {dimensions} ({kind.get(dimensions, 'labels')}). Were the files mixed up?"
        )
    if len(header) < 4 + 4 * dimensions:
        raise UserError(f"{path}: the IDX header is cut off. Fetch the file again.")
    return tuple(int.from_bytes(header[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions))


def _find(entry: Entry, folder: Path) -> Path | None:
    return next((place for place in _places(entry, folder) if not _is_other(entry, place)), None)


def _places(entry: Entry, folder: Path) -> list[Path]:
    """Return where all files lie that an entry names: other datasets have taken over MNIST's names."""
    places = [*(folder / name for name in entry.folders), folder]
    return [place for place in places if all(_file(place, file.name) for file in entry.files)]


def _is_other(entry: Entry, place: Path) -> bool:
    """Whether the training images are those of something else; of damaged ones their reading says what is wrong."""
    first = entry.files[0]
    path = _file(place, first.name)
    return path is not None and bool(first.crc) and path.is_file() and unpacked_crc(path) != first.crc and _is_idx(path)


def _is_idx(path: Path) -> bool:
    try:
        read_idx(path, 3)
    except UserError:
        return False
    return True


def _instead(entry: Entry, folder: Path) -> list[str]:
    """Return what the files hold that lie in a data folder under the names of an entry's."""
    found = {}
    for place in _places(entry, folder):
        path = _file(place, entry.files[0].name)
        assert path is not None  # as `_places` has seen
        other = known(unpacked_crc(path))
        found[place.resolve()] = (
            f"The files in {place} are {other[0].title}'s: use `{other[0].name}`."
            if other
            else f"The files in {place} are no dataset's of the catalogue: use `idx:{place}`."
        )
    return list(found.values())


def known(crc: str) -> tuple[Entry, File] | None:
    """Return whose file of the catalogue this is, by the CRC-32 of what it holds."""
    return next(((entry, file) for entry in DATASETS for file in entry.files if crc and file.crc == crc), None)


def unpacked_crc(path: Path) -> str:
    """Return the CRC-32 of what a file holds, unpacked: a gzip file has it at its end. Empty where it cannot be read."""
    try:
        facts = path.stat()
        return _crc(path, facts.st_size, facts.st_mtime_ns)
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _crc(path: Path, size: int, changed: int) -> str:
    crc = 0
    with path.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            file.seek(max(0, size - 8))
            crc = int.from_bytes(file.read(4), "little")
        else:
            file.seek(0)
            while piece := file.read(CHUNK):
                crc = zlib.crc32(piece, crc)
    return f"{crc:08x}"


def _file(folder: Path, name: str) -> Path | None:
    """Return an IDX file by its published name (`train-images-idx3-ubyte`) or some unpackers' (`...images.idx3-ubyte`), plain or zipped."""
    plain = name.removesuffix(".gz")
    names = (name, plain, plain.replace("-idx", ".idx"), name.replace("-idx", ".idx"))
    return next((folder / each for each in names if (folder / each).exists()), None)


def _read(entry: Entry, found: Path) -> tuple[dict[str, Split], str]:
    splits = {"train": _split(entry, found, "train"), "test": _split(entry, found, "t10k")}
    for file in entry.files:
        if (path := _file(found, file.name)) and file.crc and unpacked_crc(path) != file.crc:
            raise _other(entry, path)
    return splits, entry.title


def _other(entry: Entry, path: Path) -> OtherContent:
    """Return the error of a file that reads well and is not the entry's."""
    if found := known(unpacked_crc(path)):
        whose, file = found
        return OtherContent(
            f"{path}: holds {file.name.removesuffix('.gz')} of {whose.title}; expected that of {entry.title}. Were the files mixed up? "
            f"If all are {whose.title}'s, use `{whose.name}`."
        )
    return OtherContent(
        f"{path}: does not hold what {entry.title} holds as published. Fetch it again, or use the files under their own name: "
        f"idx:{path.parent}"
    )


def _split(entry: Entry, folder: Path, prefix: str) -> Split:
    of_images, of_labels = (
        _file(folder, f"{prefix}-images-idx3-ubyte.gz"),
        _file(folder, f"{prefix}-labels-idx1-ubyte.gz"),
    )
    if of_images is None or of_labels is None:
        raise UserError(f"{folder}: holds no {prefix} images of {entry.title}, or not their labels.")
    images, labels = read_idx(of_images, 3), read_idx(of_labels, 1)
    if len(images) != len(labels):
        raise UserError(
            f"{folder}: {len(images):,} {prefix} images but {len(labels):,} labels. Were the files mixed up?"
        )
    if images.shape[1:] != entry.shape[1:]:
        found, expected = ("x".join(map(str, shape[1:])) for shape in (images.shape, entry.shape))
        raise UserError(f"{of_images}: found images of {found}, expected {expected}.")
    if len(labels) and labels.max() >= len(entry.classes):
        raise UserError(f"{of_labels}: found the label {labels.max()}, expected 0 to {len(entry.classes) - 1}.")
    names = [f"{prefix}/{i:05}" for i in range(len(labels))]
    return Split(ArrayImages(images[:, None], names), labels.astype(np.int64))


IDX = Format(_find, _read, _instead)
