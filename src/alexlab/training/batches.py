"""The batches of a training, as the network's input: what they are depends on the recipe, the epoch and the update alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from alexlab.data.input.store import Finish, Store
from alexlab.data.input.transform import Transform
from alexlab.parallel.strategies.strategy import Strategy
from alexlab.recipes.schema import Recipe
from alexlab.runs.checkpoint import TrainingState
from alexlab.speed.door import layout
from alexlab.training.seeds import balanced_epoch_order, epoch_order, generator_for

EPOCH_WITHOUT_NOISE = 67  # as it ran in 2012


@dataclass(frozen=True)
class Batches:
    """The training images in batches, of which this process gets its part.

    Where not `one_alone`, an epoch's last batch of one image joins the batch before.
    """

    recipe: Recipe
    images: Store
    transform: Transform
    strategy: Strategy
    one_alone: bool = True

    @cached_property
    def per_epoch(self) -> int:
        """How many batches an epoch has."""
        count = math.ceil(len(self.images) / self.recipe.batch)
        return count if self.one_alone or not leaves_one(len(self.images), self.recipe.batch) else count - 1

    @cached_property
    def steps(self) -> int:
        """How many updates the training has."""
        return max(1, round(self.per_epoch * self.recipe.epochs))

    @cached_property
    def epochs(self) -> int:
        """How many epochs are begun."""
        return math.ceil(self.steps / self.per_epoch)

    def left(self, state: TrainingState) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
        """Yield the batches of this epoch that are still to come: inputs (N, C, H, W), labels (N,), images in all processes together.

        `state` is to count each batch before the next is asked for.
        """
        recipe, device = self.recipe, self.strategy.device
        if state.batch == 0:  # an epoch that was begun keeps its order
            state.processes = self.strategy.readers
        order = self._order(state)
        order = order[state.batch * recipe.batch :]
        if (steps := self.steps - state.step) < self.per_epoch - state.batch:  # the last epoch may be a part of one
            order = order[: steps * recipe.batch]
        in_worker = self._finish(state) if device.type == "cpu" else None
        for images, labels in self.images.batches(order, recipe.batch, in_worker, self.strategy.rows, self.one_alone):
            whole = self._size(state.batch)
            if in_worker is None:
                images = self._finish(state)(0, images.to(device))
            yield images, labels.to(device), whole

    def _order(self, state: TrainingState) -> NDArray[np.int64]:
        recipe, images = self.recipe, self.images
        if recipe.sampler == "balanced":
            return balanced_epoch_order(recipe.seed, state.epoch, images.labels.numpy())
        return epoch_order(recipe.seed, state.epoch, len(images), images.shards, recipe.batch, state.processes)

    def _size(self, batch: int) -> int:
        """How many images batch number `batch` of an epoch has, in all processes together."""
        left = len(self.images) - batch * self.recipe.batch
        return left if batch == self.per_epoch - 1 else self.recipe.batch

    def _finish(self, state: TrainingState) -> Finish:
        """Return what makes the network's input of the stored images of the i-th batch from here on."""
        seed, kind = self.recipe.seed, layout(self.recipe.network)
        large, side = transform_in(state.epoch, self.recipe, self.transform), self.recipe.small_side
        small = replace(large, input=(large.input[0], side, side)) if side else large
        small_steps = round(self.steps * self.recipe.small_share)
        step, batch = state.step, state.batch

        def finish(number: int, images_NCHW: torch.Tensor) -> torch.Tensor:
            prepared = small if step + number < small_steps else large
            part = self.strategy.part(self._size(batch + number))
            return prepared(images_NCHW, generator_for(seed, "augment", step + number), kind, part)

        return finish


def leaves_one(images: int, batch: int) -> bool:
    """Return whether an epoch ends with a batch of one image, and there is a batch before it."""
    return images > batch > 1 and images % batch == 1


def transform_in(epoch: int, recipe: Recipe, transform: Transform) -> Transform:
    """Return the path to the input in this epoch: in 2012 the colour noise was switched off towards the end."""
    if recipe.schedule != "as-it-ran" or epoch < EPOCH_WITHOUT_NOISE:
        return transform
    return replace(transform, augment=tuple(word for word in transform.augment if word != "colour"))
