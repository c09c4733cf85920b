"""Adam: Keras'. Epsilon is added to the root of the second moment before its bias is corrected, PyTorch's after.

Source: Keras, keras/src/optimizers/adam.py; Kingma and Ba, "Adam", 2014, the end of section 2, whose epsilon-hat it is.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from alexlab.recipes.schema import Recipe
from alexlab.training.parameter_groups import groups_by_decay, may_be_fused


class KerasAdam(torch.optim.Adam):
    """w = w - rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon), as PyTorch's Adam with another epsilon at each step t."""

    def __init__(
        self,
        groups: list[dict[str, Any]],
        lr: float,
        betas: tuple[float, float],
        epsilon: float,
        fused: bool | None = None,
    ) -> None:
        """Make it for `groups`; what they do not say is said here for all of them."""
        super().__init__(groups, lr=lr, betas=betas, eps=epsilon, fused=fused)
        self.epsilon = epsilon

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Make one update, from the gradients that the parameters hold."""
        for group in self.param_groups:
            past = max((float(self.state[p]["step"]) for p in group["params"] if self.state[p]), default=0.0)
            group["eps"] = self.epsilon / math.sqrt(1 - group["betas"][1] ** (past + 1))
        return super().step(closure)


def make(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser for `network`."""
    groups = groups_by_decay(network, recipe)
    return KerasAdam(groups, recipe.rate, recipe.betas, recipe.epsilon, may_be_fused(network))


def moments(recipe: Recipe) -> int:
    """Return 2: the running means of the gradient and of its square."""
    return 2
