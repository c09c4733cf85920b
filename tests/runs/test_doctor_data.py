"""`alexlab doctor` calls a dataset damaged where it cannot be read, and never where only its packing is another."""

import gzip
import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from alexlab.data import catalogue
from alexlab.data.catalogue import File
from alexlab.data.sources.cifar import FIRST_LABELS
from alexlab.runs import doctor
from alexlab.runs.doctor import Finding, examine
from alexlab.writing import digest_of

RAW = Path("data/MNIST/raw")


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape) + values.tobytes()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST with 20 training images and 10 of the test, published in files of this test."""
    RAW.mkdir(parents=True)
    (entry,) = (entry for entry in catalogue.DATASETS if entry.name == "mnist")
    random, files = np.random.default_rng(0), []
    for part, count in (("train", 20), ("t10k", 10)):
        for kind, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            path = RAW / f"{part}-{kind}-ubyte"
            path.write_bytes(idx(random.integers(0, 10, shape).astype(np.uint8)))
            unpacked = f"md5:{digest_of(path, 'md5')}"
            packed = path.with_name(f"{path.name}.gz")
            packed.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
            path.unlink()
            files.append(File(packed.name, None, f"md5:{digest_of(packed, 'md5')}", "", unpacked))
    entry = entry.__class__(**{**entry.__dict__, "files": tuple(files), "train": 20, "test": 10})
    monkeypatch.setattr(catalogue, "DATASETS", (entry,))
    monkeypatch.setattr(doctor, "DATASETS", (entry,))


def found(name: str = "mnist") -> Finding:
    return next(each for each in examine(Path("data"), []) if each.what == f"dataset {name}")


def repack(name: str, change: int | None = None) -> None:
    content = bytearray(gzip.decompress((RAW / name).read_bytes()))
    if change is not None:
        content[change] ^= 1
    (RAW / name).write_bytes(gzip.compress(bytes(content), 1))


@pytest.mark.usefixtures("small")
def test_the_published_files_and_the_same_packed_otherwise() -> None:
    assert found() == Finding("dataset mnist", f"{RAW}: 4 files as published")
    repack("train-images-idx3-ubyte.gz")
    assert found() == Finding("dataset mnist", f"{RAW}: 4 files as published, 1 of them packed otherwise")


@pytest.mark.usefixtures("small")
def test_other_images_can_be_used_and_are_not_to_be_deleted() -> None:
    repack("t10k-images-idx3-ubyte.gz", 100)
    answer = found()
    assert "other images" in answer.found and "put t10k-images-idx3-ubyte.gz elsewhere" in str(answer.advice)
    assert "delete" not in f"{answer.found} {answer.advice}".lower()


@pytest.mark.usefixtures("small")
def test_a_file_that_cannot_be_read_is_damaged() -> None:
    path = RAW / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    answer = found()
    assert (
        answer.found == f"{RAW}: damaged"
        and str(path) in str(answer.advice)
        and "fetches it again" in str(answer.advice)
    )


@pytest.mark.parametrize("published", [True, False])
def test_an_archive_packed_otherwise_is_told_by_its_reading(published: bool) -> None:
    place = Path("data/cifar-10-binary.tar.gz")
    place.parent.mkdir()
    with tarfile.open(place, "w:gz", compresslevel=1) as archive:
        for name in [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]:
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = 10_000 * 3073
            batch = np.full((10_000, 3073), 3, np.uint8)
            if name in ("data_batch_1.bin", "test_batch.bin") and published:
                batch[:10, 0] = FIRST_LABELS["train" if name.startswith("data") else "test"]
            archive.addfile(member, io.BytesIO(batch.tobytes()))
    answer = found("cifar10")
    assert "reads whole" in answer.found
    if not published:
        assert "holds other images than CIFAR-10's: the first train labels are [3, 3" in str(answer.advice)
        return
    assert answer.advice is None
    place.write_bytes(place.read_bytes()[:100])
    answer = found("cifar10")
    assert "damaged" in answer.found and "fetches it again" in str(answer.advice)


def test_real_files_packed_otherwise(datasets: Path) -> None:
    shutil.copytree(datasets / "MNIST", "data/MNIST")
    assert found() == Finding("dataset mnist", f"{RAW}: 4 files as published, 4 of them packed otherwise")
    path = RAW / "t10k-labels-idx1-ubyte.gz"
    path.unlink()
    shutil.copy(datasets / "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz", path)
    answer = found()
    assert (
        "reads whole, with other images or labels" in answer.found
        and "of Fashion-MNIST; expected that of MNIST" in str(answer.advice)
    )
