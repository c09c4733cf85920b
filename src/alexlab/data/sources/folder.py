"""Image folders and tars of them: `folder:PATH`."""

from pathlib import Path

import numpy as np

from alexlab.data.images import FileImages, Split
from alexlab.data.sources.files import Files, open_files
from alexlab.errors import UserError
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
