"""How the folders of an image folder are understood, from names alone: classes, or parts of a dataset with the classes below them.

Parts are told by structure: folders beside each other that hold folders of the same names. Words in their names (`names.part`) say which
part each is. The same structure without words may be classes with folders of the same names in each (rose/small, tulip/small): nobody can
tell, so it is refused, and `classes:PATH` says that they are classes.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from alexlab.data.sources.names import COPIES, Names, composed, is_document, part, unlabelled
from alexlab.errors import UserError
from alexlab.showing import listed

WHAT = {"train": "training", "val": "validation", "test": "test"}
MADE = re.compile(r"_{0,2}(thumbnails?|thumbs?|previews?|cache)", re.IGNORECASE)
"""Folders that programs make beside images, for smaller copies of them."""


class NoClasses(UserError):
    """There are no folders of classes."""


@dataclass
class Layout:
    """Which folders hold what.

    Attributes:
        parts: the folder below which the classes of "train", "val" and "test" lie; empty where the folders are the classes.
        others: folders beside them that are neither, by name, with the reason why their images are left out.
    """

    parts: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


class Tree:
    """The folders of a source.

    Attributes:
        children: of each folder the folders in it, as paths; "" is the source itself.
        direct: how many images lie in each folder itself.
        filled: folders with images in them or below.
    """

    def __init__(self, folders: Iterable[str], images: Iterable[str], files: Iterable[str]) -> None:
        """Build it from the paths of `folders`, of `images`, and of all `files`."""
        self.children: dict[str, list[str]] = {}
        for folder in sorted(folders):
            self.children.setdefault(_parent(folder), []).append(folder)
        self.direct = Counter(map(_parent, images))
        self.filled = _with_those_above(self.direct)
        others = Counter(map(_parent, files)) - self.direct
        self._documents = (
            _with_those_above(others)
            - self.filled
            - _with_those_above(_parent(name) for name in files if _parent(name) in others and not is_document(name))
        )

    def top(self, start: str = "") -> str:
        """Return the folder below which classes or parts lie: the first, from `start` on, that holds not one folder alone.

        Files that are no images, and folders of documents, may lie beside it.
        """
        while True:
            inside = [each for each in self.children.get(start, ()) if each not in self._documents or part(_last(each))]
            if len(inside) != 1 or self.direct[start] or inside[0] not in self.children:
                return start
            (start,) = inside

    def inside(self, folder: str) -> set[str]:
        """Return the names of the folders with images below `folder`, stepping into one that stands alone."""
        return {composed(_last(each)) for each in self.children.get(self.top(folder), ()) if each in self.filled}


def _with_those_above(folders: Iterable[str]) -> set[str]:
    """Return the folders, and each that one of them lies in."""
    found: set[str] = set()
    for folder in folders:
        while folder and folder not in found:
            found.add(folder)
            folder = _parent(folder)
    return found


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def first(name: str, root: str) -> str:
    """Return the first part of `name` below `root`, which is empty or ends in a slash."""
    return name[len(root) :].partition("/")[0]


def understood(tree: Tree, top: str, path: Path) -> Layout:
    """Return which of the folders in `top` are parts, and of what.

    Raises:
        UserError: it cannot be told, or is contradictory; the message says how to say it.
    """
    folders = {_last(each): each for each in tree.children.get(top, ())}
    inside = {name: tree.inside(folder) for name, folder in folders.items() if folder in tree.filled}
    said = {name: word for name in folders if (word := part(name))}
    training = [name for name in sorted(inside) if said.get(name) == "train" and inside[name]]
    alike = _alike(inside)
    without = [name for name in inside if unlabelled(name) and len(inside[name]) < 2]
    if training and len({*said, *alike, *without}) > 1:
        layout = _by_words(inside, said, training, alike, path)
        layout.parts = {word: tree.top(folders[name]) for word, name in layout.parts.items()}
        return layout
    _check_classes(inside, said, training, alike, path)
    return Layout()


def _alike(inside: dict[str, set[str]]) -> list[str]:
    """Folders that hold folders of the same names as another, or nearly."""
    times = Counter(name for names in inside.values() for name in names)
    common = {name for name, count in times.items() if count > 1}
    if len(common) < 2:  # every class may have a folder called images
        return []
    return sorted(folder for folder, names in inside.items() if names and 2 * len(names & common) >= len(names))


def _by_words(
    inside: dict[str, set[str]], said: dict[str, str], training: list[str], alike: list[str], path: Path
) -> Layout:
    """Return the parts by their names; `inside` has the folders with images, and what they hold."""
    if len(training) > 1:
        raise UserError(
            f"{path}: the folders {listed(training)} are all called training images. Keep one of them there, or write a list: "
            "list:FILE.csv with the columns path, label and split."
        )
    layout = Layout({"train": training[0]})
    classes = inside[training[0]]
    for word in ("val", "test"):
        folders = sorted(folder for folder, each in said.items() if each == word)
        for folder in list(folders):
            if folder in inside and not (inside[folder] & classes) and len(inside[folder]) < 2:
                layout.others[folder] = f"without labels, in {folder}"
                folders.remove(folder)
        if len(folders) > 1:
            raise UserError(
                f"{path}: the folders {listed(folders)} are both called {WHAT[word]} images. Rename one of them or move it away."
            )
        if folders:
            layout.parts[word] = folders[0]
    unsaid = [folder for folder in sorted(inside) if folder not in said]
    if len(layout.parts) == 1 and (meant := [folder for folder in unsaid if folder in alike]):
        raise UserError(
            f"{path}: {training[0]} is called training images, and {listed(meant)} holds the same folders: which part is it? "
            "Call it val or test, or move it away."
        )
    for folder in [*unsaid, *(each for each in inside if said.get(each) == "train" and each != training[0])]:
        layout.others[folder] = (
            f"in {folder}, which is no part" if len(inside[folder]) > 1 else f"without labels, in {folder}"
        )
    return layout


def _check_classes(
    inside: dict[str, set[str]], said: dict[str, str], training: list[str], alike: list[str], path: Path
) -> None:
    """Raise UserError where the folders are hardly classes."""
    filled = sorted(inside)
    if len(filled) > 1 and all(map(said.get, filled)) and "train" in said.values() and not any(inside.values()):
        raise NoClasses(
            f"{path}: {listed(filled)} are parts of a dataset by their names, and hold images without a folder per class. "
            f"{HOW}; if these are the classes, say classes:{path}."
        )
    if training and len(filled) > 1 and not any(inside[folder] for folder in filled if folder not in training):
        others = [folder for folder in filled if folder not in training]
        raise UserError(
            f"{path}: {training[0]} holds folders, as training images do, and {listed(others)} {'hold' if len(others) > 1 else 'holds'} "
            f"none: is it a part or a class? If a part, name {path}/{training[0]}; if a class, say classes:{path}."
        )
    for folder in filled:
        if len(again := sorted(inside[folder] & {composed(each) for each in filled} - {composed(folder)})) > 1:
            raise UserError(
                f"{path}: {folder} holds folders of the same names as those beside it ({listed(again)}), but other images. Move it away, "
                f"or its images into those; if it is a class, say classes:{path}."
            )
    if len(alike) < 2:
        return
    common = sorted(set.intersection(*(inside[folder] for folder in alike)) or inside[alike[0]])
    if all(part(name) for name in common):
        raise UserError(
            f"{path}: each of {listed(alike)} is divided into {listed(common)}. {HOW}; if that division does not count, say classes:{path}."
        )
    raise UserError(
        f"{path}: {listed(alike)} hold the same folders ({listed(common)}). If they are parts of one dataset, call them train, val and "
        f"test; if all of it is one (years, folds, copies), join folders of the same name; if they are the classes, say classes:{path}."
    )


HOW = "Put a folder per class into folders called train, val and test, or write list:FILE.csv with the columns path, label and split"


def without_copies(images: list[str], tree: Tree, top: str, left_out: Names) -> tuple[list[str], list[str]]:
    """Return the images without copies of them, which join `left_out`; and folders that are kept though they are called as copies are.

    Copies are what programs make, in folders of such names, and a dataset once more within itself (some archives are packed so).
    A folder is left out where at least half of its images have the names of images in the folder that it lies in; and beside the
    classes, where they have the names of images below it, or each the name of one image in all of them. Otherwise it may be a class.
    """
    nested = _nested(tree, top)
    if not nested and not any(MADE.fullmatch(_last(each)) for inside in tree.children.values() for each in inside):
        return images, []
    made: dict[str, list[tuple[str, str]]] = {}  # by folder: the image, and the stem of what it would be made of
    for name in images:
        parts = name[len(top) :].split("/")
        called = (MADE.fullmatch(each) or (not i and each in nested) for i, each in enumerate(parts[:-1]))
        number = next((i for i, so in enumerate(called) if so), None)
        if number is not None:
            original = "/".join(parts[:number] + parts[number + 1 :])
            made.setdefault(top + "/".join(parts[: number + 1]), []).append((name, _stem(top + original)))
    copies = {name for each in made.values() for name, _ in each}
    originals = {_stem(name) for name in images if name not in copies}
    alone = {stem for stem, count in Counter(map(_last, originals)).items() if count == 1}
    kept = []
    for folder, each in sorted(made.items()):
        beside_classes = "/" not in folder[len(top) :]
        alike = sum(stem in originals or (beside_classes and stem[len(top) :] in alone) for _, stem in each)
        names = [name for name, _ in each]
        if 2 * alike >= len(each):
            left_out.setdefault(f"{COPIES} {_last(folder)}", []).extend(names)
        else:
            copies.difference_update(names)
            kept += [folder] if MADE.fullmatch(_last(folder)) else []
    return [name for name in images if name not in copies], kept


def _nested(tree: Tree, top: str) -> set[str]:
    """Return the names of folders in `top` that hold folders of the names of others in it."""
    inside = {
        _last(each): {_last(below) for below in tree.children.get(each, ())}
        for each in tree.children.get(top.rstrip("/"), ())
    }
    return {name for name, below in inside.items() if len(below & (inside.keys() - {name})) > 1}


def _stem(name: str) -> str:
    """Return a file's name without its ending."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]
