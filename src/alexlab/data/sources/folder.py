"""Image folders, tars of them, and CSV lists: `folder:PATH` and `list:FILE.csv`."""

import csv
from pathlib import Path

import numpy as np

from alexlab.data.images import FileImages, Split
from alexlab.data.sources.files import Files, in_folder, open_files
from alexlab.errors import UserError
from alexlab.regular import check_regular
from alexlab.shape import Shape

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}

LONGEST_LABEL = 255  # characters, as of a folder's name

Splits = dict[str, Split]
"""Some of "train", "val" and "test"; or "all" where the source does not divide its images."""


def read_folder(path: Path, shape: Shape | None = None) -> tuple[Splits, tuple[str, ...]]:
    """Return splits and class names of the image folder (or tar of one) at `path`.

    Two layouts: `SPLIT/CLASS/.../image` with SPLIT among train, val and test, or `CLASS/.../image`. Folders that hold nothing
    but one folder are stepped into, as tars have them. Classes are sorted by name.

    Raises:
        UserError: no images, one class only, a class without images, a class that training lacks.
    """
    files = open_files(path)
    images = [name for name in files.names if name.lower().endswith(IMAGE_ENDINGS)]
    if not images:
        raise UserError(
            f"{path}: holds no images (looked for {', '.join(IMAGE_ENDINGS)}); expected a folder per class."
        )
    top = _top(files)
    tops = {_first(name, top) for name in [*images, *files.folders] if name.startswith(top)}
    divided = {folder: SPLIT_FOLDERS[folder.lower()] for folder in tops if folder.lower() in SPLIT_FOLDERS}
    if "train" in divided.values() and len(divided) > 1:
        roots = {split: f"{top}{folder}/" for folder, split in divided.items()}
    else:
        roots = {"all": top}
    classes = _classes(files, images, roots.get("train", top), path)
    return {split: _split(files, images, root, classes, path, shape) for split, root in roots.items()}, classes


def _first(name: str, root: str) -> str:
    """Return the first part of `name` below `root`, which is empty or ends in a slash."""
    return name[len(root) :].partition("/")[0]


def _top(files: Files) -> str:
    """Return the folder below which the classes or splits lie: one that holds more than one folder."""
    top = ""
    while True:
        folders = {_first(name, top) for name in files.folders if name.startswith(top)}
        beside = any("/" not in name[len(top) :] for name in files.names if name.startswith(top))
        if len(folders) != 1 or beside:
            return top
        (only,) = folders
        if not any(name.startswith(f"{top}{only}/") for name in files.folders):
            return top
        top = f"{top}{only}/"


def _classes(files: Files, images: list[str], root: str, path: Path) -> tuple[str, ...]:
    folders = {_first(folder, root) for folder in files.folders if folder.startswith(root)}
    filled = {_first(name, root) for name in images if name.startswith(root) and "/" in name[len(root) :]}
    if empty := sorted(folders - filled):
        raise UserError(
            f"{path}: the class{'es' * (len(empty) > 1)} {', '.join(empty[:5])} hold{'s' * (len(empty) == 1)} no images. "
            "Add images or remove the folder."
        )
    if len(filled) < 2:
        found = f"one class, {next(iter(filled))!r}" if filled else "images but no folders of classes"
        raise UserError(f"{path}: found {found}; expected a folder per class, at least two.")
    return tuple(sorted(filled))


def _split(
    files: Files, images: list[str], root: str, classes: tuple[str, ...], path: Path, shape: Shape | None
) -> Split:
    number = {name: label for label, name in enumerate(classes)}
    names, labels = [], []
    for name in images:
        if not name.startswith(root) or "/" not in name[len(root) :]:
            continue  # of another split, or beside the class folders
        label = number.get(_first(name, root))
        if label is None:
            raise UserError(
                f"{path}: {root} has a class {_first(name, root)!r} that the training images lack: {', '.join(classes)}."
            )
        names.append(name)
        labels.append(label)
    if not names:
        raise UserError(f"{path}: {root or 'it'} holds no images.")
    return Split(FileImages(files, names, shape), np.array(labels, dtype=np.int64))


def read_list(path: Path) -> tuple[Splits, tuple[str, ...]]:
    """Return splits and class names of a CSV file with the columns `path`, `label` and, if wanted, `split` (train, val, test).

    Paths are relative to the CSV file's folder. Classes are sorted by name, numerically where all are whole numbers.

    Raises:
        UserError: a column or a file is missing, a row is incomplete, or there are fewer than two classes.
    """
    check_regular(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV file in UTF-8 ({error}).") from error
    columns = set(rows[0]) if rows else set()
    if not {"path", "label"} <= columns:
        found = ", ".join(sorted(map(str, columns))) or "none"
        raise UserError(
            f"{path}: found the columns {found}; expected `path` and `label` in the first line, then a row an image."
        )
    for line, row in enumerate(rows, start=2):
        if not row["path"] or not row["label"]:
            raise UserError(f"{path}: line {line} lacks its path or its label.")
        if len(row["label"]) > LONGEST_LABEL:
            raise UserError(
                f"{path}: line {line} has a label of {len(row['label']):,} characters; expected {LONGEST_LABEL} at most."
            )
        check_regular(path.parent / row["path"])
        if not _is_file(path.parent / row["path"]):
            raise UserError(
                f"{path}: line {line} names {row['path'][:200]!r}, which is not in {path.parent.resolve()}."
            )
        if (row.get("split") or "train").lower() not in SPLIT_FOLDERS:
            raise UserError(f"{path}: line {line} has the split {row['split']!r}; expected train, val or test.")
    numeric = all(row["label"].isdecimal() for row in rows)
    classes = tuple(sorted({row["label"] for row in rows}, key=int if numeric else str))
    if len(classes) < 2:
        raise UserError(f"{path}: found one class, {classes[0]!r}; expected at least two.")
    files = in_folder(path.parent, tuple(row["path"] for row in rows))
    number = {name: label for label, name in enumerate(classes)}
    splits: dict[str, tuple[list[str], list[int]]] = {}
    for row in rows:
        split = SPLIT_FOLDERS[row["split"].lower()] if row.get("split") else ("train" if "split" in columns else "all")
        names, labels = splits.setdefault(split, ([], []))
        names.append(row["path"])
        labels.append(number[row["label"]])
    if "all" not in splits and "train" not in splits:
        raise UserError(f"{path}: no row is in the split train.")
    return {
        split: Split(FileImages(files, names), np.array(labels, dtype=np.int64))
        for split, (names, labels) in splits.items()
    }, classes


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False
