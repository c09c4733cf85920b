"""The updates of the weights, one file each, called as the recipe calls it: `sgd_2012.py` is `optimiser = "sgd-2012"`.

A file has two functions, and needs to be named nowhere else: `make(network, recipe)`, the optimiser, and `moments(recipe)`, how many
tensors of a weight's size it keeps for each weight.
"""

from importlib import import_module
from typing import Protocol, cast, runtime_checkable

import torch
from torch import nn

from alexlab.recipes.schema import Recipe


class Update(Protocol):
    """What a file of this folder has."""

    def make(self, network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
        """Return the optimiser for `network`."""

    def moments(self, recipe: Recipe) -> int:
        """Return how many tensors of a weight's size it keeps for each weight."""


@runtime_checkable
class ImageByImage(Protocol):
    """An optimiser that makes an update of each image by itself, and does the network's work too."""

    def learn(
        self, images_NCHW: torch.Tensor, labels_N: torch.Tensor, first: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Update the network by each image in turn; return the mean loss and how many were right. `first` begins an epoch."""


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser for `network`."""
    return _update(recipe).make(network, recipe)


def moments(recipe: Recipe) -> int:
    """Return how many tensors of a weight's size the recipe's optimiser keeps for each weight."""
    return _update(recipe).moments(recipe)


def _update(recipe: Recipe) -> Update:
    return cast(Update, import_module(f"{__name__}.{recipe.optimiser.replace('-', '_')}"))
