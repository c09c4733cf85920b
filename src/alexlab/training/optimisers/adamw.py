"""Adam with weight decay beside the gradient: PyTorch's."""

import torch
from torch import nn

from alexlab.recipes.schema import Recipe
from alexlab.training.parameter_groups import groups_by_decay, may_be_fused


def make(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser for `network`."""
    groups = groups_by_decay(network, recipe)
    fused = may_be_fused(network)
    return torch.optim.AdamW(groups, lr=recipe.rate, betas=recipe.betas, eps=recipe.epsilon, fused=fused)


def moments(recipe: Recipe) -> int:
    """Return 2: the running means of the gradient and of its square."""
    return 2
