"""What a look at every image of a dataset shows, before hours are spent on it."""

from collections.abc import Callable
from typing import Any

from alexlab.data.balance import unequal
from alexlab.data.images import Dataset
from alexlab.data.inspection import inspect
from alexlab.data.levels import measured_levels
from alexlab.data.split import too_small
from alexlab.data.suspicion import suspicions
from alexlab.data.understanding import by_class


def checked(dataset: Dataset, progress: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Return what was understood, what each part holds and what is doubtful, for JSON; each image is decoded.

    Args:
        dataset: with its small classes kept for the training, so that it opens whatever it holds.
        progress: as of `inspect`.
    """
    splits = {}
    for split, each in inspect(dataset, progress).items():
        sizes = sorted(each.sizes, key=lambda size: size[0] * size[1])
        splits[split] = {
            "images": each.images,
            "sizes": [f"{width}x{height}" for width, height in dict.fromkeys(sizes[:1] + sizes[-1:])],
            "colour": each.modes["RGB"],
            "grey": each.modes["L"],
            "unreadable": list(each.unreadable),
        }
    held_out = {name: split for name, split in (("validation", dataset.validation), ("test", dataset.test)) if split}
    measured = measured_levels(dataset.train)[1]
    doubts = suspicions(dataset.train, held_out, dataset.classes, thorough=True) + unequal(
        dataset.train, dataset.classes
    )
    return {
        "title": dataset.title,
        "found": dataset.found,
        "division": dataset.division,
        "left_out": {
            reason: {"count": each.count, "examples": list(each.examples)} for reason, each in dataset.left_out.items()
        },
        "classes": [{"class": each, **counts} for each, counts in by_class(dataset)],
        "splits": splits,
        "notes": [*dataset.notes, *too_small(dataset), *measured, *doubts],
    }
