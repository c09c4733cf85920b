"""All that a training needs before it makes its folder: checked, so that what is wrong is said before there is one."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from alexlab.data.balance import unequal
from alexlab.data.images import Dataset, FileImages
from alexlab.data.input.colour import pixel_statistics
from alexlab.data.input.store import Store, memory_budget, unreadable
from alexlab.data.input.transform import Transform
from alexlab.data.inspection import cut_off
from alexlab.data.opening import open_dataset
from alexlab.data.statistics import channel_statistics
from alexlab.data.suspicion import suspicions
from alexlab.data.understanding import understood
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.layers.dropout import set_dropout
from alexlab.networks.layers.growing import take_smaller
from alexlab.networks.naming import own_code
from alexlab.networks.trial import trains_on_one, try_network
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies.fitting import check_fits, check_parts
from alexlab.recipes.reading import overridden
from alexlab.recipes.resolving import levels_of, needs_statistics, resolved, transform
from alexlab.recipes.schema import Recipe
from alexlab.runs.checkpoint import checkpoints
from alexlab.runs.parts import Parts, as_they_were, check_same, check_unchanged, parts_of
from alexlab.runs.run import Run
from alexlab.speed.bfloat16 import multiplies_bfloat16
from alexlab.speed.device import choose_device, choose_precision
from alexlab.speed.door import placed
from alexlab.training.batches import leaves_one
from alexlab.training.measured import measured
from alexlab.training.optimisers import make_optimiser
from alexlab.training.seeds import seed_for
from alexlab.training.settings import Settings
from alexlab.training.tensorboard import check_installed
from alexlab.weights.pretrained import freeze_all_but_head, load_pretrained
from alexlab.weights.tensors import load_statistics
from alexlab.weights.wrapped import Noted


@dataclass(frozen=True)
class Prepared:
    """What is trained on what.

    Attributes:
        asked: the recipe before it was resolved, by which --continue finds the run.
        recipe: resolved; nothing is left to the network, the dataset or the images.
        train, watched: the stored images.
        understood: what was made of the dataset, in facts.
        doubts: sentences about the images.
        about_precision: a sentence about the precision, where there is something to say.
        one_alone: whether an epoch's last batch may be of one image.
    """

    asked: Recipe
    recipe: Recipe
    dataset: Dataset
    parts: Parts
    device: torch.device
    network: nn.Module
    transform: Transform
    train: Store
    watched: Store
    understood: dict[str, Any]
    doubts: list[str]
    about_precision: str
    one_alone: bool


def prepared(asked: Recipe, settings: Settings, processes: Processes, before: Run | None) -> Prepared:
    """Return all that a training by the recipe `asked` needs, or one that goes on with the run `before`."""
    device = choose_device(settings.device)
    check_fits(settings.parallel, asked.network, processes.count)
    if settings.tensorboard:
        check_installed()
    at = Path(before.facts["found"]) if before and not settings.data_dir else None
    dataset = open_dataset(
        asked.dataset,
        settings.data_dir,
        asked.seed,
        at=at,
        progress=settings.callback.preparing,
        small_classes=asked.small_classes,
    )
    recipe = resolved(asked, dataset, processes.count)
    parts = parts_of(dataset, recipe)
    if before:
        parts = as_they_were(parts, dataset, before.division or {})
    check_same(recipe, parts, processes, settings.parallel)
    recipe, about_precision = _with_precision(recipe, device, processes)
    recipe, doubts = measured(recipe, asked, dataset, parts.train, goes_on=before is not None)
    if (
        not before
        and parts.test is not None
        and parts.test is not parts.watched
        and (bad := cut_off(parts.test.at(levels_of(recipe)).images))
    ):
        raise UserError(unreadable(bad))  # not after the training, where the test images are decoded
    if recipe.sampler == "balanced" and isinstance(parts.train.images, FileImages) and parts.train.images.files.remote:
        raise UserError(
            'sampler = "balanced" draws images from anywhere, and these are fetched shard by shard; take class_weights = "balanced".'
        )
    if before:
        check_unchanged(parts, before.division or {}, str(before.folder))
    elif processes.is_first:
        held_out = {recipe.watch: parts.watched, **({"test": parts.test} if parts.test else {})}
        doubts = [*dataset.notes, *doubts, *suspicions(parts.train, held_out, dataset.classes)]
        if recipe.class_weights == "none" and recipe.sampler == "shuffle":
            doubts += unequal(parts.train, dataset.classes)
    network = _network(recipe, device, before.folder if before else None, doubts.append)
    recipe, ready, train, watched = _stores(recipe, parts, settings, processes, before)
    one_alone = _one_alone(network, recipe, len(parts.train), doubts.append)
    if processes.count > 1 and settings.parallel != "towers":  # each tower sees all images
        check_parts(network, ready.input, len(parts.train) - (not one_alone), recipe.batch, processes)
    named = {"train": parts.train, recipe.watch: parts.watched, "test": parts.test}
    facts = understood(dataset, named, parts.division, ready)
    return Prepared(
        asked, recipe, dataset, parts, device, network, ready, train, watched, facts, doubts, about_precision, one_alone
    )


def _with_precision(recipe: Recipe, device: torch.device, processes: Processes) -> tuple[Recipe, str]:
    """Return the recipe with the precision that all processes compute in, and what there is to say about it."""
    multiplied = recipe.precision == "float32" or processes.sums(multiplies_bfloat16(device)) == [processes.count]
    precision, about_precision = choose_precision(recipe.precision, multiplied)
    return overridden(recipe, {"precision": precision}), about_precision


def _network(recipe: Recipe, device: torch.device, kept: Path | None, noted: Noted) -> nn.Module:
    """Return the network with its initial weights, after one look whether it fits input and classes."""
    classes, input = recipe.classes, recipe.input
    assert isinstance(classes, int) and isinstance(input, tuple)
    torch.manual_seed(seed_for(recipe.seed, "initialisation"))
    name = own_code(recipe.network, kept) if kept else recipe.network
    network = build(name, classes, input, recipe.initialisation)
    if recipe.pretrained and (kept is None or not checkpoints(kept)):  # a run that goes on has weights of its own
        load_pretrained(network, Path(recipe.pretrained), recipe.network, noted)
    if recipe.dropout != "network":
        set_dropout(network, recipe.dropout)
    if recipe.freeze:
        freeze_all_but_head(network)
    try_network(network, recipe.network, classes, input, partial(make_optimiser, recipe=recipe))
    if recipe.small_side:
        take_smaller(network, input, recipe.small_side)
    return placed(network, recipe.network, device)


def _one_alone(network: nn.Module, recipe: Recipe, images: int, noted: Noted) -> bool:
    """Return whether an epoch may end with a batch of one image; note where that is kept from happening.

    Raises:
        UserError: every batch is of one image, and the network cannot be trained on one.
    """
    joins, always = leaves_one(images, recipe.batch), 1 in (images, recipe.batch)
    if not joins and not always:
        return True
    input, side = recipe.input, recipe.small_side
    assert isinstance(input, tuple)
    if trains_on_one(network, recipe.network, input, *([(input[0], side, side)] if side else [])):
        return True
    if always:
        raise UserError(
            f"{recipe.network}: its batch norm cannot be trained on one image at a time: found {images:,} training "
            f"image{'s' * (images != 1)} in batches of {recipe.batch}. Take {'--set batch=2 or more' if images > 1 else 'more images'}."
        )
    noted(
        f"an epoch's last batch would be one of {images:,} images, on which the network's batch norm cannot be trained: that image joins "
        f"the batch before, which has {recipe.batch + 1}."
    )
    return False


def _stores(
    recipe: Recipe, parts: Parts, settings: Settings, processes: Processes, before: Run | None
) -> tuple[Recipe, Transform, Store, Store]:
    """Return the stored images, and the recipe with the statistics that it wants measured on them."""
    memory = (memory_budget() if settings.memory is None else settings.memory) // processes.local_count
    told = settings.callback.preparing
    unmeasured = {key: () for key in ("mean", "std") if getattr(recipe, key) == "dataset"}
    ready = transform(overridden(recipe, unmeasured))
    train = Store(parts.train, ready, memory, partial(told, "decoding training images"))
    if unmeasured:
        mean, std = channel_statistics(train)
        recipe = overridden(recipe, {key: {"mean": mean, "std": std}[key] for key in unmeasured})
    statistics = None
    if needs_statistics(recipe):
        images = (batch for batch, _ in train.batches(np.arange(len(train)), recipe.batch))
        statistics = load_statistics(before.folder) if before else pixel_statistics(images)
    ready = transform(recipe, statistics)
    left = max(0, memory - train.held_bytes)
    watched = Store(parts.watched, ready, left, partial(told, f"decoding {recipe.watch} images"))
    return recipe, ready, train, watched
