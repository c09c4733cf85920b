"""Folders, tars, lists and CIFAR-10 archives: what is found, and what is refused."""

import csv
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexlab.data.images import ArrayImages
from alexlab.data.opening import open_dataset
from alexlab.data.sources import files as archives
from alexlab.data.sources.cifar import read_cifar10
from alexlab.errors import UserError
from tests.conftest import write_photographs
from tests.typed import as_a


def test_folder_without_splits_is_divided_by_names_and_seed_alone(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path / "photos", ("a", "b"), each=10)
    first = open_dataset(f"folder:{folder}", seed=3)
    assert first.classes == ("a", "b") and first.test is not None
    assert len(first.train) == 16 and len(first.test) == 4
    assert np.bincount(first.test.labels).tolist() == [2, 2]
    for path in sorted(folder.rglob("*.png"), reverse=True):  # another order of creation, another place
        target = tmp_path / "elsewhere" / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    again = open_dataset(f"folder:{tmp_path / 'elsewhere'}", seed=3)
    assert again.test is not None and list(again.test.images.names) == list(first.test.images.names)
    other = open_dataset(f"folder:{folder}", seed=4)
    assert other.test is not None and list(other.test.images.names) != list(first.test.images.names)


def test_folder_with_splits_and_a_tar_of_it_are_the_same(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_photographs(tmp_path / "photos" / split, each=3)
    (tmp_path / "photos" / "README.txt").write_text("not an image")
    with tarfile.open(tmp_path / "photos.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "photos", "./photos")
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(tmp_path / "photos", "deep/photos")
    opened = [open_dataset(f"folder:{tmp_path / name}") for name in ("photos", "photos.tar.gz", "photos.tar")]
    for dataset in opened:
        assert dataset.classes == ("blue", "red")
        assert dataset.validation is not None and dataset.test is not None
        assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [6, 6, 6]
        assert dataset.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
        pixels = np.asarray(dataset.train.images.picture(4))
        assert np.array_equal(pixels, np.asarray(opened[0].train.images.picture(4)))


def test_folder_names_are_looked_up_in_the_data_folders(tmp_path: Path) -> None:
    write_photographs(tmp_path / "data" / "flowers")
    assert open_dataset("folder:flowers", tmp_path / "data").found.endswith("flowers")
    with pytest.raises(UserError, match="folder:gone was not found"):
        open_dataset("folder:gone", tmp_path / "data")


def test_list_of_paths_and_labels(tmp_path: Path) -> None:
    write_photographs(tmp_path / "p", each=4)
    with (tmp_path / "all.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "split"))
        for name in ("red", "blue"):
            writer.writerows((f"p/{name}/{i}.png", name, "test" if i == 3 else "train") for i in range(4))
    dataset = open_dataset(f"list:{tmp_path / 'all.csv'}")
    assert dataset.classes == ("blue", "red") and dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (6, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "found the columns none"),
        ("names,kinds\na,b\n", "found the columns names, kinds; expected `path` and `label`"),
        ("path,label\nx.png,\n", "line 2 lacks"),
        ("path,label\ngone.png,a\n", "line 2 names 'gone.png'"),
        ("path,label,split\nhere.png,a,tomorrow\n", "has the split 'tomorrow'"),
        ("path,label\nhere.png,a\nhere.png,a\n", "found one class, 'a'"),
        ("path,label,split\nhere.png,a,test\nhere.png,b,test\n", "no row is in the split train"),
    ],
)
def test_lists_that_are_wrong(tmp_path: Path, text: str, says: str) -> None:
    Image.new("L", (3, 3)).save(tmp_path / "here.png")
    (tmp_path / "all.csv").write_text(text)
    with pytest.raises(UserError, match=says):
        open_dataset(f"list:{tmp_path / 'all.csv'}")


def test_empty_one_class_and_class_without_images(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        open_dataset(f"folder:{tmp_path / 'empty'}")
    one = write_photographs(tmp_path / "one", ("only",))
    with pytest.raises(UserError, match="found one class, 'only'"):
        open_dataset(f"folder:{one}")
    two = write_photographs(tmp_path / "two")
    (two / "green").mkdir()
    with pytest.raises(UserError, match="the class green holds no images"):
        open_dataset(f"folder:{two}")
    flat = tmp_path / "flat"
    flat.mkdir()
    Image.new("L", (3, 3)).save(flat / "a.png")
    with pytest.raises(UserError, match="images but no folders of classes"):
        open_dataset(f"folder:{flat}")
    lone = write_photographs(tmp_path / "lone", each=1)
    with pytest.raises(UserError, match="has 1 image to divide"):
        open_dataset(f"folder:{lone}")
    for split, names in (("train", ("a", "b")), ("test", ("a", "c"))):
        write_photographs(tmp_path / "strange" / split, names, each=1)
    with pytest.raises(UserError, match="a class 'c' that the training images lack"):
        open_dataset(f"folder:{tmp_path / 'strange'}")


def tar_with(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_tars_that_escape_link_or_burst_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("../outside/a.png", "/etc/a.png", "a/../../b.png"):
        with pytest.raises(UserError, match="escapes from the archive's folder"):
            open_dataset(f"folder:{tar_with(tmp_path / 'x.tar', (tarfile.TarInfo(name), b'x'))}")
    link = tarfile.TarInfo("a/link.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(UserError, match="is a link"):
        open_dataset(f"folder:{tar_with(tmp_path / 'x.tar', (link, b''))}")
    device = tarfile.TarInfo("a/null.png")
    device.type = tarfile.CHRTYPE
    with pytest.raises(UserError, match="is a device or pipe"):
        open_dataset(f"folder:{tar_with(tmp_path / 'x.tar', (device, b''))}")
    monkeypatch.setattr(archives, "SMALLEST_LIMIT", 100_000)
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("a/b.png")
        info.size = 50_000_000
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(UserError, match="archive bomb"):
        open_dataset(f"folder:{tmp_path / 'bomb.tar.gz'}")


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_archives_that_are_none(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"photos.{ending}"
    path.write_bytes(b"this is no archive at all, whatever its name may say" * 30)
    with pytest.raises(UserError, match="the archive is damaged or is no tar"):
        open_dataset(f"folder:{path}")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 100 images instead of 10,000."""
    monkeypatch.setattr("alexlab.data.sources.cifar.IMAGES_PER_BATCH", 100)


def cifar(folder: Path, python: bool, labels: int = 10, count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    folder.mkdir()
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 3072), dtype=np.uint8)
    wanted = random.integers(0, labels, count)
    for batch in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        if python:
            with (folder / batch).open("wb") as file:
                pickle.dump({b"data": pixels, b"labels": wanted.tolist()}, file, protocol=2)
        else:
            (folder / f"{batch}.bin").write_bytes(np.hstack([wanted[:, None].astype(np.uint8), pixels]).tobytes())
    return pixels, wanted


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("python", [False, True])
def test_cifar10_as_published(tmp_path: Path, python: bool) -> None:
    pixels, labels = cifar(tmp_path / "cifar-10-batches", python)
    archive = tmp_path / ("cifar-10-python.tar.gz" if python else "cifar-10-binary.tar.gz")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "cifar-10-batches", "cifar-10-batches")
    for path in (archive, tmp_path / "cifar-10-batches"):
        splits = read_cifar10(path)
        assert (len(splits["train"]), len(splits["test"])) == (500, 100)
        picture = np.asarray(splits["train"].images.picture(207))
        assert np.array_equal(picture.transpose(2, 0, 1).ravel(), pixels[7])
        assert splits["train"].labels[407] == labels[7]
    with pytest.raises(UserError, match="found 500 train images of CIFAR-10, expected 50,000"):
        open_dataset("cifar10", tmp_path)


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("executed"),))


@pytest.mark.usefixtures("small_batches")
def test_a_hostile_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    folder = tmp_path / "batches"
    cifar(folder, python=True)
    (folder / "data_batch_3").write_bytes(pickle.dumps({b"data": Bomb(), b"labels": []}))
    with pytest.raises(UserError, match="data_batch_3: refused .*only arrays are admitted"):
        read_cifar10(folder)
    assert not Path("executed").exists()


@pytest.mark.usefixtures("small_batches")
def test_cifar10_that_is_wrong(tmp_path: Path) -> None:
    cifar(tmp_path / "short", python=False, count=99)
    with pytest.raises(UserError, match="expected 307,300"):
        read_cifar10(tmp_path / "short")
    cifar(tmp_path / "labels", python=False, labels=12)
    with pytest.raises(UserError, match="found the label 11"):
        read_cifar10(tmp_path / "labels")
    cifar(tmp_path / "gone", python=False)
    (tmp_path / "gone" / "test_batch.bin").unlink()
    with pytest.raises(UserError, match="test_batch.bin is missing"):
        read_cifar10(tmp_path / "gone")


def test_the_real_datasets(datasets: Path) -> None:
    mnist, fashion = open_dataset("mnist"), open_dataset("fashion-mnist")
    for dataset, mean, std in ((mnist, 0.1307, 0.3081), (fashion, 0.2860, 0.3530)):
        pixels = as_a(ArrayImages, dataset.train.images).pixels_NCHW
        assert pixels.shape == (60_000, 1, 28, 28) and dataset.test is not None and len(dataset.test) == 10_000
        assert pixels.mean() / 255 == pytest.approx(mean, abs=1e-4)
        assert pixels.std() / 255 == pytest.approx(std, abs=1e-4)
        assert dataset.mean == (mean,) and dataset.std == (std,)
    cifar10 = open_dataset("cifar10")
    assert cifar10.title == "CIFAR-10 (JPEG)" and len(cifar10.train) == 50_000
    flowers = open_dataset("folder:flowers")
    assert len(flowers.classes) == 5 and flowers.test is not None and len(flowers.train) + len(flowers.test) == 4317
    imagenette = open_dataset("folder:imagenette-sample")
    assert imagenette.test is None and imagenette.validation is not None and len(imagenette.validation) == 500


def test_digits_are_embedded_small_and_as_the_catalogue_says() -> None:
    digits = open_dataset("digits")
    assert digits.test is not None and (len(digits.train), len(digits.test)) == (1500, 297)
    pixels = as_a(ArrayImages, digits.train.images).pixels_NCHW / 255
    assert digits.mean == (round(pixels.mean(), 4),) and digits.std == (round(pixels.std(), 4),)
    assert sum(file.stat().st_size for file in Path(digits.found).iterdir()) < 200_000


def test_mixed_up_files_are_named(datasets: Path, tmp_path: Path) -> None:
    raw = datasets / "MNIST" / "raw"
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{name}-ubyte.gz").write_bytes((raw / f"{name}-ubyte.gz").read_bytes())
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes((raw / "t10k-labels-idx1-ubyte.gz").read_bytes())
    with pytest.raises(UserError, match="60,000 train images but 10,000 labels"):
        open_dataset("mnist", tmp_path)


def test_not_found_names_files_and_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXLAB_DATA", str(tmp_path / "there"))
    with pytest.raises(UserError) as error:
        open_dataset("mnist", tmp_path / "here", download=False)
    for part in ("train-images-idx3-ubyte.gz", str(tmp_path / "here"), str(tmp_path / "there"), "--data-dir"):
        assert part in str(error.value)
    with pytest.raises(UserError, match="did you mean 'fashion-mnist'"):
        open_dataset("fashion-mnst")
