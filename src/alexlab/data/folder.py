"""Image folders, tars of them, and CSV lists: `folder:PATH` and `list:FILE.csv`."""

import csv
from pathlib import Path, PurePosixPath

import numpy as np

from alexlab.data.files import Files, open_files
from alexlab.data.images import FileImages, Shape, Split
from alexlab.errors import UserError

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}

Splits = dict[str, Split]
"""Some of "train", "val" and "test"; or "all" where the source does not divide its images."""


def read_folder(path: Path, shape: Shape | None = None) -> tuple[Splits, tuple[str, ...]]:
    """Splits and class names of the image folder (or tar of one) at `path`.

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
    tops = {PurePosixPath(name).relative_to(top).parts[0] for name in [*images, *_below(files.folders, top)]}
    divided = {folder: SPLIT_FOLDERS[folder.lower()] for folder in tops if folder.lower() in SPLIT_FOLDERS}
    if "train" in divided.values() and len(divided) > 1:
        roots = {split: top / folder for folder, split in divided.items()}
    else:
        roots = {"all": top}
    classes = _classes(files, images, roots.get("train", top), path)
    return {split: _split(files, images, root, classes, path, shape) for split, root in roots.items()}, classes


def _top(files: Files) -> PurePosixPath:
    """The folder below which the classes or splits lie."""
    top = PurePosixPath()
    while True:
        inside = {PurePosixPath(name).relative_to(top).parts[:2] for name in files.names if _is_below(name, top)}
        inside |= {(*PurePosixPath(name).relative_to(top).parts[:1], "") for name in _below(files.folders, top)}
        tops = {parts[0] for parts in inside}
        if (
            len(tops) != 1
            or any(len(parts) == 1 for parts in inside)
            or not _has_folders(files, top / next(iter(tops)))
        ):
            return top
        top /= next(iter(tops))


def _is_below(name: str, top: PurePosixPath) -> bool:
    return PurePosixPath(name).is_relative_to(top) and PurePosixPath(name) != top


def _below(folders: frozenset[str], top: PurePosixPath) -> list[str]:
    return [folder for folder in folders if _is_below(folder, top)]


def _has_folders(files: Files, top: PurePosixPath) -> bool:
    return bool(_below(files.folders, top))


def _classes(files: Files, images: list[str], root: PurePosixPath, path: Path) -> tuple[str, ...]:
    folders = {PurePosixPath(folder).relative_to(root).parts[0] for folder in _below(files.folders, root)}
    filled = {parts[0] for name in images if len(parts := _parts(name, root)) > 1}
    if empty := sorted(folders - filled):
        raise UserError(
            f"{path}: the class{'es' * (len(empty) > 1)} {', '.join(empty[:5])} hold{'s' * (len(empty) == 1)} no images. "
            "Add images or remove the folder."
        )
    if len(filled) < 2:
        found = f"one class, {next(iter(filled))!r}" if filled else "images but no folders of classes"
        raise UserError(f"{path}: found {found}; expected a folder per class, at least two.")
    return tuple(sorted(filled))


def _parts(name: str, root: PurePosixPath) -> tuple[str, ...]:
    return PurePosixPath(name).relative_to(root).parts if _is_below(name, root) else ()


def _split(
    files: Files, images: list[str], root: PurePosixPath, classes: tuple[str, ...], path: Path, shape: Shape | None
) -> Split:
    number = {name: label for label, name in enumerate(classes)}
    names, labels = [], []
    for name in images:
        parts = _parts(name, root)
        if len(parts) < 2:
            continue  # of another split, or beside the class folders
        if parts[0] not in number:
            raise UserError(
                f"{path}: {root} has a class {parts[0]!r} that the training images lack: {', '.join(classes)}."
            )
        names.append(name)
        labels.append(number[parts[0]])
    if not names:
        raise UserError(f"{path}: {root} holds no images.")
    return Split(FileImages(files, names, shape), np.array(labels, dtype=np.int64))


def read_list(path: Path) -> tuple[Splits, tuple[str, ...]]:
    """Splits and class names of a CSV file with the columns `path`, `label` and, if wanted, `split` (train, val, test).

    Paths are relative to the CSV file's folder. Classes are sorted by name, numerically where all are whole numbers.

    Raises:
        UserError: a column or a file is missing, a row is incomplete, or there are fewer than two classes.
    """
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
        if not (path.parent / row["path"]).is_file():
            raise UserError(f"{path}: line {line} names {row['path']!r}, which is not in {path.parent.resolve()}.")
        if (row.get("split") or "train").lower() not in SPLIT_FOLDERS:
            raise UserError(f"{path}: line {line} has the split {row['split']!r}; expected train, val or test.")
    numeric = all(row["label"].isdecimal() for row in rows)
    classes = tuple(sorted({row["label"] for row in rows}, key=int if numeric else str))
    if len(classes) < 2:
        raise UserError(f"{path}: found one class, {classes[0]!r}; expected at least two.")
    files = _listed(path.parent, [row["path"] for row in rows])
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


def _listed(root: Path, names: list[str]) -> Files:
    return Files(root, tuple(names), frozenset(), lambda name: (root / name).read_bytes())
