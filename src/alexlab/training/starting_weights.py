"""The weights that a training starts from, and the path to the input that belongs to them.

Weights expect images as they were shown them. A run knows how; of published weights it is known; of any other file it is not, and what
is assumed is said.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alexlab.data.fetching.fetch import is_right
from alexlab.data.progress import Progress
from alexlab.recipes.reading import overridden
from alexlab.recipes.schema import Recipe
from alexlab.runs.run import Run
from alexlab.weights.published import PUBLISHED, path_to_input, published
from alexlab.weights.tensors import load_statistics

PATH = ("input", "store", "fit", "view", "pixels", "mean", "std")
"""The keys of a recipe that say how an image becomes the network's input."""


def with_starting_weights(
    recipe: Recipe, values: dict[str, Any], takes_path: bool, progress: Progress, noted: Callable[[str], None]
) -> Recipe:
    """Return the recipe with `pretrained` as a file, and with the path to the input that belongs to those weights.

    Args:
        recipe: its `pretrained` is a file of weights, a run's folder, or a name of `PUBLISHED`.
        values: keys that the user has set, which stand.
        takes_path: whether the recipe leaves the path to the weights; one that was chosen for it keeps its own.
        noted: told what was assumed of a file that nothing is known of.

    Raises:
        UserError: the run holds no weights yet, or published ones are not to be had.
    """
    given = Path(recipe.pretrained)
    if recipe.pretrained in PUBLISHED:
        file, path = published(recipe.pretrained, progress), path_to_input(recipe.network)
    elif given.is_dir():
        run = Run(given)
        file, path = run.weights, path_of_run(run)
    elif _is_run(given.parent):
        file, path = given, path_of_run(Run(given.parent))
    elif _is_published(given) or given.suffix == ".caffemodel":  # which is read for the one published network alone
        file, path = given, path_to_input(recipe.network)
    else:
        file, path = given, {}
        if takes_path and not set(PATH) & set(values):
            noted(
                f"{given}: nothing tells how these weights were shown images; assumed: as the recipe says, pixels {recipe.pixels} "
                f"normalised by the {'dataset' if recipe.mean == 'dataset' else 'recipe'}'s mean and std. "
                "--set mean=[...] --set std=[...] --set pixels=0-255 say otherwise."
            )
    taken = {key: value for key, value in path.items() if key not in values} if takes_path else {}
    return overridden(recipe, {**taken, "pretrained": str(file)}, "setting")


def path_of_run(run: Run) -> dict[str, Any]:
    """Return the values of `PATH` by which `run` was trained. A mean image becomes its mean colour: the new images have another."""
    values = run.recipe.model_dump(include=set(PATH))
    if values["mean"] == "image":
        mean_C = load_statistics(run.folder).mean_image_CHW.mean(dim=(1, 2)) / 255
        values["mean"] = tuple(mean_C.tolist())
    return values


def _is_run(folder: Path) -> bool:
    return (folder / "run.json").is_file() and (folder / "recipe.toml").is_file()


def _is_published(file: Path) -> bool:
    return file.is_file() and any(file.name == each.name and is_right(each, file) for each in PUBLISHED.values())
