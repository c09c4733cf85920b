"""From a name to a dataset: found in the data folders, or fetched, or one clear error."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from alexlab.data.catalogue import OWN, Entry, find, is_known
from alexlab.data.class_names import doubts
from alexlab.data.images import Dataset
from alexlab.data.progress import Progress
from alexlab.data.shards.index import INDEX
from alexlab.data.shards.reading import is_address, read_shards
from alexlab.data.sources.cifar import CIFAR10
from alexlab.data.sources.files import ARCHIVES
from alexlab.data.sources.folder import read_folder
from alexlab.data.sources.format import Read
from alexlab.data.sources.idx import IDX
from alexlab.data.sources.idx_own import is_idx_prefix, own_idx_below, read_own_idx
from alexlab.data.sources.ilsvrc import read_ilsvrc
from alexlab.data.sources.list import read_list
from alexlab.data.split import SmallClasses, divide, held_out
from alexlab.errors import UserError
from alexlab.shape import Shape
from alexlab.showing import listed

FORMATS = {"idx": IDX, "cifar10": CIFAR10}
"""How the datasets of the catalogue are found and read, by what their entries name."""
READERS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "folder": read_folder,
    "classes": partial(read_folder, parts=False),
    "ilsvrc": read_ilsvrc,
    "list": read_list,
    "idx": read_own_idx,
}
"""What reads a dataset that the user names by its path, `KIND:PATH`: to the fields of `Read`, or the first of them."""
DIVISION = {"ilsvrc": "as published", "shards": "the shards"}
"""What divides a dataset where its reader does not say it."""
KINDS = tuple(own.partition(":")[0] for own in OWN)

TEST_FRACTION = 0.2  # held out of a folder that does not say what is its test


def data_folders(data_dir: Path | None = None) -> list[Path]:
    """Where datasets are looked for, in this order: `data_dir`, $ALEXLAB_DATA, the user's cache."""
    named = [data_dir] if data_dir else []
    environment = [Path(os.environ["ALEXLAB_DATA"])] if os.environ.get("ALEXLAB_DATA") else []
    return [*named, *environment, cache_folder()]


def cache_folder() -> Path:
    """Return where datasets that were fetched are kept on this machine."""
    return Path(platformdirs.user_cache_dir("alexlab")) / "data"


def full_name(name: str) -> str:
    """Return the name of a dataset with its kind: `photos/flowers`, where that is a folder or an archive, as `folder:photos/flowers`.

    A `.csv` file that is there is a list. A name of the catalogue, an address, and shards stay as they are, as does what is not there.
    """
    if ":" in name or is_known(name) or is_shards(_of_the_user(Path(name))):
        return name
    try:
        path = _of_the_user(Path(name))
        if path.is_dir() or (path.is_file() and path.name.lower().endswith(ARCHIVES)):
            return f"folder:{name}"
        return f"list:{name}" if path.is_file() and path.suffix.lower() == ".csv" else name
    except (OSError, ValueError):  # a name that no file can have
        return name


def open_dataset(
    name: str,
    data_dir: Path | None = None,
    seed: int = 0,
    download: bool = True,
    whole: bool = False,
    at: Path | None = None,
    progress: Progress | None = None,
    small_classes: SmallClasses = "refuse",
) -> Dataset:
    """Return the dataset called `name`: one of the catalogue, or the user's own, `KIND:PATH` with a kind of `READERS` or "shards".

    A folder, an archive or a `.csv` file that is there needs no word before it (`full_name`), nor a folder with an index of shards; an
    address (https://..., s3://...) is one of shards.

    Args:
        seed: decides, with the images' names, which of them are the test where the source does not say.
        download: fetch a dataset of the catalogue that is not found.
        at: where it lay when a run was made; used if it is still there.
        whole: keep all images of a source that does not divide them as `train`, with no test.
        small_classes: what is done with a class of a single image where a test is held out.

    Raises:
        UserError: not found, or not as it should be; the message names the files wanted and every place looked at.
    """
    name = name if at else full_name(name)
    kind, colon, _ = name.partition(":")
    divided_by = None if whole else seed
    if is_address(name):
        return _with_test(_in_shards(name, name), divided_by, small_classes)
    if not colon and not is_known(name) and (is_shards(Path(name)) or (at and is_shards(at))):
        kind, colon = "shards", ":"
    if colon and kind in KINDS:
        path = at if at and at.exists() else own_path(name, data_dir)
        dataset = _in_shards(name, str(path)) if kind == "shards" else _own(name, kind, path, whole)
        return _with_test(dataset, divided_by, small_classes)
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
    """Return where the dataset `entry` lies, or None."""
    if not entry.files:
        return Path(str(package_files("alexlab.data") / entry.name))
    found = (FORMATS[entry.format].find(entry, folder) for folder in data_folders(data_dir))
    return next((place for place in found if place), None)


def not_in_catalogue(data_dir: Path | None = None) -> list[str]:
    """Return, as `idx:PATH`, the datasets that lie in the data folders and that the catalogue does not know."""
    return list(dict.fromkeys(name for folder in data_folders(data_dir) for name in own_idx_below(folder)))


def _not_found(entry: Entry, folders: list[Path]) -> str:
    wanted = ", ".join(file.name for file in entry.files)
    places = ", ".join(str(folder) for folder in folders)
    below = " or ".join(f"{name}/" for name in entry.folders)
    instead = [each for folder in folders for each in FORMATS[entry.format].instead(entry, folder)]
    return (
        f"dataset {entry.name!r} was not found. Wanted: {wanted}. Looked in: {places} (and there in {below}). "
        + " ".join([*dict.fromkeys(instead), "Name the folder with --data-dir or ALEXLAB_DATA."])
    )


def _read(entry: Entry, found: Path) -> Dataset:
    splits, title = FORMATS[entry.format].read(entry, found)
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


def _own(name: str, kind: str, path: Path, whole: bool) -> Dataset:
    fewest = {"fewest": 1} if whole and kind in ("folder", "classes") else {}  # nothing is to be learnt from the whole
    read = Read(*READERS[kind](path, **fewest))
    splits, classes = read.splits, read.classes
    return Dataset(
        name=name,
        title=path.name,
        classes=classes,
        train=splits.get("train") or splits["all"],
        validation=splits.get("val"),
        test=splits.get("test"),
        shape=None,
        mean=None,
        std=None,
        augment=() if kind == "idx" else ("mirror",),  # such files hold letters and digits as a rule
        found=str(path.resolve()),
        divided="all" not in splits,
        division=read.division or DIVISION.get(kind, "not divided"),
        left_out=read.left_out,
        notes=(*read.notes, *doubts(classes, splits.values())),
    )


def _with_test(dataset: Dataset, seed: int | None, small: SmallClasses) -> Dataset:
    """Return a dataset that does not say what is its test, divided by a seed; whole where there is none."""
    if dataset.divided or seed is None:
        return dataset
    out = held_out(dataset.train, TEST_FRACTION, seed, "test", dataset.classes, small)
    train, test = divide(dataset.train, out)
    counts = np.bincount(test.labels, minlength=len(dataset.classes))
    alone = [dataset.classes[i] for i in np.flatnonzero(counts == 0)]
    note = f"too few images of {listed(alone)} to hold one out: they are in the training images alone (small_classes)."
    return replace(
        dataset,
        train=train,
        test=test,
        divided=True,
        division=f"{TEST_FRACTION:.0%} of each class is the test, by names and the seed {seed}",
        notes=(*dataset.notes, note) if alone else dataset.notes,
    )


def is_shards(path: Path) -> bool:
    """Whether a folder holds a dataset in shards, with its index."""
    try:
        return (path / INDEX).is_file()
    except OSError:  # a name that no file can have
        return False


def _in_shards(name: str, where: str) -> Dataset:
    splits, index = read_shards(where)
    return Dataset(
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
        divided="all" not in splits,
        division=DIVISION["shards"] if "all" not in splits else "not divided",
        notes=tuple(doubts(index.classes, splits.values())),
    )


def own_path(name: str, data_dir: Path | None = None) -> Path:
    """Return where `KIND:PATH` lies: as it stands, or below a data folder, there also packed."""
    kind, colon, where = name.partition(":")
    kind, where = (kind, where) if colon else ("shards", name)
    places = [_of_the_user(Path(where))]
    if not places[0].is_absolute():
        endings = () if kind in ("list", "idx", "shards") else ARCHIVES
        for folder in data_folders(data_dir):
            places += [folder / where, *(folder / f"{where}{ending}" for ending in endings)]
    for place in places:
        if place.exists() or (kind == "idx" and is_idx_prefix(place)):
            return place
    looked = ", ".join(str(place.parent.resolve()) for place in places[:2])
    raise UserError(f"{name} was not found. Looked for {where!r} in {looked} and the data folders.")


def _of_the_user(path: Path) -> Path:
    """Return a path whose ~ stands for the user's folder, unless a folder is called so."""
    try:
        return path if path.exists() else path.expanduser()
    except RuntimeError:  # there is no such user
        return path


def native_shape(dataset: Dataset) -> Shape | None:
    """Channels, height and width of the images where they are all alike without looking."""
    return dataset.shape or dataset.train.images.shape
