"""What a format of published datasets is: how one is found, and how it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alexlab.data.catalogue import Entry
from alexlab.data.images import Split


@dataclass(frozen=True)
class Format:
    """A format that entries of the catalogue name.

    Attributes:
        find: where in a data folder the dataset of an entry lies, None where it does not.
        read: its splits "train" and "test", from where it was found, and its title. Raises UserError where they are damaged.
    """

    find: Callable[[Entry, Path], Path | None]
    read: Callable[[Entry, Path], tuple[dict[str, Split], str]]
