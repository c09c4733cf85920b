"""CIFAR-10 as published: the binary archive, and the Python one through an unpickler that admits nothing but arrays.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexlab.data.files import Files, open_files
from alexlab.data.images import ArrayImages, Split
from alexlab.errors import UserError

TRAIN_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_BATCHES = ("test_batch",)
IMAGES_PER_BATCH = 10_000
PIXELS = 3 * 32 * 32
RECORD = 1 + PIXELS


def read_cifar10(path: Path) -> dict[str, Split]:
    """The splits "train" and "test" from the published archive at `path`, or the folder that it unpacks to.

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


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that can make NumPy arrays and plain containers, and call nothing else."""

    ADMITTED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ADMITTED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}; only arrays are admitted")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _unpickled(data: bytes, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        batch = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
        pixels, labels = batch[b"data"], np.array(batch[b"labels"], dtype=np.int64)
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape != (len(labels), PIXELS):
            raise ValueError("its `data` is not a uint8 array of a row of 3,072 an image")
        if len(labels) != IMAGES_PER_BATCH:
            raise ValueError(f"{len(labels):,} images, expected {IMAGES_PER_BATCH:,}")
        if labels.min() < 0:
            raise ValueError("negative labels")
    except Exception as error:  # a hostile pickle can make the unpickler raise anything
        raise UserError(
            f"{name}: refused as a CIFAR-10 batch ({error}). Use cifar-10-binary.tar.gz instead."
        ) from error
    return pixels, labels
