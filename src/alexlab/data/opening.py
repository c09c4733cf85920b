"""From a name to a dataset: found in the data folders, or fetched, or one clear error."""

import os
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
import platformdirs

from alexlab.data.catalogue import DATASETS, Entry, File, find
from alexlab.data.images import ArrayImages, Dataset, Shape, Split
from alexlab.data.shards.index import INDEX
from alexlab.data.shards.reading import is_address, read_shards
from alexlab.data.sources.cifar import read_cifar10
from alexlab.data.sources.files import ARCHIVES
from alexlab.data.sources.folder import read_folder, read_list
from alexlab.data.sources.idx import read_idx
from alexlab.data.sources.ilsvrc import read_ilsvrc
from alexlab.data.split import divide, held_out
from alexlab.errors import UserError

READERS = {"folder": read_folder, "ilsvrc": read_ilsvrc, "list": read_list}
"""What reads a dataset that the user names by its path, `KIND:PATH`."""
KINDS = (*READERS, "shards")
NAMES = {entry.name for entry in DATASETS}

TEST_FRACTION = 0.2  # held out of a folder that does not say what is its test


def data_folders(data_dir: Path | None = None) -> list[Path]:
    """Where datasets are looked for, in this order: `data_dir`, $ALEXLAB_DATA, the user's cache."""
    named = [data_dir] if data_dir else []
    environment = [Path(os.environ["ALEXLAB_DATA"])] if os.environ.get("ALEXLAB_DATA") else []
    return [*named, *environment, cache_folder()]


def cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("alexlab")) / "data"


def open_dataset(
    name: str,
    data_dir: Path | None = None,
    seed: int = 0,
    download: bool = True,
    whole: bool = False,
    at: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Dataset:
    """The dataset called `name`: of the catalogue, `folder:PATH`, `ilsvrc:PATH`, `list:FILE.csv` or `shards:PATH`.

    A folder with an index of shards needs no word before it, and an address (https://..., s3://...) is one of shards.

    Args:
        seed: decides, with the images' names, which of them are the test where the source does not say.
        download: fetch a dataset of the catalogue that is not found.
        at: where it lay when a run was made; used if it is still there.
        whole: keep all images of a source that does not divide them as `train`, with no test.

    Raises:
        UserError: not found, or not as it should be; the message names the files wanted and every place looked at.
    """
    kind, colon, _ = name.partition(":")
    divided_by = None if whole else seed
    if is_address(name):
        return _in_shards(name, name, divided_by)
    if not colon and name not in NAMES and (is_shards(Path(name)) or (at and is_shards(at))):
        kind, colon = "shards", ":"
    if colon and kind in KINDS:
        path = at if at and at.exists() else own_path(name, data_dir)
        return _in_shards(name, str(path), divided_by) if kind == "shards" else _own(name, kind, path, divided_by)
    entry = find(name)
    if found := at if at and at.exists() else locate(entry, data_dir):
        return _read(entry, found)
    folders = data_folders(data_dir)
    if download and entry.files:
        # Not at the top: urllib3 takes a tenth of the time in which `predict` answers.
        from alexlab.data.fetching.fetch import fetch

        try:
            for file in entry.files:
                fetch(file, cache_folder() / entry.folders[0], progress)
        except UserError as error:
            raise UserError(f"{_not_found(entry, folders)} {error}") from error
        if found := locate(entry, data_dir):
            return _read(entry, found)
    raise UserError(_not_found(entry, folders))


def locate(entry: Entry, data_dir: Path | None = None) -> Path | None:
    """Where the dataset `entry` lies, or None."""
    if not entry.files:
        return Path(str(package_files("alexlab.data") / entry.name))
    for folder in data_folders(data_dir):
        for place in _places(entry, folder):
            if entry.format == "idx" and all(_idx(place, file) for file in entry.files):
                return place
            if entry.format == "cifar10" and place.exists():
                return place
    return None


def _places(entry: Entry, folder: Path) -> list[Path]:
    below = [folder / name for name in entry.folders]
    if entry.format == "idx":
        return [*below, folder]
    archives = [folder / "cifar-10-binary.tar.gz", folder / "cifar-10-python.tar.gz"]
    archives += [folder / f"{entry.name}{ending}" for ending in ARCHIVES]
    return [*archives, *(place / archives[0].name for place in below), *(p for p in below if p.is_dir())]


def _idx(folder: Path, file: File) -> Path | None:
    """An IDX file, gzipped or plain, as published (`train-images-idx3-ubyte`) or as some unpackers name it (`...images.idx3-ubyte`)."""
    plain = file.name.removesuffix(".gz")
    for name in (file.name, plain, plain.replace("-idx", ".idx"), file.name.replace("-idx", ".idx")):
        if (folder / name).is_file():
            return folder / name
    return None


def _not_found(entry: Entry, folders: list[Path]) -> str:
    wanted = ", ".join(file.name for file in entry.files)
    places = ", ".join(str(folder) for folder in folders)
    below = " or ".join(f"{name}/" for name in entry.folders)
    return (
        f"dataset {entry.name!r} was not found. Wanted: {wanted}. Looked in: {places} (and there in {below}). "
        "Name the folder with --data-dir or ALEXLAB_DATA."
    )


def _read(entry: Entry, found: Path) -> Dataset:
    title = entry.title
    if entry.format == "idx":
        splits = {split: _read_idx(entry, found, prefix) for split, prefix in (("train", "train"), ("test", "t10k"))}
    elif _is_published_cifar(found):
        splits = read_cifar10(found)
    else:
        splits, classes = read_folder(found, entry.shape)
        if set(splits) != {"train", "test"} or classes != entry.classes:
            raise UserError(
                f"{found}: is no {entry.title} image folder; expected train/CLASS and test/CLASS, {len(entry.classes)} classes."
            )
        first = str(splits["train"].images.names[0]).lower()
        title += " (JPEG)" if first.endswith((".jpg", ".jpeg")) else ""
    for split, count in (("train", entry.train), ("test", entry.test)):
        if len(splits[split]) != count:
            raise UserError(
                f"{found}: found {len(splits[split]):,} {split} images of {entry.title}, expected {count:,}. Were the files mixed up?"
            )
    return Dataset(
        name=entry.name,
        title=title,
        classes=entry.classes,
        train=splits["train"],
        validation=None,
        test=splits["test"],
        shape=entry.shape,
        mean=entry.mean,
        std=entry.std,
        augment=entry.augment,
        found=str(found.resolve()),
    )


def _is_published_cifar(found: Path) -> bool:
    if found.is_dir():
        return any((found / batch).is_file() for batch in ("data_batch_1", "data_batch_1.bin"))
    return found.name.startswith("cifar-10-")


def _read_idx(entry: Entry, folder: Path, prefix: str) -> Split:
    def path(kind: str) -> Path:
        name = f"{prefix}-{kind}-ubyte.gz"
        found = _idx(folder, File(name, 0, "", ""))
        assert found is not None
        return found

    images, labels = read_idx(path("images-idx3"), 3), read_idx(path("labels-idx1"), 1)
    if len(images) != len(labels):
        raise UserError(
            f"{folder}: {len(images):,} {prefix} images but {len(labels):,} labels. Were the files mixed up?"
        )
    if images.shape[1:] != entry.shape[1:]:
        raise UserError(
            f"{path('images-idx3')}: found images of {images.shape[1]}x{images.shape[2]}, expected {entry.shape[1]}x{entry.shape[2]}."
        )
    if len(labels) and labels.max() >= len(entry.classes):
        raise UserError(
            f"{path('labels-idx1')}: found the label {labels.max()}, expected 0 to {len(entry.classes) - 1}."
        )
    names = [f"{prefix}/{i:05}" for i in range(len(labels))]
    return Split(ArrayImages(images[:, None], names), labels.astype(np.int64))


def _own(name: str, kind: str, path: Path, seed: int | None) -> Dataset:
    splits, classes = READERS[kind](path)
    dataset = Dataset(
        name=name,
        title=path.name,
        classes=classes,
        train=splits.get("train") or splits["all"],
        validation=splits.get("val"),
        test=splits.get("test"),
        shape=None,
        mean=None,
        std=None,
        augment=("mirror",),
        found=str(path.resolve()),
    )
    return _with_test(dataset, seed) if "all" in splits else dataset


def _with_test(dataset: Dataset, seed: int | None) -> Dataset:
    """A dataset that does not say what is its test, divided by a seed; whole where there is none."""
    if seed is None:
        return replace(dataset, divided=False)
    train, test = divide(dataset.train, held_out(dataset.train, TEST_FRACTION, seed, "test", dataset.classes))
    return replace(dataset, train=train, test=test)


def is_shards(path: Path) -> bool:
    """Whether a folder holds a dataset in shards, with its index."""
    try:
        return (path / INDEX).is_file()
    except OSError:  # a name that no file can have
        return False


def _in_shards(name: str, where: str, seed: int | None) -> Dataset:
    splits, index = read_shards(where)
    dataset = Dataset(
        name=name,
        title=index.title,
        classes=index.classes,
        train=splits.get("train") or splits["all"],
        validation=splits.get("val"),
        test=splits.get("test"),
        shape=index.shape,
        mean=index.mean,
        std=index.std,
        augment=index.augment,
        found=where if is_address(where) else str(Path(where).resolve()),
    )
    return _with_test(dataset, seed) if "all" in splits else dataset


def own_path(name: str, data_dir: Path | None = None) -> Path:
    """Where `folder:PATH`, `ilsvrc:PATH`, `list:FILE` or `shards:PATH` lies: as it stands, or below a data folder, there also packed."""
    kind, colon, where = name.partition(":")
    kind, where = (kind, where) if colon else ("shards", name)
    places = [Path(where).expanduser()]
    if not places[0].is_absolute():
        endings = () if kind in ("list", "shards") else ARCHIVES
        for folder in data_folders(data_dir):
            places += [folder / where, *(folder / f"{where}{ending}" for ending in endings)]
    for place in places:
        if place.exists():
            return place
    looked = ", ".join(str(place.parent.resolve()) for place in places[:2])
    raise UserError(f"{name} was not found. Looked for {where!r} in {looked} and the data folders.")


def native_shape(dataset: Dataset) -> Shape | None:
    """Channels, height and width of the images where they are all alike without looking."""
    return dataset.shape or dataset.train.images.shape
