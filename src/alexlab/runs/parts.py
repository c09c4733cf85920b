"""Which images a run trains on, watches, and is tested on; recorded in the run, so that it can be repeated."""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from alexlab.data.images import ArrayImages, Dataset, FileImages, Split
from alexlab.data.split import divide, held_out, joined
from alexlab.errors import UserError
from alexlab.parallel.processes import Processes
from alexlab.recipes.schema import Recipe

BEFORE = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
"""Endings of what once were all images."""


@dataclass(frozen=True)
class Parts:
    """The images of a run. `watched` is what is evaluated after each epoch; `test` is None where the dataset has none.

    `division` says what decided which is which.
    """

    train: Split
    watched: Split
    test: Split | None
    division: str = ""


def parts_of(dataset: Dataset, recipe: Recipe) -> Parts:
    """Divide the dataset as the recipe says.

    Raises:
        UserError: the recipe watches a test set that the dataset lacks, or a class is too small to hold anything out.
    """
    if recipe.watch == "test":
        if dataset.test is None:
            raise UserError(
                f"the recipe watches the test set, and {dataset.title} has none; say --set watch=validation."
            )
        return Parts(dataset.train, dataset.test, dataset.test, dataset.division)
    if dataset.validation is not None:
        return Parts(dataset.train, dataset.validation, dataset.test, dataset.division)
    out = held_out(dataset.train, recipe.hold_out, recipe.seed, "validation", dataset.classes, recipe.small_classes)
    train, validation = divide(dataset.train, out)
    division = f"{dataset.division}; {recipe.hold_out:.0%} of each class of the training images is the validation, by names and seed"
    return Parts(train, validation, dataset.test, division)


def record(parts: Parts) -> dict[str, Any]:
    """Return what split.json holds: of each part the number of images, a digest of names and labels, and the names but for training."""
    named = {"train": parts.train, "watched": parts.watched, "test": parts.test}
    return {
        name: {
            "images": len(split),
            "sha256": _digest(split),
            "content": _content(split),
            **({} if name == "train" else {"names": list(split.images.names)}),
        }
        for name, split in named.items()
        if split is not None
    }


def as_they_were(parts: Parts, dataset: Dataset, recorded: dict[str, Any]) -> Parts:
    """Return the parts of a run that goes on, as it recorded them, where the dataset is divided in another way now; else `parts`.

    Runs of earlier versions told a folder's test images by other names, and knew fewer files for images.
    """
    if "train" not in recorded or _digest(parts.train) == recorded["train"]["sha256"]:
        return parts
    try:
        watched = as_recorded(dataset, recorded, "watched")
        test = as_recorded(dataset, recorded, "test") if "test" in recorded else None
        everything = joined([split for split in (dataset.train, dataset.validation, dataset.test) if split is not None])
    except UserError:
        return parts
    names = everything.images.names
    held = {*watched.images.names, *(test.images.names if test else ())}
    rest = sorted((i for i in range(len(names)) if names[i] not in held), key=names.__getitem__)
    for kept in (rest, [i for i in rest if names[i].lower().endswith(BEFORE)]):
        train = everything.select(np.array(kept, dtype=np.int64))
        if _digest(train) == recorded["train"]["sha256"]:
            return Parts(train, watched, test, "as the run recorded it")
    return parts


def check_unchanged(parts: Parts, recorded: dict[str, Any], where: str) -> None:
    """Raise UserError where the parts are not those that were recorded."""
    for name, facts in record(parts).items():
        before = recorded.get(name)
        if before is None or before["sha256"] != facts["sha256"]:
            had = before["images"] if before else 0
            raise UserError(
                f"{where}: the {name} images are not those of the run any more: {facts['images']:,} now, {had:,} then, or other "
                "names or labels. Restore the dataset, or start a new run."
            )
        if before.get("content", facts["content"]) != facts["content"]:
            raise UserError(
                f"{where}: the {name} images have the names and labels of the run's, but other content. Restore the dataset, or start "
                "a new run."
            )


def check_same(recipe: Recipe, parts: Parts, processes: Processes, parallel: str) -> None:
    """Raise UserError unless all processes train by the same recipe on the same images, and divide the work the same way."""
    if processes.count == 1:
        return
    texts = {"recipe": json.dumps(recipe.model_dump(mode="json")) + parallel, "dataset": json.dumps(record(parts))}
    mend = {
        "recipe": "Start all with the same command, and the same files that it names.",
        "dataset": "Every machine needs the same files; `alexlab datasets check` tells about them.",
    }
    for what, text in texts.items():
        processes.check_same(what, hashlib.sha256(text.encode()).hexdigest(), mend[what])


def as_recorded(dataset: Dataset, recorded: dict[str, Any], part: str) -> Split:
    """Find the images that were recorded as `part`, wherever they are in the dataset now.

    Raises:
        UserError: images that were recorded are gone.
    """
    names: list[str] = recorded[part]["names"]
    for split in (dataset.test, dataset.validation, dataset.train):
        if split is not None and list(split.images.names) == names:
            return split
    # The folder has changed, and with it the division: the images that were held out are still told by their names.
    everything = joined([split for split in (dataset.train, dataset.validation, dataset.test) if split is not None])
    place = {name: i for i, name in enumerate(everything.images.names)}
    if gone := [name for name in names if name not in place]:
        raise UserError(
            f"{dataset.found}: {len(gone)} of the {len(names)} images that the run held out are gone, {gone[0]} for one."
        )
    return everything.select(np.array([place[name] for name in names]))


def trained_part(dataset: Dataset, recipe: Recipe, recorded: dict[str, Any]) -> tuple[Split, bool]:
    """Return the images that a run was trained on, and whether it is certain; else they are all that it did not hold out."""
    with suppress(UserError):  # a class that is too small by now
        train = as_they_were(parts_of(dataset, recipe), dataset, recorded).train
        if _digest(train) == recorded["train"]["sha256"]:
            return train, True
    if not isinstance(dataset.train.images, FileImages):
        return dataset.train, False
    everything = joined([split for split in (dataset.train, dataset.validation, dataset.test) if split is not None])
    held = {name for part in ("watched", "test") if part in recorded for name in recorded[part]["names"]}
    return everything.select(np.flatnonzero([name not in held for name in everything.images.names])), False


def _content(split: Split) -> str:
    """Make a digest of the pixels of images that are held as an array, of the sizes of files."""
    digest = hashlib.sha256()
    if isinstance(split.images, ArrayImages):
        digest.update(np.ascontiguousarray(split.images.pixels_NCHW).data)
    elif isinstance(split.images, FileImages):
        size = split.images.files.size
        digest.update("".join([f"{size(name)}\n" for name in split.images.names]).encode())
    return digest.hexdigest()


def _digest(split: Split) -> str:
    named = zip(split.images.names, split.labels.tolist(), strict=True)
    lines = "".join([f"{name}\0{label}\n" for name, label in named])
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
