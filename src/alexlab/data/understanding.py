"""What was understood of a dataset, before the first update: its split, classes, what is left out, and the path to the input."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from alexlab.data.images import Dataset, Split
from alexlab.data.input.transform import Transform
from alexlab.data.sources.layout import WHAT
from alexlab.data.sources.names import LeftOut
from alexlab.showing import label

WHOLE = 12  # classes and reasons, said one by one; of more the ends are
ENDS = 4
FITTED = {
    "stretch": "stretched to",
    "crop": "scaled to cover, and cut at the centre to",
    "pad": "scaled to fit into, and padded to",
    "frame": "scaled to fit into the middle of, and framed to",
    "shorter-side": "scaled by the shorter side, and cut at the centre to",
}


def understood(
    dataset: Dataset, splits: Mapping[str, Split | None], division: str, path: Transform | None
) -> dict[str, Any]:
    """Return what a run keeps, as JSON has it.

    Args:
        splits: the images by "train", "validation" and "test".
        division: what decided which is which.
        path: from an image to the network's input, where one is chosen.
    """
    train = splits["train"]
    assert train is not None
    counts = np.bincount(train.labels, minlength=len(dataset.classes)).tolist()
    return {
        "images": {name: len(split) for name, split in splits.items() if split is not None},
        "division": division,
        "classes": dict(zip(dataset.classes, counts, strict=True)),
        "left_out": {
            reason: {"count": each.count, "examples": list(each.examples)} for reason, each in dataset.left_out.items()
        },
        **({"input": path_in_words(path)} if path else {}),
    }


def by_class(dataset: Dataset) -> list[tuple[str, dict[str, int]]]:
    """Return each class with how many images of it each split has."""
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    counts = {
        name: np.bincount(split.labels, minlength=len(dataset.classes)).tolist()
        for name, split in splits.items()
        if split
    }
    return [(each, {name: count[i] for name, count in counts.items()}) for i, each in enumerate(dataset.classes)]


def in_words(facts: dict[str, Any]) -> list[str]:
    """Return what `understood` found as a few lines, however many classes there are."""
    images = ", ".join(f"{count:,} {WHAT.get(name, name)}" for name, count in facts["images"].items())
    lines = [f"images: {images}; {facts['division']}", f"training images by class: {_classes(facts['classes'])}"]
    lines.append(
        f"left out: {left_out_in_words({each: LeftOut(**facts['left_out'][each]) for each in facts['left_out']})}"
    )
    return [*lines, f"input: {facts['input']}"] if "input" in facts else lines


def _classes(counts: dict[str, int]) -> str:
    if len(counts) <= WHOLE:
        return ", ".join(f"{label(name)} {count:,}" for name, count in counts.items())
    by_size = sorted(counts.items(), key=lambda each: -each[1])
    largest, smallest = (
        ", ".join(f"{label(name)} {count:,}" for name, count in ends) for ends in (by_size[:ENDS], by_size[-ENDS:])
    )
    return f"{largest}, ... {smallest} ({len(counts):,} classes, largest first)"


def left_out_in_words(left_out: Mapping[str, LeftOut]) -> str:
    """Return how many files are left out, and why."""
    reasons = [f"{each.count:,} {reason}" for reason, each in left_out.items()]
    more = sum(each.count for each in list(left_out.values())[WHOLE:])
    return ", ".join(reasons[:WHOLE]) + (f", {more:,} for other reasons" if more else "") or "nothing"


def path_in_words(path: Transform) -> str:
    """Return the path from an image to the network's input as one line; the keys of the recipe that change it in brackets."""
    stored, seen = ("x".join(map(str, size)) for size in (path.store[1:], path.input[1:]))
    steps = ["grey" if path.input[0] == 1 else "RGB", f"{FITTED[path.fit]} {stored} (fit)"]
    if path.levels:
        steps.insert(0, f"values of more than 8 bits from {path.levels[0]:g} to {path.levels[1]:g} (levels)")
    if stored != seen:
        steps.append(f"its centre of {seen} (view)" if path.view == "centre" else f"scaled to {seen}")
    steps.append("half of the training images mirrored (augment)" if "mirror" in path.augment else "not mirrored")
    if others := [word for word in path.augment if word != "mirror"]:
        steps.append(f"in training also {', '.join(others)}")
    return "; ".join([*steps, _normalisation(path)])


def _normalisation(path: Transform) -> str:
    steps = [f"pixels {path.pixels.replace('-', ' to ')}"]
    if path.subtract_mean_image:
        steps.append("minus the mean image")
    if path.mean:
        steps.append(f"minus {_numbers(path.mean)} (mean)")
    if path.std:
        steps.append(f"over {_numbers(path.std)} (std)")
    return ", ".join(steps)


def _numbers(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.4g}" for value in values)
