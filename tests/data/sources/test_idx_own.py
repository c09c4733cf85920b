"""IDX files that no catalogue has: what belongs together, and what the classes are called."""

import gzip
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alexlab.data.opening import not_in_catalogue, open_dataset
from alexlab.errors import UserError

TYPES = {"uint8": (8, "u1"), "int32": (12, ">i4")}


def write(path: str, values: np.ndarray, kind: str = "uint8") -> Path:
    """Write an IDX file, gzipped where its name ends so."""
    code, stored = TYPES[kind]
    header = struct.pack(">HBB", 0, code, values.ndim) + b"".join(struct.pack(">I", n) for n in values.shape)
    content = header + values.astype(stored).tobytes()
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(content, mtime=0) if file.suffix == ".gz" else content)
    return file


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 6, 5), dtype=np.uint8)


def write_pair(start: str, labels: np.ndarray, end: str = "-ubyte.gz", seed: int = 0) -> np.ndarray:
    pixels = images(len(labels), seed)
    write(f"{start}images-idx3{end}", pixels)
    write(f"{start}labels-idx1{end}", labels)
    return pixels


@pytest.mark.parametrize("ends", ["-ubyte.gz", "-ubyte", ".ubyte"])
@pytest.mark.parametrize("test", ["t10k", "test"])
def test_a_folder_under_the_usual_names(ends: str, test: str) -> None:
    train = write_pair("own/raw/train-", np.array([3, 0, 7, 3]), ends)
    write_pair(f"own/raw/{test}-", np.array([0, 7]), ends)
    for path in ("own/raw", "own"):
        dataset = open_dataset(f"idx:{path}")
        assert dataset.name == f"idx:{path}" and dataset.classes == ("0", "3", "7") and dataset.augment == ()
        assert (
            dataset.test is not None
            and dataset.train.labels.tolist() == [1, 0, 2, 1]
            and dataset.test.labels.tolist() == [0, 2]
        )
        assert np.array_equal(np.asarray(dataset.train.images.picture(2)), train[2])
    assert dataset.division == "the files' names"


def test_one_file_of_images_is_divided_by_its_names_and_a_seed() -> None:
    write_pair("own/letters-", np.arange(20) % 2)
    for path in ("own", "own/letters-images-idx3-ubyte.gz"):
        dataset = open_dataset(f"idx:{path}")
        assert dataset.test is not None and (len(dataset.train), len(dataset.test)) == (16, 4)


def test_classes_have_names_where_a_file_says_them() -> None:
    write_pair("own/train-", np.array([1, 2, 3]))
    write_pair("own/test-", np.array([3, 1]))
    names = Path("own/classes.txt")
    names.write_text("alpha\nbeta\n\ngamma\n", "utf-8")
    assert open_dataset("idx:own").classes == ("alpha", "beta", "gamma")
    names.write_text("none\nα\nβ\nγ\nδ\n", "utf-8")
    assert open_dataset("idx:own").classes == ("α", "β", "γ")
    names.write_text("alpha\nbeta\n")
    with pytest.raises(UserError, match="classes.txt: holds 2 names, 2 of them different; the labels are 3"):
        open_dataset("idx:own")


def test_emnist_stands_upright_and_has_letters() -> None:
    pixels = write_pair("gzip/emnist-letters-train-", np.array([1, 2, 1]))
    write_pair("gzip/emnist-letters-test-", np.array([2, 1]))
    write_pair("gzip/emnist-digits-train-", np.array([0, 1]))
    Path("gzip/emnist-letters-mapping.txt").write_text("1 65 97\n2 66 98\n")
    with pytest.raises(UserError, match="several datasets.*idx:gzip/emnist-digits and idx:gzip/emnist-letters"):
        open_dataset("idx:gzip")
    dataset = open_dataset("idx:gzip/emnist-letters")
    assert dataset.classes == ("A", "B") and dataset.test is not None and len(dataset.test) == 2
    assert np.array_equal(np.asarray(dataset.train.images.picture(2)), pixels[2].T)
    assert dataset.notes == ("EMNIST's images lie on their side in its files; they are stood upright.",)
    Path("gzip/emnist-letters-mapping.txt").write_text("1 65\n")
    with pytest.raises(UserError, match="mapping.txt: expected a label and the code"):
        open_dataset("idx:gzip/emnist-letters")


def test_qmnists_labels_have_more_columns() -> None:
    write("q/qmnist-train-images-idx3-ubyte", images(3))
    write("q/qmnist-train-labels-idx2-int", np.array([[5, 9, 9], [4, 9, 9], [5, 9, 9]]), "int32")
    dataset = open_dataset("idx:q", whole=True)
    assert dataset.classes == ("4", "5") and dataset.train.labels.tolist() == [1, 0, 1]


def test_labels_of_32_bits() -> None:
    write("own/a-images-idx3-ubyte", images(4))
    write("own/a-labels-idx1-int", np.array([70_000, 2, 2, 70_000]), "int32")
    assert open_dataset("idx:own").classes == ("2", "70000")


@pytest.mark.parametrize(
    ("lay", "says"),
    [
        (lambda: Path("own").mkdir(), "own: found no IDX file of images"),
        (
            lambda: write("own/train-images-idx3-ubyte", images(2)),
            "found no labels of these images beside it; expected train-labels-idx1-ubyte",
        ),
        (lambda: write_pair("own/train-", np.array([1, 1])), "found 1 class"),
        (
            lambda: [write_pair(f"own/{part}-", np.array([1, 2])) for part in ("test", "t10k")],
            "are the same part of one dataset",
        ),
        (
            lambda: [write_pair(f"own/{part}-", np.array([1, 2])) for part in ("test", "val")],
            "none of them for training",
        ),
        (
            lambda: [write("own/a-images-idx3", images(3)), write("own/a-labels-idx1", np.arange(2))],
            "3 images, but 2 labels",
        ),
        (
            lambda: [write("own/a-images-idx3", images(3), "int32"), write("own/a-labels-idx1", np.arange(3))],
            "not an IDX file of unsigned bytes",
        ),
    ],
)
def test_what_is_wrong_is_named(lay: Callable[[], object], says: str) -> None:
    lay()
    with pytest.raises(UserError, match=says):
        open_dataset("idx:own")


def test_what_is_not_there() -> None:
    with pytest.raises(UserError, match="idx:gone was not found"):
        open_dataset("idx:gone")


def test_they_are_offered_once(
    monkeypatch: pytest.MonkeyPatch, alexlab: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    monkeypatch.setenv("ALEXLAB_DATA", str(Path("data").resolve()))
    write_pair("data/MNIST/raw/train-", np.array([1, 2]))
    write_pair("data/MNIST/raw/t10k-", np.array([1, 2]))
    write_pair("data/gzip/emnist-letters-train-", np.array([1, 2]))
    write_pair("data/gzip/emnist-letters-test-", np.array([1, 2]))
    names = [f"idx:{Path('data').resolve()}/{place}" for place in ("MNIST/raw", "gzip/emnist-letters")]
    assert not_in_catalogue() == names
    for name in names:
        assert len(open_dataset(name).classes) == 2
    listed = alexlab("datasets")
    assert listed.returncode == 0 and all(listed.stdout.count(f"{name}: IDX files") == 1 for name in names)
    assert "mnist" in listed.stdout and listed.stdout.count("fetched when first used") == 3
