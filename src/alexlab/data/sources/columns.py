"""What the columns of a list are: told by their names, and where those say nothing by what stands in them."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from alexlab.data.sources.names import IMAGE_ENDINGS, part
from alexlab.errors import UserError
from alexlab.showing import listed, shown

SAMPLE = 10_000  # rows that are looked at to tell what a column is
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
    "fname",
    "filenames",
    "images",
)
LABELS = ("label", "class", "target", "category", "labels", "classname", "labelname", "species", "y")
SPLITS = ("split", "subset", "set", "partition")
"""What the columns may be called, the usual name first; case, spaces, `_` and `-` do not matter."""
TRUE, FALSE = ("true", "1", "yes", "1.0"), ("false", "0", "no", "0.0")

Fields = list[str]


@dataclass(frozen=True)
class Columns:
    """Which column is which.

    Attributes:
        separator: between them.
        header: their names.
        path: that of the images.
        label: that of the labels; of a list with a column of 0 and 1 for each class, the first of them.
        one_hot: those columns, where there are such.
        split: that of the parts, if there is one.
        if_true: the part that a column of yes and no says, such as `is_valid`; None where the words of the parts stand in it.
    """

    separator: str
    header: Sequence[str]
    path: int
    label: int
    one_hot: Sequence[int] = ()
    split: int | None = None
    if_true: str | None = None

    def label_in(self, fields: Fields, line: int, file: Path) -> str:
        """Return a row's label as it stands there.

        Raises:
            UserError: the columns of the classes say none, or several.
        """
        if not self.one_hot:
            return fields[self.label]
        chosen = [self.header[i] for i in self.one_hot if i < len(fields) and fields[i].lower() in TRUE]
        if len(chosen) != 1:
            raise UserError(
                f"{file}: line {line} says {listed(chosen) or 'none'} of the classes {listed([self.header[i] for i in self.one_hot])}. "
                "An image has one label here: remove such rows, or make one column `label`."
            )
        return chosen[0]

    def split_in(self, fields: Fields, line: int, file: Path) -> str | None:
        """Return a row's part, "train", "val" or "test"; None where there is no column of it.

        Raises:
            UserError: it says no part.
        """
        if self.split is None:
            return None
        word = fields[self.split] if self.split < len(fields) else ""
        if self.if_true:
            other = "test" if self.if_true == "train" else "train"
            split = self.if_true if word.lower() in TRUE else other if word.lower() in ("", *FALSE) else None
        else:
            split = part(word or "train")
        if split is None:
            wanted = "true or false" if self.if_true else "train, val or test"
            raise UserError(
                f"{file}: line {line} has the split {word!r} in the column `{self.header[self.split]}`; expected {wanted}."
            )
        return split

    def said(self, file: Path) -> list[str]:
        """Return what was understood, where it is not what the words say."""
        plain_names = [plain(self.header[i]) for i in (self.path, self.label)]
        used = {self.path, self.label, self.split, *self.one_hot}
        aside = [f"`{shown(name)}`" for i, name in enumerate(self.header) if i not in used and name]
        by_name = self.split is None or plain(self.header[self.split]) in SPLITS
        if plain_names == ["path", "label"] and by_name and not aside:
            return []
        labels = (
            f"the labels the names of the columns {listed([f'`{shown(self.header[i])}`' for i in self.one_hot])}"
            if self.one_hot
            else f"the labels of `{shown(self.header[self.label])}`"
        )
        text = f"{file.name}: the images are those of the column `{shown(self.header[self.path])}`, {labels}"
        if self.split is not None and not by_name:
            text += f", the parts of `{shown(self.header[self.split])}`"
        return [text + (f"; left aside: {listed(aside)}." if aside else ".")]


def fields_of(lines: Sequence[str], separator: str) -> Iterator[tuple[int, Fields]]:
    """Yield the line and the stripped fields of each row that is not empty."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    for fields in reader:
        stripped = [field.strip() for field in fields]
        if any(stripped):
            yield reader.line_num, stripped


def plain(name: str) -> str:
    """Return the name of a column without what does not matter in it."""
    return re.sub(r"[\s_-]", "", name).casefold()


def columns_of(lines: Sequence[str], file: Path, is_there: Callable[[str], bool]) -> Columns:
    """Return which column is which.

    Args:
        is_there: whether a path, as it is written, is that of an image.

    Raises:
        UserError: nobody can tell.
    """
    found: Fields = []
    for separator in SEPARATORS:
        header, *sample = [fields for _, fields in islice(fields_of(lines, separator), SAMPLE)] or [[]]
        if columns := _understood(separator, header, sample, is_there):
            return columns
        found = max(found, header, key=len)
    told = ", ".join(found)[:200]
    if told[:1] in ("{", "["):
        raise UserError(f"{file}: holds JSON; expected CSV: a line `path,label`, then a row an image.")
    if any(_is_row(field, is_there) for field in found):
        raise UserError(
            f"{file}: its first line is a row already ({told}). Put the names of the columns above it: path,label"
        )
    if len(found) == 1 and re.search(rf"({'|'.join(map(re.escape, IMAGE_ENDINGS))})\s+\S+$", told, re.IGNORECASE):
        raise UserError(
            f"{file}: its first line is a row already ({told}). Put the names of the columns above it, path,label, and a comma between "
            "each path and its label."
        )
    raise UserError(
        f"{file}: found the columns {told or 'none'}; expected `path` and `label` in the first line "
        f"(or {', '.join(PATHS[1:4])}; {', '.join(LABELS[1:4])}), then a row an image."
    )


def _understood(
    separator: str, header: Fields, sample: Sequence[Fields], is_there: Callable[[str], bool]
) -> Columns | None:
    if any(_is_row(name, is_there) for name in header):
        return None
    names = [plain(name) for name in header]
    of_path, of_label = _named(names, PATHS), _named(names, LABELS)
    if of_path is None:
        of_path = next((i for i in range(len(header)) if i != of_label and _are_images(i, sample, is_there)), None)
    if of_path is None or len(header) < 2:
        return None
    split, if_true = _split(header, names, sample, {of_path, of_label})
    if of_label is not None:
        return Columns(separator, header, of_path, of_label, (), split, if_true)
    others = [i for i in range(len(header)) if i not in (of_path, split) and header[i]]
    if len(others) == 1:
        return Columns(separator, header, of_path, others[0], (), split, if_true)
    if others and sample and all(_is_yes_or_no(_column(i, sample)) for i in others):
        return Columns(separator, header, of_path, others[0], others, split, if_true)
    return None


def _is_row(field: str, is_there: Callable[[str], bool]) -> bool:
    return field.lower().endswith(IMAGE_ENDINGS) or (bool(field) and is_there(field))


def _named(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _are_images(column: int, sample: Sequence[Fields], is_there: Callable[[str], bool]) -> bool:
    first = [fields[column] for fields in sample[:5] if column < len(fields) and fields[column]]
    return bool(first) and all(map(is_there, first))


def _column(column: int, sample: Sequence[Fields]) -> set[str]:
    return {fields[column] for fields in sample if column < len(fields)}


def _split(
    header: Fields, names: Sequence[str], sample: Sequence[Fields], taken: set[int | None]
) -> tuple[int | None, str | None]:
    """Return the column of the parts, by its name or by the words in it, and the part that "true" says there."""
    if (by_name := _named(names, SPLITS)) is not None:
        return by_name, None
    for i, name in enumerate(header):
        values = _column(i, sample) - {""} if i not in taken else set()
        if values and all(map(part, values)):
            return i, None
        says = part(header[i]) or part(name.removeprefix("is"))
        sure = name.startswith("is") or (None not in taken and _is_yes_or_no(values))
        if values and says and sure:
            return i, says
    return None, None


def _is_yes_or_no(values: set[str]) -> bool:
    return {value.lower() for value in values} <= {*TRUE, *FALSE}
