"""CSV lists of images: `list:FILE.csv`."""

# ruff: noqa: PTH100, PTH117, PTH118  (a Path for each of a million images takes four times longer)

import csv
import io
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from os.path import abspath, commonpath, dirname, isabs, join, relpath
from pathlib import Path

import numpy as np

from alexlab.data.images import FileImages, Split
from alexlab.data.sources.files import in_folder
from alexlab.data.sources.format import Read
from alexlab.data.sources.names import IMAGE_ENDINGS, part
from alexlab.data.sources.text import read_text
from alexlab.errors import UserError
from alexlab.regular import not_regular
from alexlab.showing import from_cell, listed, shown

LONGEST_LABEL = 255  # characters, as of a folder's name
LOOKED_FOR = 1_000  # rows whose files are counted where one is missing
SEPARATORS = ",;\t|"
PATHS = (
    "path",
    "filename",
    "file",
    "filepath",
    "image",
    "imagepath",
    "imagename",
    "imagefile",
    "imgpath",
    "img",
    "imageid",
)
LABELS = ("label", "class", "target", "category", "labels", "classname", "labelname", "species", "y")
SPLITS = ("split", "subset", "set", "partition")
"""What the columns may be called, the usual name first; case, spaces, `_` and `-` do not matter."""


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
    root, names = _files(rows, path)
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
    separator, header, of_path, of_label = _header(lines, path)
    columns = [_plain(name) for name in header]
    of_split = _column(columns, SPLITS)
    rows = []
    for line, fields in islice(_fields(lines, separator), 1, None):
        if any(fields[len(header) :]) or len(fields) <= max(of_path, of_label):
            raise UserError(
                f"{path}: line {line} splits into {len(fields)}, the first line into {len(header)}. "
                'A field that holds the separator stands in quotes: "a, b".'
            )
        label = unicodedata.normalize("NFC", from_cell(fields[of_label]))
        if not fields[of_path] or not label:
            raise UserError(f"{path}: line {line} lacks its path or its label.")
        if len(label) > LONGEST_LABEL:
            raise UserError(
                f"{path}: line {line} has a label of {len(label):,} characters; expected {LONGEST_LABEL} at most."
            )
        split = None
        if of_split is not None:
            word = fields[of_split] if of_split < len(fields) else ""
            if (split := part(word or "train")) is None:
                raise UserError(f"{path}: line {line} has the split {word!r}; expected train, val or test.")
        rows.append(Row(line, from_cell(fields[of_path]), label, split))
    if not rows:
        raise UserError(f"{path}: holds no row below its first line; expected a row an image.")
    unusual = [header[each] for each in (of_path, of_label) if columns[each] not in ("path", "label")]
    said = f"{path.name}: the images are those of the column `{header[of_path]}`, the labels of `{header[of_label]}`."
    return rows, [said] if unusual else []


def _header(lines: list[str], path: Path) -> tuple[str, list[str], int, int]:
    """Return the separator, the names of the columns, and which of them hold the paths and the labels."""
    found: list[str] = []
    for separator in SEPARATORS:
        _, header = next(_fields(lines, separator), (0, []))
        columns = [_plain(name) for name in header]
        of_path, of_label = _column(columns, PATHS), _column(columns, LABELS)
        if of_path is not None and of_label is not None:
            return separator, header, of_path, of_label
        found = max(found, header, key=len)
    if any(field.lower().endswith(IMAGE_ENDINGS) for field in found):
        raise UserError(
            f"{path}: its first line is a row already ({', '.join(found)[:200]}). Put the names of the columns above it: path,label"
        )
    raise UserError(
        f"{path}: found the columns {', '.join(found)[:200] or 'none'}; expected `path` and `label` in the first line "
        f"(or {', '.join(PATHS[1:4])}; {', '.join(LABELS[1:4])}), then a row an image."
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def _fields(lines: list[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the stripped fields of each row that is not empty."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    for fields in reader:
        stripped = [field.strip() for field in fields]
        if any(stripped):
            yield reader.line_num, stripped


def _column(columns: list[str], names: tuple[str, ...]) -> int | None:
    return next((columns.index(name) for name in names if name in columns), None)


def _files(rows: list[Row], path: Path) -> tuple[Path, list[str]]:
    """Return the folder below which all files lie, and their names there: the list's folder where no path is absolute."""
    home = str(path.parent)
    found = []
    for row in rows:
        name = row.path
        mode = _mode(join(home, name))
        if mode is None and "\\" in name:
            name = name.replace("\\", "/")
            mode = _mode(join(home, name))
        if mode is None:
            raise _missing(row, rows, path)
        if not stat.S_ISREG(mode):
            raise not_regular(path.parent / name, mode)
        found.append(name)
    if not any(map(isabs, found)):
        return path.parent, found
    whole = [abspath(join(home, name)) for name in found]
    root = commonpath([abspath(home), *map(dirname, whole)])
    if root != abspath(home):
        root = commonpath(list(map(dirname, whole)))
    return Path(root), [relpath(each, root).replace(os.sep, "/") for each in whole]


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
    elif ending := next((ending for ending in IMAGE_ENDINGS if is_there(row.path + ending)), None):
        mend = f"{shown(row.path[:200] + ending)} is there: add the ending to the paths."
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
