"""Image folders, and archives of them: `folder:PATH`, and `classes:PATH` where the folders are classes whatever they are called."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alexlab.data.images import FileImages, Split
from alexlab.data.sources.files import Files, open_files
from alexlab.data.sources.format import Read
from alexlab.data.sources.layout import WHAT, Layout, NoClasses, Tree, first, understood, without_copies
from alexlab.data.sources.names import (
    AGAIN,
    BESIDE,
    COPIES,
    DOCUMENTS,
    IMAGE_ENDINGS,
    WOULD_READ,
    Names,
    composed,
    counted,
    ending,
    images_among,
    unread,
)
from alexlab.data.sources.other_ways import other_ways
from alexlab.errors import UserError
from alexlab.shape import Shape
from alexlab.showing import listed


def read_folder(path: Path, shape: Shape | None = None, parts: bool = True, fewest: int = 2) -> Read:
    """Return what lies in the image folder (or archive of one) at `path`.

    Two layouts: `PART/CLASS/.../image` with folders for training, validation and test (`layout.understood` tells them), or
    `CLASS/.../image`. Folders that hold nothing but one folder are stepped into, as archives have them. Classes are sorted by name.

    Args:
        shape: of every image, where it is known.
        parts: whether folders can be parts; else they are the classes.
        fewest: classes that there must be: two to learn, one to be measured on.

    Raises:
        UserError: no images, too few classes, a class without images, a class that training lacks, parts that cannot be told.
    """
    files = open_files(path)
    try:
        return _read(files, path, shape, parts, fewest)
    except NoClasses as error:
        raise UserError(f"{error}{other_ways(files.names, path)}") from None


def _read(files: Files, path: Path, shape: Shape | None, parts: bool, fewest: int) -> Read:
    left_out: Names = {reason: list(names) for reason, names in files.left_out.items()}
    images = images_among(files.names, files.start, left_out)
    if not images:
        raise NoClasses(
            f"{path}: holds no images{_kinds(files.names)} (looked for {', '.join(IMAGE_ENDINGS)}); expected a folder per class."
        )
    tree = Tree(files.folders, images, files.names)
    top = f"{start}/" if (start := tree.top()) else ""
    found, kept = without_copies(images, tree, top, left_out)
    if len(found) < len(images):
        images, tree = found, Tree(files.folders, found, files.names)
    layout = understood(tree, start, path) if parts else Layout()
    roots = {word: f"{folder}/" for word, folder in layout.parts.items()} or {"all": top}
    notes = [
        f"the folder {folder} is called as programs call copies of images, and is read: remove it if they are copies."
        for folder in kept
    ]
    notes += unread(left_out)
    used, linked = _of_the_parts(files, images, roots, top, layout, left_out)
    classes = _classes(files, used[next(iter(used))], roots.get("train", top), linked, left_out, path, notes, fewest)
    splits = {word: _split(files, used[word], root, classes, path, shape, top) for word, root in roots.items()}
    for word, split in splits.items():
        missing = [classes[i] for i in np.flatnonzero(np.bincount(split.labels, minlength=len(classes)) == 0)]
        if missing:
            notes.append(
                f"no {WHAT[word]} image has the label {listed(missing)}: nothing is said of {'it' if len(missing) == 1 else 'them'} there."
            )
    called = [f"{folder[len(top) :]} ({WHAT[word]})" for word, folder in layout.parts.items()]
    division = f"the folders {listed(called)}" if len(called) > 1 else ""
    if len(called) == 1:
        splits = {"all": splits["train"]}
    return Read(splits, classes, division, counted(left_out), tuple(notes))


def _of_the_parts(
    files: Files, images: list[str], roots: dict[str, str], top: str, layout: Layout, left_out: Names
) -> tuple[dict[str, list[str]], set[str]]:
    """Return the images of each part, each file once, and the classes' folders that held links to the others alone."""
    used: dict[str, list[str]] = {}
    word_of = {first(root, top): word for word, root in roots.items()}
    for name in images:
        folder = first(name, top)
        word = "all" if "all" in roots else word_of.get(folder, "")
        if word and name.startswith(roots[word]) and "/" in name[len(roots[word]) :]:
            used.setdefault(word, []).append(name)
        else:
            reason = layout.others.get(folder, BESIDE) if "/" in name[len(top) :] else BESIDE
            left_out.setdefault(reason, []).append(name)
    there = {name for names in used.values() for name in names} if files.same else set()
    again = {name for group in files.same for name in [each for each in group if each in there][1:]}
    if not again:
        return {word: used.get(word, []) for word in roots}, set()
    left_out.setdefault(AGAIN, []).extend(sorted(again))
    before = {_class_folder(name, roots[word]) for word, names in used.items() for name in names}
    used = {word: [name for name in used.get(word, []) if name not in again] for word in roots}
    after = {_class_folder(name, roots[word]) for word, names in used.items() for name in names}
    return used, before - after


def _class_folder(name: str, root: str) -> str:
    return f"{root}{first(name, root)}/"


def _classes(
    files: Files,
    images: list[str],
    root: str,
    linked: set[str],
    left_out: Names,
    path: Path,
    notes: list[str],
    fewest: int,
) -> tuple[str, ...]:
    filled = {first(name, root) for name in images}
    for folder in sorted({first(each, root) for each in files.folders if each.startswith(root)} - filled):
        where = f"{root}{folder}/"
        if where in linked:
            notes.append(f"{where} holds nothing but links to images that are there: it is no class.")
            continue
        held = [name for names in left_out.values() for name in names if name.startswith(where)]
        if held and all(ending(name) in DOCUMENTS for name in held):
            notes.append(f"{where} holds no images: it is no class.")
        elif not any(name.startswith(where) for each in left_out if each.startswith(COPIES) for name in left_out[each]):
            raise UserError(
                f"{path}: the class {folder} holds no images{_kinds(held)}. Add images or remove the folder."
            )
    classes = tuple(sorted({composed(each) for each in filled}))
    if not classes:
        raise NoClasses(
            f"{path}: found images but no folders of classes{' in ' + root if root else ''}; expected a folder per class, at least two. "
            f"What images without a class show: alexlab predict RUN {path}"
        )
    if len(classes) < fewest:
        raise NoClasses(f"{path}: found one class, {classes[0]!r}; expected a folder per class, at least two.")
    return classes


def _kinds(names: Sequence[str]) -> str:
    """How many files there are of each ending, in brackets."""
    kinds = Counter(ending(name) or "without an ending" for name in names)
    counts = listed([f"{count:,} {kind}" for kind, count in kinds.most_common()])
    mend = "".join(f"; `pip install {WOULD_READ[kind]}` reads {kind}" for kind in kinds if kind in WOULD_READ)
    return f" ({counts}{mend})" if names else ""


def _split(
    files: Files, images: list[str], root: str, classes: tuple[str, ...], path: Path, shape: Shape | None, top: str
) -> Split:
    number = {name: label for label, name in enumerate(classes)}
    labels = [number.get(composed(first(name, root)), -1) for name in images]
    if -1 in labels:
        found = first(images[labels.index(-1)], root)
        near = [each for each in classes if each.casefold() == composed(found).casefold()]
        raise UserError(
            f"{path}: {root} has a class {found!r} that the training images lack: "
            + (f"they have {near[0]!r}. Call both alike." if near else f"{listed(classes, 10)}.")
        )
    if not images:
        raise UserError(f"{path}: {root or 'it'} holds no images of a class.")
    return Split(FileImages(files, images, shape, top=top), np.array(labels, dtype=np.int64))
