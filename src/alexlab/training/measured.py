"""What a recipe leaves to the dataset and nobody knows but the images: measured on those of the training alone."""

from alexlab.data.images import Split
from alexlab.data.levels import measured_levels
from alexlab.recipes.reading import overridden
from alexlab.recipes.schema import Recipe


def measured(recipe: Recipe, train: Split, goes_on: bool) -> tuple[Recipe, list[str]]:
    """Return the recipe with what was measured, and a sentence for each thing that was decided.

    Args:
        goes_on: the recipe is that of a run; what it does not say was not measured then, and is not now.
    """
    if recipe.levels != "dataset":
        return recipe, []
    levels, said = (None, []) if goes_on else measured_levels(train)
    return overridden(recipe, {"levels": levels or ()}), said
