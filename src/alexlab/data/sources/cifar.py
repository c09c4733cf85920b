"""CIFAR-10 as published: the binary archive, and the Python one through an unpickler that admits nothing but arrays.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import io
import pickle
import pickletools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexlab.data.catalogue import Entry
from alexlab.data.images import ArrayImages, Split
from alexlab.data.sources.files import ARCHIVES, Files, open_files
from alexlab.data.sources.folder import read_folder
from alexlab.data.sources.format import Format, OtherContent
from alexlab.errors import UserError

TRAIN_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_BATCHES = ("test_batch",)
IMAGES_PER_BATCH = 10_000
PIXELS = 3 * 32 * 32
RECORD = 1 + PIXELS
FIRST_LABELS = {"train": [6, 9, 9, 4, 1, 1, 2, 7, 8, 3], "test": [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]}
"""Of the published images, by which they are told from others in the same format."""


def read_cifar10(path: Path) -> dict[str, Split]:
    """Return the splits "train" and "test" from the published archive at `path`, or the folder that it unpacks to.

    Raises:
        UserError: a batch is missing, cut off, or holds labels above 9 or anything but arrays.
    """
    files = open_files(path)
    by_name = {name.rsplit("/", 1)[-1]: name for name in files.names}
    binary = "data_batch_1.bin" in by_name
    splits = {}
    for split, batches in (("train", TRAIN_BATCHES), ("test", TEST_BATCHES)):
        parts = []
        for batch in batches:
            file = f"{batch}.bin" if binary else batch
            if file not in by_name:
                raise UserError(
                    f"{path}: {file} is missing; expected {', '.join(TRAIN_BATCHES)} and {TEST_BATCHES[0]}."
                )
            parts.append(_batch(files, by_name[file], binary))
        pixels, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        if labels.max() > 9:
            raise UserError(f"{path}: found the label {labels.max()} in {split}; expected 0 to 9.")
        names = [f"{split}/{i:05}" for i in range(len(labels))]
        splits[split] = Split(ArrayImages(pixels.reshape(-1, 3, 32, 32), names), labels.astype(np.int64))
    return splits


def _batch(files: Files, name: str, binary: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    data = files.read(name)
    if not binary:
        return _unpickled(data, f"{files.root}/{name}")
    if len(data) != IMAGES_PER_BATCH * RECORD:
        raise UserError(
            f"{files.root}/{name}: found {len(data):,} bytes, expected {IMAGES_PER_BATCH * RECORD:,}. Fetch it again."
        )
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, RECORD)
    return records[:, 1:], records[:, 0].astype(np.int64)


OPERATIONS = frozenset(
    (
        "PROTO", "FRAME", "MARK", "STOP", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS",
        "NONE", "BININT", "BININT1", "BININT2", "LONG1", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
        "BINUNICODE", "SHORT_BINUNICODE", "NEWFALSE", "NEWTRUE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
        "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"
    )
)  # fmt: skip
"""Of a pickle's operations, those that the published batches need."""

MOST_TUPLES = 100  # arrays take a few; a million within each other overflow the stack of the interpreter


def _check_operations(data: bytes) -> None:
    """Raise ValueError where unpickling would take more memory than the file is long, or nest too deep. Nothing is made."""
    tuples = 0
    for operation, argument, _ in pickletools.genops(data):
        tuples += operation.name.startswith(("TUPLE", "EMPTY_TUPLE"))
        if operation.name not in OPERATIONS or tuples > MOST_TUPLES:
            raise ValueError(f"the operation {operation.name} has no place in a batch")
        if operation.name.endswith("PUT") and (not isinstance(argument, int) or argument > len(data)):
            raise ValueError(f"it counts to {argument}")


class _Array:
    """What stands for a NumPy array while a batch is read: NumPy's own way to take up a state trusts it."""

    values: NDArray[np.uint8]

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_columns, data = state
        if not isinstance(kind, _Kind) or kind.name not in ("u1", "|u1", b"u1", b"|u1"):
            raise ValueError("an array of something else than bytes")
        if not isinstance(data, bytes) or len(shape) != 2 or shape[0] * shape[1] != len(data):
            raise ValueError(f"an array of shape {shape} with other values than that")
        self.values = np.frombuffer(data, np.uint8).reshape(shape, order="F" if by_columns else "C")


class _Kind:
    """What stands for a NumPy dtype."""

    def __init__(self, name: Any, *more: Any) -> None:
        self.name = name

    def __setstate__(self, state: Any) -> None:
        pass


def _array(*arguments: Any) -> _Array:
    return _Array()


def _bytes(text: Any, encoding: Any) -> bytes:
    return str(text).encode("latin1")


ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _bytes,
}


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that knows plain containers and what stands for arrays, and can call nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}; only arrays are admitted")
        return ADMITTED[module, name]


def _unpickled(data: bytes, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        _check_operations(data)
        batch = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
        pixels, listed = batch[b"data"].values, batch[b"labels"]
        if not isinstance(listed, list) or not all(type(label) is int and 0 <= label <= 9 for label in listed):
            raise ValueError("its `labels` are no list of numbers from 0 to 9")
        labels = np.array(listed, dtype=np.int64)
        if pixels.shape != (len(labels), PIXELS):
            raise ValueError("its `data` is not a uint8 array of a row of 3,072 an image")
        if len(labels) != IMAGES_PER_BATCH:
            raise ValueError(f"{len(labels):,} images, expected {IMAGES_PER_BATCH:,}")
    except Exception as error:  # a hostile pickle can make the unpickler raise anything
        raise UserError(
            f"{name}: refused as a CIFAR-10 batch ({error}). Use cifar-10-binary.tar.gz instead."
        ) from error
    return pixels, labels


def _find(entry: Entry, folder: Path) -> Path | None:
    below = [folder / name for name in entry.folders]
    published = [folder / "cifar-10-binary.tar.gz", folder / "cifar-10-python.tar.gz"]
    of_a_folder = [folder / f"{entry.name}{ending}" for ending in ARCHIVES]
    fetched = [place / file.name for place in below for file in entry.files]
    places = [*published, *of_a_folder, *fetched, *(place for place in below if place.is_dir())]
    return next((place for place in places if place.exists()), None)


def _read(entry: Entry, found: Path) -> tuple[dict[str, Split], str]:
    """As published, or as an image folder, as which CIFAR-10 is handed on too."""
    if _is_published(found):
        published = read_cifar10(found)
        for name, wanted in FIRST_LABELS.items():
            labels = published[name].labels[: len(wanted)].tolist()
            if len(published[name]) == {"train": entry.train, "test": entry.test}[name] and labels != wanted:
                raise OtherContent(
                    f"{found}: holds other images than {entry.title}'s: the first {name} labels are {labels}, expected {wanted}. "
                    "Fetch it again, or make an image folder of it: folder:PATH."
                )
        return published, entry.title
    splits, classes = read_folder(found, entry.shape)[:2]
    if set(splits) != {"train", "test"} or classes != entry.classes:
        raise UserError(
            f"{found}: is no {entry.title} image folder; expected train/CLASS and test/CLASS, {len(entry.classes)} classes."
        )
    # Which images are held out is told by whole names, as when the figures of the recipes were measured.
    splits = {name: Split(replace(split.images, top=""), split.labels) for name, split in splits.items()}  # type: ignore[type-var]
    first = str(splits["train"].images.names[0]).lower()
    return splits, entry.title + (" (JPEG)" if first.endswith((".jpg", ".jpeg")) else "")


def _is_published(found: Path) -> bool:
    if found.is_dir():
        return any((found / batch).is_file() for batch in ("data_batch_1", "data_batch_1.bin"))
    return found.name.startswith("cifar-10-")


CIFAR10 = Format(_find, _read)
