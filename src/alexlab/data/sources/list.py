"""CSV lists of images: `list:FILE.csv`."""

# ruff: noqa: PTH100, PTH117, PTH118  (a Path for each of a million images takes four times longer)

import csv
import io
import os
import re
import stat
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from os.path import abspath, commonpath, dirname, isabs, join, relpath
from pathlib import Path

import numpy as np

from alexlab.data.images import FileImages, Split
from alexlab.data.sources.columns import columns_of, fields_of
from alexlab.data.sources.files import in_folder
from alexlab.data.sources.format import Read
from alexlab.data.sources.names import IMAGE_ENDINGS, hidden, part
from alexlab.data.sources.text import read_text
from alexlab.errors import UserError
from alexlab.regular import not_regular
from alexlab.showing import from_cell, listed, shown

MEASURED = 10  # different numbers with decimals: fewer may be classes
LONGEST_LABEL = 255  # characters, as of a folder's name
LOOKED_FOR = 1_000  # rows whose files are counted where one is missing
MOST_FOLDERS = 1_000  # that are looked into for images whose paths lack a folder
NO_LABEL = ("nan", "null", "<na>", "n/a", "#n/a", "na")
"""What programs write where there is none."""


_DECIMAL = re.compile(r"[+-]?\d*\.\d*[1-9]\d*(e[+-]?\d+)?", re.IGNORECASE)
_JOINED = re.compile(r"[\s,;|+]+")


@dataclass(frozen=True)
class Row:
    """One image of a list: its line, the file as it is written there, its label, and its split where the list has a column of it."""

    line: int
    path: str
    label: str
    split: str | None


def read_list(path: Path) -> Read:
    """Return what lies in a CSV file with the columns `path`, `label` and, if wanted, `split` (train, val, test).

    Comma, semicolon, tab or `|` between the columns, any usual name of a column and any usual encoding will do. Paths are relative
    to the CSV file's folder, or absolute. Classes are sorted by name, numerically where all are whole numbers.

    Raises:
        UserError: a column or a file is missing, a row is incomplete, a file has two labels, or there are fewer than two classes.
    """
    text, encoding = read_text(path)
    try:
        rows, notes = _rows(text, path)
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file ({error}).") from error
    root, names, of_paths = _files(rows, path)
    notes += of_paths
    if not {"train", None} & {row.split for row in rows}:
        raise UserError(f"{path}: no row is in the split train.")
    first: dict[str, Row] = {}
    splits_of: dict[str, dict[str, Row]] = {}
    for row, name in zip(rows, names, strict=True):
        before = first.setdefault(name, row)
        if before.label != row.label:
            raise UserError(
                f"{path}: line {row.line} gives {shown(row.path)} the label {row.label!r}, line {before.line} {before.label!r}. "
                "Which is right?"
            )
        splits_of.setdefault(row.split or "all", {})[name] = row
    if repeated := len(rows) - sum(map(len, splits_of.values())):
        notes.append(
            f"{path.name}: {repeated:,} row{'s' * (repeated > 1)} named an image of an earlier row; each is used once."
        )
    numeric = all(row.label.isdecimal() for row in rows)
    classes = tuple(sorted({row.label for row in rows}, key=(lambda label: (int(label), label)) if numeric else str))
    if len(classes) < 2:
        raise UserError(f"{path}: found one class, {classes[0]!r}; expected at least two.")
    if encoding not in ("utf_8", "utf_8_sig"):
        odd = [label for label in classes if not label.isascii()] or list(classes)
        notes.append(
            f"{path.name}: read as {encoding.replace('_', '-').upper()} (labels {listed(odd, 3)}); "
            "if that is wrong, save it in UTF-8."
        )
    number = {name: label for label, name in enumerate(classes)}
    files = in_folder(root, tuple(names))
    splits = {}
    for split, own in splits_of.items():
        labels = np.array([number[row.label] for row in own.values()], dtype=np.int64)
        splits[split] = Split(FileImages(files, list(own)), labels)
    return Read(splits, classes, "" if "all" in splits else "the column of the split", notes=tuple(notes))


def _rows(text: str, path: Path) -> tuple[list[Row], list[str]]:
    """Return the rows, and what was understood of the columns where it is not what the words say."""
    lines = list(io.StringIO(text, newline=""))
    if lines and re.fullmatch(r"sep=.\s*", lines[0], re.IGNORECASE):  # what spreadsheets write of the separator
        lines[0] = "\n"
    folders = ["", *_folders(path.parent)]
    columns = columns_of(lines, path, lambda name: any(_is_file(_place(path.parent, each, name)) for each in folders))
    header, of_path, of_label = columns.header, columns.path, columns.label
    rows = []
    for line, fields in islice(fields_of(lines, columns.separator), 1, None):
        if any(fields[len(header) :]) or len(fields) <= max(of_path, of_label):
            raise UserError(
                f"{path}: line {line} splits into {len(fields)}, the first line into {len(header)}. "
                'A field that holds the separator stands in quotes: "a, b".'
            )
        label = unicodedata.normalize("NFC", from_cell(columns.label_in(fields, line, path)))
        if not fields[of_path] or not label:
            raise UserError(f"{path}: line {line} lacks its path or its label.")
        if len(label) > LONGEST_LABEL:
            raise UserError(
                f"{path}: line {line} has a label of {len(label):,} characters; expected {LONGEST_LABEL} at most."
            )
        rows.append(Row(line, from_cell(fields[of_path]), label, columns.split_in(fields, line, path)))
    if not rows:
        raise UserError(f"{path}: holds no row below its first line; expected a row an image.")
    return rows, [*columns.said(path), *_doubtful(rows, path)]


def _doubtful(rows: list[Row], path: Path) -> list[str]:
    """Return a sentence where labels say that there is none.

    Raises:
        UserError: labels are measured values, no classes.
    """
    counts = Counter(row.label for row in rows)
    measured = [label for label in counts if _DECIMAL.fullmatch(label)]
    if len(measured) > MEASURED and len(measured) * 2 > max(len(counts), len(rows)):
        raise UserError(
            f"{path}: the labels are numbers such as {listed(measured, 3)}, {len(counts):,} different ones in {len(rows):,} rows: a "
            "measured value is no class. Name another column `label`, or make classes of ranges."
        )
    said = [
        f"{path.name}: {counts[label]:,} row{'s have' if counts[label] > 1 else ' has'} the label {label!r}, the first in line "
        f"{next(row.line for row in rows if row.label == label)}: it is a class like the others. If it says that there is no label, "
        "remove those rows."
        for label in counts
        if label.casefold() in NO_LABEL
    ]
    if several := _several_in_one(sorted(counts)):
        said.append(
            f"{path.name}: {shown(several)!r} reads as several labels in one: an image has one label here, and each such combination is "
            "a class of its own. If that is not meant, keep one label a row."
        )
    return said


def _several_in_one(labels: list[str]) -> str | None:
    """Return a label that others, or the words of others, are joined in; None without one."""
    known = set(labels)
    parted = {label: [word for word in _JOINED.split(label) if word] for label in labels}
    joined = [label for label, words in parted.items() if len(words) > 1]
    for label in joined:
        if known.issuperset(parted[label]):
            return label
    few = len({word for words in parted.values() for word in words}) < len(labels)
    return joined[0] if joined and few else None


def _files(rows: list[Row], path: Path) -> tuple[Path, list[str], list[str]]:
    """Return the folder below which all files lie, their names there, and a sentence where they are not written so.

    It is the list's folder where no path is absolute.
    """
    home = path.parent
    folder = "" if _place(home, "", rows[0].path) else _folder(rows, path)
    found = []
    for row in rows:
        if (place := _place(home, folder, row.path)) is None:
            raise _missing(row, rows, path)
        name, mode = place
        if not stat.S_ISREG(mode):
            raise not_regular(home / name, mode)
        found.append(name)
    first = rows[0].path.replace("\\", "/")
    notes = (
        [f"{path.name}: {shown(first)} is taken for {shown(found[0])}."]
        if found[0] not in (rows[0].path, first)
        else []
    )
    if not any(map(isabs, found)):
        return home, found, notes
    whole = [abspath(join(home, name)) for name in found]
    root = commonpath([abspath(home), *map(dirname, whole)])
    if root != abspath(home):
        root = commonpath(list(map(dirname, whole)))
    return Path(root), [relpath(each, root).replace(os.sep, "/") for each in whole], notes


def _place(home: Path, folder: str, name: str) -> tuple[str, int] | None:
    """Return an image's path below `home` and what kind of file it is: as written, with slashes, or with an ending; else None."""
    for each in dict.fromkeys((name, name.replace("\\", "/"))):
        below = each if isabs(each) else join(folder, each)
        if (mode := _mode(join(home, below))) is not None and not (stat.S_ISDIR(mode) and folder):
            return below, mode
    if not name or name.lower().endswith(IMAGE_ENDINGS):
        return None
    for ending in IMAGE_ENDINGS:
        for full in (below + ending, below + ending.upper()):
            if (mode := _mode(join(home, full))) is not None:
                return full, mode
    return None


def _is_file(place: tuple[str, int] | None) -> bool:
    return place is not None and stat.S_ISREG(place[1])


def _folders(home: Path) -> list[str]:
    """Return the folders of `home`, and those in them."""

    def within(folder: str) -> list[str]:
        try:
            with os.scandir(join(home, folder)) as entries:
                return sorted(join(folder, each.name) for each in entries if each.is_dir() and not hidden(each.name))
        except OSError:
            return []

    first = within("")[:MOST_FOLDERS]
    return [*first, *(each for one in first for each in within(one))][:MOST_FOLDERS]


def _folder(rows: list[Row], path: Path) -> str:
    """Return the one folder in which all images lie whose paths lack it; "" where there is none.

    Raises:
        UserError: there are several.
    """
    home, some = path.parent, rows[:: max(1, len(rows) // LOOKED_FOR)]
    if isabs(rows[0].path):
        return ""
    good = [each for each in _folders(home) if all(_place(home, each, row.path) for row in some)]
    if len(good) > 1 and (said := part(path.stem)):
        good = [each for each in good if part(each) == said] or good
    if len(good) > 1:
        raise UserError(
            f"{path}: line {rows[0].line} names {rows[0].path[:200]!r}, which is in {listed(list(map(shown, good)))}. "
            "Put the folder before the paths."
        )
    return good[0] if good else ""


def _missing(row: Row, rows: list[Row], path: Path) -> UserError:
    """Return the error of a file that is not there, with a guess at what is wrong with the paths."""

    def is_there(name: str) -> bool:
        return _mode(join(str(path.parent), name.replace("\\", "/"))) is not None

    gone = sum(not is_there(each.path) for each in rows[:LOOKED_FOR])
    many = f" (and {gone - 1:,} of the first {min(len(rows), LOOKED_FOR):,} rows more)" if gone > 1 else ""
    parts = row.path.replace("\\", "/").split("/")
    tails = ("/".join(parts[start:]) for start in range(1, len(parts)))
    if tail := next((tail for tail in tails if tail and is_there(tail)), None):
        mend = f"{shown(tail)} is there: cut the beginning of the paths off, they are relative to the list's folder."
    else:
        mend = "Paths are relative to the list's folder, or absolute."
    where = "is not there" if isabs(row.path) else f"is not in {path.parent.resolve()}"
    return UserError(f"{path}: line {row.line} names {row.path[:200]!r}, which {where}{many}. {mend}")


def _mode(path: str) -> int | None:
    """Return what kind of file lies at a path; None where none does."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):  # a name that no file can have
        return None
