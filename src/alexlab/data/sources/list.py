"""CSV lists of images: `list:FILE.csv`."""

import csv
from pathlib import Path

import numpy as np

from alexlab.data.images import FileImages, Split
from alexlab.data.sources.files import in_folder
from alexlab.data.sources.folder import SPLIT_FOLDERS, Splits
from alexlab.errors import UserError
from alexlab.regular import check_regular

LONGEST_LABEL = 255  # characters, as of a folder's name


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
