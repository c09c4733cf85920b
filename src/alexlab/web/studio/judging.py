"""A run is judged: which images it gets wrong, which it is least sure of, and runs beside each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexlab.data.sources.ilsvrc import readable
from alexlab.errors import UserError
from alexlab.inference.evaluation import Evaluation
from alexlab.inference.reliability import mcnemar, reliability
from alexlab.web.studio.opened import Opened

PAGE = 60  # images
MOST_CLASSES = 60  # of a whole confusion matrix; of more the pairs that are most often confused
MOST_PAIRS = 200


def chosen_images(opened: Opened, wanted: str, true: int | None, predicted: int | None, start: int) -> dict[str, Any]:
    """Return a page of held-out images: "all", "mistakes" (the most confident first) or "unsure" (the least confident first)."""
    with opened.lock:
        found = opened.evaluation
    keep = np.ones(found.images, bool)
    if wanted == "mistakes":
        keep &= found.predicted_N != found.labels_N
    elif wanted not in ("all", "unsure"):
        raise UserError(f"images {wanted[:40]!r}: expected all, mistakes or unsure.")
    if true is not None:
        keep &= found.labels_N == true
    if predicted is not None:
        keep &= found.predicted_N == predicted
    numbers: NDArray[np.int64] = np.flatnonzero(keep)
    if wanted == "unsure":
        numbers = numbers[np.argsort(found.confidence_N[numbers], kind="stable")]
    if wanted == "mistakes":
        numbers = numbers[np.argsort(-found.confidence_N[numbers], kind="stable")]
    page = numbers[start : start + PAGE]
    return {
        "count": len(numbers),
        "start": start,
        "page": PAGE,
        "images": [
            {
                "number": int(i),
                "true": int(found.labels_N[i]),
                "predicted": int(found.predicted_N[i]),
                "probability": float(found.confidence_N[i]),
            }
            for i in page
        ],
    }


def judged(opened: Opened) -> dict[str, Any]:
    """Return the figures of a run: accuracy, classes, confusion, reliability."""
    with opened.lock:
        found = opened.evaluation
    names = readable(found.classes)
    facts: dict[str, Any] = {
        "on": found.on,
        "images": found.images,
        "top1": found.top1,
        "top5": found.top5,
        "loss": found.loss,
        "notes": list(found.notes),
        "classes": [
            {"name": name, "images": int(count), "precision": precision, "recall": recall}
            for name, count, precision, recall in zip(
                names, found.images_by_class, found.precision, found.recall, strict=True
            )
        ],
        "reliability": [bin.__dict__ for bin in reliability(found)],
    }
    if len(names) <= MOST_CLASSES:
        facts["confusion"] = found.confusion_TP.tolist()
    facts["pairs"] = _pairs(found)
    return facts


def _pairs(found: Evaluation) -> list[dict[str, int]]:
    """Return the pairs of classes that are most often confused, true and predicted."""
    off = found.confusion_TP.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:MOST_PAIRS]
    rows, columns = np.unravel_index(order, off.shape)
    return [
        {"true": int(i), "predicted": int(j), "count": int(off[i, j])}
        for i, j in zip(rows, columns, strict=True)
        if off[i, j]
    ]


def compared(first: Opened, second: Opened) -> dict[str, Any]:
    """Return two runs beside each other: McNemar's test, the recipes' differing lines, the curves, and images on which they differ."""
    with first.lock:
        one = first.evaluation
    with second.lock:
        two = second.evaluation
    found = mcnemar(one, two)
    recipes = [each.run.recipe.model_dump(mode="json") for each in (first, second)]
    right = [each.predicted_N == each.labels_N for each in (one, two)]
    return {
        "first": {"name": first.run.folder.name, "top1": one.top1},
        "second": {"name": second.run.folder.name, "top1": two.top1},
        "both": found.both,
        "neither": found.neither,
        "onlyFirst": found.first,
        "onlySecond": found.second,
        "p": found.p,
        "recipes": [
            {"key": key, "first": recipes[0][key], "second": recipes[1][key]}
            for key in recipes[0]
            if recipes[0][key] != recipes[1][key]
        ],
        "differ": np.flatnonzero(right[0] != right[1])[:PAGE].tolist(),
        "curves": {"first": first.run.metrics("epoch"), "second": second.run.metrics("epoch")},
    }
