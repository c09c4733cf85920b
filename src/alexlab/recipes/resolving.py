"""From a recipe as written to one that leaves nothing to the network or the dataset."""

from math import prod
from pathlib import Path

from alexlab.data.images import Dataset
from alexlab.data.input.colour import PixelStatistics
from alexlab.data.input.decode import Levels
from alexlab.data.input.store import memory_budget
from alexlab.data.input.transform import AUGMENTATIONS, Transform
from alexlab.data.opening import native_shape
from alexlab.errors import UserError, unknown
from alexlab.networks.catalogue import find
from alexlab.networks.naming import is_own
from alexlab.recipes.reading import overridden
from alexlab.recipes.schema import Recipe
from alexlab.shape import Shape

ONE_BY_ONE = "diagonal-lm"

OTHER_AUGMENTATIONS = {
    "rotate": "turn",
    "rotation": "turn",
    "flip": "mirror",
    "hflip": "mirror",
    "horizontal-flip": "mirror",
    "translate": "shift",
    "rrc": "random-resized-crop",
    "random-crop": "crop",
    "jitter": "colour",
    "color": "colour",
}
"""What other programs call some words of `augment`."""

MOST_TIMES = 32  # that an image is stored wider or higher than the network sees it
HELD = 4  # batches at once, at least: that which is computed on, and those that are made ahead
FLOAT32 = 4  # bytes


def resolved(recipe: Recipe, dataset: Dataset, processes: int = 1) -> Recipe:
    """Return the recipe with every value filled in, except `mean` and `std` where they are to be measured (`data.statistics`).

    Args:
        processes: that a batch is divided among.

    Raises:
        UserError: values that contradict each other, the network or the dataset, or that this machine cannot hold.
    """
    classes = len(dataset.classes) if recipe.classes == "dataset" else recipe.classes
    if classes != len(dataset.classes):
        raise UserError(f"the recipe says {classes} classes, but {dataset.title} has {len(dataset.classes)}.")
    if recipe.freeze and not recipe.pretrained:
        raise UserError(
            "freeze trains the head alone, on top of layers that nobody has trained; name their weights: pretrained."
        )
    if recipe.schedule == "plateau" and not recipe.patience:
        raise UserError(
            "the schedule plateau lowers the rate after `patience` epochs that were no better; set patience."
        )
    if recipe.schedule == "steps" and not recipe.drop_every:
        raise UserError("the schedule steps divides the rate by ten every `drop_every` epochs; set drop_every.")
    if recipe.schedule == "as-it-ran" and recipe.optimiser != "sgd-2012":
        raise UserError(
            'the schedule as-it-ran sets the rates of weights and biases apart, as optimiser = "sgd-2012" does.'
        )
    _check_one_by_one(recipe, processes)
    input = _input(recipe, dataset)
    store = _store(recipe, dataset, input)
    _check_size(-(-min(recipe.batch, len(dataset.train)) // processes), store, input)
    fit = recipe.fit
    if fit == "network":
        fit = "crop" if is_own(recipe.network) else find(recipe.network).fit  # type: ignore[assignment]
    if fit == "shorter-side" and store[1] != store[2]:
        raise UserError(
            f'fit = "shorter-side" makes squares, as torchvision does, and store = {" x ".join(map(str, store))} is none; '
            "set store to one side, or another fit."
        )
    augment = dataset.augment if recipe.augment == "dataset" else recipe.augment
    _check_augment(augment, recipe.view, store, input)
    if bool(recipe.small_side) != bool(recipe.small_share):
        raise UserError("small_side and small_share belong together: which side, in the first share of the updates.")
    if recipe.small_side and (recipe.small_side >= min(input[1:]) or recipe.view == "centre" or "crop" in augment):
        raise UserError(
            f"small_side = {recipe.small_side} shows the whole image smaller: it must be less than the input's {min(input[1:])}, "
            'and neither view = "centre" nor crop, which cut a window out of it, goes with it.'
        )
    known = dataset.mean is not None and dataset.shape is not None and dataset.shape[0] == input[0]
    mean = dataset.mean if recipe.mean == "dataset" and known else recipe.mean
    std = dataset.std if recipe.std == "dataset" and known else recipe.std
    for key, values in (("mean", mean), ("std", std)):
        if not isinstance(values, str) and values is not None and len(values) not in (0, 1, input[0]):
            raise UserError(f"{key} has {len(values)} values; expected one, or one for each of {input[0]} channels.")
    pretrained = str(Path(recipe.pretrained).resolve()) if recipe.pretrained else ""
    filled = {
        "pretrained": pretrained,
        "classes": classes,
        "input": input,
        "store": store,
        "fit": fit,
        "mean": mean,
        "std": std,
    }
    return overridden(recipe, {**filled, "augment": augment}, "resolved recipe")


def _check_one_by_one(recipe: Recipe, processes: int) -> None:
    """Raise UserError where the optimiser that takes one image at a time is asked for what it does not do."""
    if recipe.optimiser != ONE_BY_ONE:
        return
    asked = {
        "clip": recipe.clip,
        "label_smoothing": recipe.label_smoothing,
        "weight_decay": recipe.weight_decay,
        "momentum": recipe.momentum,
    }
    if named := [key for key, value in asked.items() if value]:
        raise UserError(
            f'optimiser = "{ONE_BY_ONE}" has no {" and no ".join(named)}; set {"it" if len(named) == 1 else "them"} to 0.'
        )
    if recipe.class_weights != "none":
        raise UserError(f'optimiser = "{ONE_BY_ONE}" weighs all images alike; take sampler = "balanced".')
    if recipe.precision == "bfloat16":
        raise UserError(f'optimiser = "{ONE_BY_ONE}" computes in float32; set precision = "float32".')
    if processes > 1:
        raise UserError(
            f'optimiser = "{ONE_BY_ONE}" takes one image after the other: the work of one process, not of {processes}.'
        )


def _input(recipe: Recipe, dataset: Dataset) -> Shape:
    if isinstance(recipe.input, tuple):
        return recipe.input
    native = native_shape(dataset)
    if is_own(recipe.network):
        if recipe.input == "network" and native is None:
            raise UserError(f"{recipe.network}: which input does it take? Say --set input=[3,224,224], for instance.")
        channels, height, width = native or (3, 0, 0)
    else:
        channels, height, width = find(recipe.network).input
    return (channels, recipe.input, recipe.input) if isinstance(recipe.input, int) else (channels, height, width)


def _store(recipe: Recipe, dataset: Dataset, input: Shape) -> Shape:
    """Images that are all alike are stored as they are; others at the input's size, unless the recipe says another."""
    if isinstance(recipe.store, tuple):
        return recipe.store
    if isinstance(recipe.store, int):
        return input[0], recipe.store, recipe.store
    native = native_shape(dataset)
    return (input[0], *native[1:]) if native else input


def _check_size(batch: int, store: Shape, input: Shape) -> None:
    """Raise UserError where images are stored far larger than they are seen, or the batches do not fit into the machine's memory."""
    stored, seen = (" x ".join(map(str, shape)) for shape in (store, input))
    if any(side > MOST_TIMES * wanted for side, wanted in zip(store[1:], input[1:], strict=True)):
        raise UserError(
            f"store = {stored} is more than {MOST_TIMES} times as wide or high as the input, {seen}: every pass over the images "
            "would take accordingly long. Set store smaller."
        )
    needed, there = HELD * batch * (prod(store) + FLOAT32 * prod(input)), 2 * memory_budget()
    if needed > there:
        raise UserError(
            f"batches of {batch:,} images, stored as {stored} for an input of {seen}, take {needed / 1e9:,.1f} GB, as {HELD} are held at "
            f"once; this machine has {there / 1e9:,.1f} GB of memory. Set batch, store or input smaller."
        )


def _check_augment(augment: tuple[str, ...], view: str, store: Shape, input: Shape) -> None:
    if "colour" in augment and "colour-as-written" in augment:
        raise UserError("augment has both colour and colour-as-written; choose one.")
    for word in augment:
        if word in OTHER_AUGMENTATIONS:
            raise UserError(
                f"unknown augmentation {word!r}: did you mean {OTHER_AUGMENTATIONS[word]!r} ({AUGMENTATIONS[OTHER_AUGMENTATIONS[word]]})?"
            )
        if word not in AUGMENTATIONS:
            raise unknown("augmentation", word, AUGMENTATIONS)
    if "crop" in augment and "random-resized-crop" in augment:
        raise UserError("augment has both crop and random-resized-crop; choose one.")
    if (view == "centre" or "crop" in augment) and (store[1] < input[1] or store[2] < input[2]):
        raise UserError(
            f"a window of {input[1]}x{input[2]} does not fit into stored images of {store[1]}x{store[2]}; "
            f'set store to more than {max(input[1:])}, or do without crop and view = "centre".'
        )


def levels_of(recipe: Recipe) -> Levels | None:
    """Return which values become 0 and 255 in images of more than 8 bits; None for those of 16 bits."""
    return None if recipe.levels in ("dataset", ()) else (float(recipe.levels[0]), float(recipe.levels[1]))


def needs_statistics(recipe: Recipe) -> bool:
    """Whether the path to the input needs the mean image or the principal colours of the training set."""
    return recipe.mean == "image" or "colour" in recipe.augment or "colour-as-written" in recipe.augment


def transform(recipe: Recipe, statistics: PixelStatistics | None = None) -> Transform:
    """Return the path from an image to the input that a resolved recipe describes, with what `needs_statistics` asks for."""
    assert isinstance(recipe.store, tuple) and isinstance(recipe.input, tuple)
    assert recipe.mean != "dataset" and isinstance(recipe.std, tuple) and isinstance(recipe.augment, tuple)
    return Transform(
        store=recipe.store,
        fit=recipe.fit,
        input=recipe.input,
        view=recipe.view,
        mean=() if recipe.mean == "image" else recipe.mean,
        std=recipe.std,
        augment=recipe.augment,
        pixels=recipe.pixels,
        statistics=statistics,
        subtract_mean_image=recipe.mean == "image",
        levels=levels_of(recipe),
    )
