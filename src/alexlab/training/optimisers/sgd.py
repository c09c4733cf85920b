"""Stochastic gradient descent, with momentum where the recipe says so: PyTorch's."""

import torch
from torch import nn

from alexlab.recipes.schema import Recipe
from alexlab.training.parameter_groups import groups_by_decay, may_be_fused


def make(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser for `network`."""
    groups = groups_by_decay(network, recipe)
    return torch.optim.SGD(groups, lr=recipe.rate, momentum=recipe.momentum, fused=may_be_fused(network))


def moments(recipe: Recipe) -> int:
    """Return 1 for the velocity, if there is one."""
    return int(recipe.momentum > 0)
