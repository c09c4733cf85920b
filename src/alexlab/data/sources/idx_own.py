"""IDX files that no catalogue has: EMNIST's, KMNIST's, QMNIST's, one's own: `idx:PATH`.

Images and labels are told by their headers and belong together by their names; parts of a dataset too are told by the names.
"""

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexlab.data.images import ArrayImages, Split
from alexlab.data.sources.format import Read, Splits
from alexlab.data.sources.idx import dimensions_of, known, read_idx, read_labels, unpacked_crc
from alexlab.data.sources.names import part
from alexlab.data.sources.text import read_text
from alexlab.errors import UserError
from alexlab.regular import regular_files
from alexlab.showing import listed

MOST_FILES = 1_000  # that are looked into
ON_ITS_SIDE = "emnist"  # a word in the names of the one dataset whose images are stored column by column
WORDS = re.compile(r"images?|labels?|idx\d|ubyte|int|data|gz")


@dataclass(frozen=True)
class Pair:
    """A file of images and that of their labels; the dataset and the part of it ("train", "val", "test" or None) by their names."""

    images: Path
    labels: Path
    dataset: str
    part: str | None


def is_idx_prefix(path: Path) -> bool:
    """Whether files of images begin with a path, as those of one of EMNIST's datasets do with `FOLDER/emnist-letters`."""
    return any(each.name.startswith(path.name) and dimensions_of(each) == 3 for each in _files_in(path.parent))


def own_idx_below(folder: Path) -> list[str]:
    """Return, as `idx:PATH`, the datasets in IDX files of a data folder that the catalogue does not know, each once."""
    places = [folder, *(each / name for each in sorted(folder.glob("*/")) for name in (".", "raw"))]
    found: dict[str, None] = {}
    for place in places:
        for file in (each for each in _files_in(place) if "images" in each.name and "idx3" in each.name):
            if dimensions_of(file) == 3 and not known(unpacked_crc(file)):
                found[f"idx:{file.parent / '-'.join(_dataset_of(_key(file)))}"] = None
    return list(found)


def read_own_idx(path: Path) -> Read:
    """Return the dataset of the IDX files in the folder `path`, of those whose names begin with `path`, or of the one file of images.

    Classes are numbered, unless a `classes.txt` (a name a line, in the order of the labels) or EMNIST's mapping (a label and the
    code of its character a line) lies beside.

    Raises:
        UserError: no images with labels, several datasets, fewer than two classes, names that do not fit the labels.
    """
    pairs = _one_dataset(_pairs(path), path)
    read = {pair: _read(pair) for pair in pairs}
    labels = np.unique(np.concatenate([labels for _, labels in read.values()]))
    if len(labels) < 2:
        raise UserError(f"{path}: found {len(labels)} class; expected at least two.")
    notes = []
    splits: Splits = {}
    for pair, (images_NHW, labels_N) in read.items():
        split = (pair.part or "train") if len(pairs) > 1 else "all"
        if ON_ITS_SIDE in pair.images.name.lower():
            images_NHW = np.ascontiguousarray(images_NHW.transpose(0, 2, 1))
            notes = ["EMNIST's images lie on their side in its files; they are stood upright."]
        names = [f"{split}/{i:05}" for i in range(len(labels_N))]
        splits[split] = Split(
            ArrayImages(images_NHW[:, None], names), np.searchsorted(labels, labels_N).astype(np.int64)
        )
    return Read(splits, _classes(labels, pairs[0]), "the files' names" if len(pairs) > 1 else "", notes=tuple(notes))


def _pairs(path: Path) -> list[Pair]:
    """Return the pairs of files that a path names, sorted by the names of the images."""
    folder, prefix = (path, "") if path.is_dir() else (path.parent, path.name)
    files = _files_in(folder)
    if not prefix and not any(dimensions_of(file) == 3 for file in files):
        files = [folder / name for name in sorted(regular_files(folder).names)]  # as torchvision's, in raw/
    kinds = {file: dimensions_of(file) for file in files[:MOST_FILES]}
    labels = [file for file in kinds if kinds[file] in (1, 2)]
    images = [file for file in kinds if kinds[file] == 3 and file.name.startswith(prefix)]
    if not images:
        raise UserError(f"{path}: found no IDX file of images (bytes in three dimensions: images, height, width).")
    pairs = []
    for file in images:
        beside = [each for each in labels if each.parent == file.parent]
        own = [each for each in beside if _key(each) == _key(file)] or (
            beside if len(images) == len(beside) == 1 else []
        )
        if not own:
            raise UserError(
                f"{file}: found no labels of these images beside it; expected {file.name.replace('images-idx3', 'labels-idx1')}."
            )
        tokens = _key(file)
        pairs.append(Pair(file, own[0], f"{file.parent / '-'.join(_dataset_of(tokens))}", part("-".join(tokens))))
    return pairs


def _files_in(folder: Path) -> list[Path]:
    """Return the files that lie in a folder, sorted; of very many some."""
    try:
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in islice(entries, MOST_FILES) if entry.is_file())
    except OSError:
        return []


def _key(file: Path) -> tuple[str, ...]:
    """Return the words of a file's name that say what it belongs to."""
    tokens = re.split(r"[-_.\s]+", file.name.lower().replace("t10k", "test"))
    return tuple(token for token in tokens if token and not WORDS.fullmatch(token))


def _dataset_of(tokens: tuple[str, ...]) -> list[str]:
    return [token for token in tokens if part(token) is None]


def _one_dataset(pairs: list[Pair], path: Path) -> list[Pair]:
    datasets = defaultdict(list)
    for pair in pairs:
        datasets[pair.dataset].append(pair)
    if len(datasets) > 1:
        some = listed([f"idx:{name}" for name in datasets])
        raise UserError(
            f"{path}: holds the IDX files of several datasets; name one of them by the beginning of its files: {some}."
        )
    by_part = defaultdict(list)
    for pair in pairs:
        by_part[pair.part].append(pair)
    if twice := [each for each in by_part.values() if len(each) > 1]:
        names = listed([pair.images.name for pair in twice[0]])
        raise UserError(
            f"{path}: {names} are the same part of one dataset. Put one of them, with its labels, into a folder with the others."
        )
    if len(pairs) > 1 and not {"train", None} & set(by_part):
        raise UserError(
            f"{path}: found {listed([pair.images.name for pair in pairs])}, none of them for training; expected train-images..."
        )
    return pairs


def _read(pair: Pair) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images, labels = read_idx(pair.images, 3), read_labels(pair.labels)
    if len(images) != len(labels):
        raise UserError(
            f"{pair.images}: {len(images):,} images, but {len(labels):,} labels in {pair.labels.name}. Were the files mixed up?"
        )
    if not images.size:
        raise UserError(f"{pair.images}: holds no images.")
    return images, labels


def _classes(labels: NDArray[np.int64], pair: Pair) -> tuple[str, ...]:
    """Return the names of the classes: from a file beside the images, or the labels themselves."""
    folder, dataset = pair.images.parent, "-".join(_dataset_of(_key(pair.images)))
    for name in ("classes.txt", f"{dataset}-mapping.txt", "mapping.txt"):
        if not (folder / name).is_file():
            continue
        lines = [line.strip() for line in read_text(folder / name)[0].splitlines() if line.strip()]
        if name != "classes.txt":
            return _mapped(labels, lines, folder / name)
        # A line for each label from 0 on, or for each label that there is (EMNIST's letters begin with 1).
        named = [lines[label] for label in labels] if labels.min() >= 0 and labels.max() < len(lines) else lines
        if len(named) != len(labels) or len(set(named)) != len(named):
            raise UserError(
                f"{folder / name}: holds {len(lines):,} names, {len(set(lines)):,} of them different; the labels are {len(labels):,}."
            )
        return tuple(named)
    return tuple(str(label) for label in labels)


def _mapped(labels: NDArray[np.int64], lines: list[str], path: Path) -> tuple[str, ...]:
    """Return the characters of EMNIST's classes: of several codes (a capital and its small letter) the first."""
    rows = [line.split() for line in lines]
    try:
        character = {int(row[0]): chr(int(row[1])) for row in rows}
        return tuple(character[int(label)] for label in labels)
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise UserError(
            f"{path}: expected a label and the code of its character a line, for each label ({error})."
        ) from error
