"""Files of one name that hold different datasets: each is told by what it holds."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alexlab.data.catalogue import find
from alexlab.data.opening import locate, open_dataset
from alexlab.errors import UserError

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture
def mnist(datasets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of MNIST's own files, as the only place where datasets are looked for."""
    monkeypatch.setenv("ALEXLAB_DATA", str(datasets / "MNIST" / "raw"))
    return datasets / "MNIST" / "raw"


@pytest.fixture
def like_mnist(tmp_path: Path) -> Path:
    """Files as MNIST's, of the same counts and sizes, that hold something else: so KMNIST is published."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in NAMES:
        count = 60_000 if name.startswith("train") else 10_000
        shape = (count, 28, 28) if "images" in name else (count,)
        header = struct.pack(">HBB", 0, 8, len(shape)) + b"".join(struct.pack(">I", n) for n in shape)
        content = header + bytes(int(np.prod(shape)))
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1, mtime=0))
    return folder


def test_digits_are_not_served_as_garments(mnist: Path) -> None:
    with pytest.raises(
        UserError, match=f"'fashion-mnist' was not found.* The files in {mnist} are MNIST's: use `mnist`."
    ):
        open_dataset("fashion-mnist", download=False)
    assert locate(find("fashion-mnist")) is None and locate(find("mnist")) == mnist
    assert len(open_dataset("mnist", download=False).train) == 60_000


def test_unpacked_files_are_told_as_well(mnist: Path, tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(gzip.decompress((mnist / f"{name}.gz").read_bytes()))
    assert locate(find("mnist"), tmp_path) == tmp_path and locate(find("fashion-mnist"), tmp_path) is None


def test_what_no_catalogue_knows_is_nobodys(like_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALEXLAB_DATA", raising=False)
    for name in ("mnist", "fashion-mnist"):
        assert locate(find(name), tmp_path) is None
    with pytest.raises(
        UserError, match=f"The files in {like_mnist} are no dataset's of the catalogue: use `idx:{like_mnist}`"
    ):
        open_dataset("mnist", tmp_path, download=False)
    with pytest.raises(UserError, match="does not hold what MNIST holds as published.*idx:"):
        open_dataset("mnist", at=like_mnist)


@pytest.fixture
def write(mnist: Path, tmp_path: Path) -> Callable[[str, bytes], None]:
    """Lay MNIST's files into the test's folder, one of them with another content."""

    def written(changed: str, content: bytes) -> None:
        for name in NAMES:
            (tmp_path / f"{name}.gz").write_bytes(content if name == changed else (mnist / f"{name}.gz").read_bytes())

    return written


def test_one_file_of_another_dataset_is_named(
    write: Callable[[str, bytes], None], datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALEXLAB_DATA")
    labels = "train-labels-idx1-ubyte"
    write(labels, (datasets / "FashionMNIST" / "raw" / f"{labels}.gz").read_bytes())
    with pytest.raises(UserError, match=f"{labels}.gz: holds {labels} of Fashion-MNIST; expected that of MNIST"):
        open_dataset("mnist", tmp_path)


def test_damaged_images_are_said_to_be_damaged(
    write: Callable[[str, bytes], None], mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALEXLAB_DATA")
    write(NAMES[0], (mnist / f"{NAMES[0]}.gz").read_bytes()[:100_000])
    with pytest.raises(UserError, match="the gzip file is damaged"):
        open_dataset("mnist", tmp_path)
