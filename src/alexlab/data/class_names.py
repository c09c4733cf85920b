"""Doubts about the names of classes: two that mean the same, by their writing; letters that cannot be drawn."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

import numpy as np

from alexlab.data.images import Split
from alexlab.lettering import advice, undrawn

RARE = 20  # times fewer images than its neighbour has: so few that a name may be a slip of the keyboard
ALIKE = 0.84  # of letters that two names share: one slip in six
MOST_SAID = 5  # groups of names
MOST_CLASSES = 2_000  # beyond, names are compared by their writing alone


def doubts(classes: Sequence[str], splits: Iterable[Split]) -> list[str]:
    """Return a sentence for each doubt about the names of the classes of these splits."""
    images = sum(
        (np.bincount(split.labels, minlength=len(classes)) for split in splits), np.zeros(len(classes), np.int64)
    )
    counts = dict(zip(classes, images.tolist(), strict=True))
    letters = undrawn(classes)
    return near_equal(counts) + ([f"names of classes: {advice(letters)}"] if letters else [])


def near_equal(counts: Mapping[str, int]) -> list[str]:
    """Return a sentence for each group of classes whose names differ in case, spaces, marks or one slip. `counts` are their images."""
    groups: dict[str, list[str]] = {}
    for name in counts:
        groups.setdefault((len(name) > 1 and _letters(name)) or name, []).append(name)
    found = [names for names in groups.values() if len(names) > 1]
    if len(groups) <= MOST_CLASSES:
        found += _slips({key: sum(counts[name] for name in names) for key, names in groups.items()}, groups)
    said = [
        f"the classes {', '.join(f'{name!r} ({counts[name]:,})' for name in names)} have nearly the same name; "
        "if they are one, give them one name."
        for names in found[:MOST_SAID]
    ]
    more = len(found) - len(said)
    return said + ([f"and {more:,} more groups of classes have nearly the same name."] if more else [])


def _letters(name: str) -> str:
    """Return a name without what a reader overlooks: case, spaces, `_`, `-`, dots, invisible characters, zeros at the beginning."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.category(letter).startswith(("Z", "C")))
    plain = re.sub(r"[_.'\"-]", "", plain)
    return (plain.lstrip("0") or "0") if plain.isdecimal() else plain


def _slips(images: Mapping[str, int], groups: Mapping[str, list[str]]) -> list[list[str]]:
    """Return pairs of a rare name and a common one that differ by a letter: words of four letters and more, no numbers."""
    words = [key for key in images if len(key) >= 4 and key.isalpha()]
    common = max((images[key] for key in words), default=0)
    pairs = []
    for rare in (key for key in words if images[key] * RARE <= common):
        match = SequenceMatcher(b=rare, autojunk=False)
        for key in words:
            match.set_seq1(key)
            if images[rare] * RARE <= images[key] and match.real_quick_ratio() >= ALIKE and match.ratio() >= ALIKE:
                pairs.append([*groups[key], *groups[rare]])
                break
    return pairs
