"""How the folders of an image folder are understood, from names alone: classes, or parts of a dataset with the classes below them.

Parts are told by structure: folders beside each other that hold folders of the same names. Words in their names (`names.part`) say which
part each is. The same structure without words may be classes with folders of the same names in each (rose/small, tulip/small): nobody can
tell, so it is refused, and `classes:PATH` says that they are classes.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from alexlab.data.sources.names import Names, composed, part
from alexlab.errors import UserError
from alexlab.showing import listed

WHAT = {"train": "training", "val": "validation", "test": "test"}
MADE = re.compile(r"_{0,2}(thumbnails?|thumbs?|previews?|cache)", re.IGNORECASE)
"""Folders that programs make beside images, for smaller copies of them."""

Tree = dict[str, Counter[str]]
"""Of each folder how many images lie in each of the folders in it, by name; under "" those that lie in itself."""


@dataclass
class Layout:
    """Which folders hold what.

    Attributes:
        parts: the folder of "train", "val" and "test"; empty where the folders are the classes.
        others: folders that are neither, with the reason why their images are left out.
    """

    parts: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


def top_of(folders: Collection[str], images: Collection[str]) -> str:
    """Return the folder below which classes or parts lie, as "" or with a slash at its end: the first that holds not one folder alone."""
    top = ""
    while True:
        inside = {first(folder, top) for folder in folders if folder.startswith(top)}
        beside = any("/" not in name[len(top) :] for name in images if name.startswith(top))
        if len(inside) != 1 or beside:
            return top
        (only,) = inside
        if not any(folder.startswith(f"{top}{only}/") for folder in folders):
            return top
        top = f"{top}{only}/"


def first(name: str, root: str) -> str:
    """Return the first part of `name` below `root`, which is empty or ends in a slash."""
    return name[len(root) :].partition("/")[0]


def understood(folders: Collection[str], images: Iterable[str], top: str, path: Path) -> Layout:
    """Return which of the folders below `top` are parts, and of what.

    Args:
        folders: all of them, those without images included.

    Raises:
        UserError: it cannot be told, or is contradictory; the message says how to say it.
    """
    tree = {first(folder, top): Counter[str]() for folder in folders if folder.startswith(top)}
    for name in images:
        folder, slash, rest = name[len(top) :].partition("/")
        if slash:
            tree[folder][rest.partition("/")[0] if "/" in rest else ""] += 1
    inside = {folder: {composed(each) for each in counts if each} for folder, counts in tree.items()}
    said = {folder: word for folder in tree if (word := part(folder))}
    training = [folder for folder in sorted(tree) if said.get(folder) == "train" and inside[folder]]
    alike = _alike(inside)
    if training and len({*said, *alike}) > 1:
        return _by_words(tree, inside, said, training, alike, path)
    _check_classes(tree, inside, said, training, alike, path)
    return Layout()


def _alike(inside: dict[str, set[str]]) -> list[str]:
    """Folders that hold folders of the same names as another, or nearly."""
    times = Counter(name for names in inside.values() for name in names)
    common = {name for name, count in times.items() if count > 1}
    if len(common) < 2:  # every class may have a folder called images
        return []
    return sorted(folder for folder, names in inside.items() if names and 2 * len(names & common) >= len(names))


def _by_words(
    tree: Tree, inside: dict[str, set[str]], said: dict[str, str], training: list[str], alike: list[str], path: Path
) -> Layout:
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
            if tree[folder] and not (inside[folder] & classes) and len(inside[folder]) < 2:
                layout.others[folder] = f"without labels, in {folder}"
                folders.remove(folder)
        if len(folders) > 1:
            raise UserError(
                f"{path}: the folders {listed(folders)} are both called {WHAT[word]} images. Rename one of them or move it away."
            )
        if folders:
            layout.parts[word] = folders[0]
    unsaid = [folder for folder in sorted(tree) if folder not in said and tree[folder]]
    if len(layout.parts) == 1 and (meant := [folder for folder in unsaid if folder in alike]):
        raise UserError(
            f"{path}: {training[0]} is called training images, and {listed(meant)} holds the same folders: which part is it? "
            "Call it val or test, or move it away."
        )
    for folder in [*unsaid, *(each for each in said if said[each] == "train" and each != training[0])]:
        layout.others[folder] = f"in {folder}, which is no part" if inside[folder] else f"without labels, in {folder}"
    return layout


def _check_classes(
    tree: Tree, inside: dict[str, set[str]], said: dict[str, str], training: list[str], alike: list[str], path: Path
) -> None:
    """Raise UserError where the folders are hardly classes."""
    filled = [folder for folder in sorted(tree) if tree[folder]]
    if len(filled) > 1 and all(map(said.get, filled)) and "train" in said.values() and not any(inside.values()):
        raise UserError(
            f"{path}: {listed(filled)} are parts of a dataset by their names, and hold images without a folder per class. "
            f"{HOW}; if these are the classes, say classes:{path}."
        )
    if training and len(filled) > 1 and not any(inside[folder] for folder in filled if folder not in training):
        others = [folder for folder in filled if folder not in training]
        raise UserError(
            f"{path}: {training[0]} holds folders, as training images do, and {listed(others)} {'hold' if len(others) > 1 else 'holds'} "
            f"none: is it a part or a class? If a part, name {path}/{training[0]}; if a class, say classes:{path}."
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
        f"test; if they are the classes, say classes:{path}."
    )


HOW = "Put a folder per class into folders called train, val and test, or write list:FILE.csv with the columns path, label and split"


def without_copies(images: list[str], top: str, left_out: Names) -> tuple[list[str], list[str]]:
    """Return the images without those that a program made of them, which join `left_out`; and folders called so that are kept.

    A folder is left out where at least half of its images have the names of images in the folder that it lies in; and beside the
    classes, where they have the names of images below it, or each the name of one image in all of them. Otherwise it may be a class.
    """
    made: dict[
        str, list[tuple[str, str]]
    ] = {}  # by folder: the image, and the name of the one that it would be made of
    for name in images:
        parts = name[len(top) :].split("/")
        number = next((i for i, each in enumerate(parts[:-1]) if MADE.fullmatch(each)), None)
        if number is not None:
            original = "/".join(parts[:number] + parts[number + 1 :])
            made.setdefault(top + "/".join(parts[: number + 1]), []).append((name, _stem(top + original)))
    if not made:
        return images, []
    inside = {name for each in made.values() for name, _ in each}
    originals = {_stem(name) for name in images if name not in inside}
    alone = {stem for stem, count in Counter(stem.rpartition("/")[2] for stem in originals).items() if count == 1}
    kept = []
    for folder, each in sorted(made.items()):
        beside_classes = "/" not in folder[len(top) :]
        copies = sum(stem in originals or (beside_classes and stem[len(top) :] in alone) for _, stem in each)
        if 2 * copies >= len(each):
            left_out.setdefault(f"copies that a program made, in {folder.rpartition('/')[2]}", []).extend(
                name for name, _ in each
            )
        else:
            kept.append(folder)
            inside.difference_update(name for name, _ in each)
    return [name for name in images if name not in inside], kept


def _stem(name: str) -> str:
    """Return a file's name without its ending."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]
