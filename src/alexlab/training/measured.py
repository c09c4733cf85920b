"""What a recipe leaves to the dataset and nobody knows but the images: measured on those of the training alone."""

from typing import Any

from alexlab.data.catalogue import is_known
from alexlab.data.images import Dataset, Split
from alexlab.data.levels import measured_levels
from alexlab.data.mirroring import changed_by_mirroring
from alexlab.recipes.reading import overridden
from alexlab.recipes.schema import Recipe


def measured(recipe: Recipe, asked: Recipe, dataset: Dataset, train: Split, goes_on: bool) -> tuple[Recipe, list[str]]:
    """Return the recipe with what was measured, and a sentence for each thing that was decided.

    Args:
        recipe: the resolved one.
        asked: the one before it was resolved.
        goes_on: it is that of a run; what it does not say was not measured then, and is not now.
    """
    found: dict[str, Any] = {}
    said: list[str] = []
    levels = None
    if recipe.levels == "dataset":
        levels, said = (None, []) if goes_on else measured_levels(train)
        found["levels"] = levels or ()
    if asked.augment == "dataset" and "mirror" in recipe.augment and not is_known(dataset.name):
        changed = changed_by_mirroring(train.at(levels), dataset.classes)
        if changed:
            found["augment"] = tuple(word for word in recipe.augment if word != "mirror")
            said = [*said, changed]
    return overridden(recipe, found), said
