"""What a format of published datasets is: how one is found, and how it is read; and what a reader gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from alexlab.data.catalogue import Entry
from alexlab.data.images import Split
from alexlab.data.sources.names import LeftOut
from alexlab.errors import UserError

Splits = dict[str, Split]
"""Some of "train", "val" and "test"; or "all" where the source does not divide its images."""


class Read(NamedTuple):
    """What a reader found.

    Attributes:
        splits, classes: the images, and the names of their labels.
        division: what decided which images are in which split; "" where nothing did, as all are in "all".
        left_out: how many files are no images of the dataset, by the reason.
        notes: a sentence each for what is doubtful, with the way to change it.
    """

    splits: Splits
    classes: tuple[str, ...]
    division: str = ""
    left_out: Mapping[str, LeftOut] = {}
    notes: tuple[str, ...] = ()


class OtherContent(UserError):
    """Files that read well, and hold something else than the dataset under whose name they lie."""


@dataclass(frozen=True)
class Format:
    """A format that entries of the catalogue name.

    Attributes:
        find: where in a data folder the dataset of an entry lies, None where it does not.
        read: its splits "train" and "test", from where it was found, and its title. Raises UserError where they are damaged.
        instead: of a data folder in which it was not found, a sentence for each other dataset that lies there under its names.
    """

    find: Callable[[Entry, Path], Path | None]
    read: Callable[[Entry, Path], tuple[dict[str, Split], str]]
    instead: Callable[[Entry, Path], list[str]] = lambda entry, folder: []
