"""How AlexNet's weights were updated in 2012, and at which rates.

Source: Krizhevsky, Sutskever, Hinton, NIPS 2012, section 5; the 2012 source, definition 145 and the comments at its end.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import nn

from alexlab.recipes.schema import Recipe
from alexlab.training.parameter_groups import first_convolutions


class Update2012(torch.optim.Optimizer):
    """v = momentum v - decay rate w - rate g; w = w + v.

    torch.optim.SGD keeps the rate out of v, so that a new rate changes past steps too; here it changes only new ones. A
    rate of 0 skips the update altogether: the weight stands still, and so does its v.
    """

    def __init__(self, params: Iterable[Any], lr: float, momentum: float = 0.9, weight_decay: float = 0.0005) -> None:
        """`params` are parameters or groups, which may name another `lr`, `momentum` or `weight_decay`."""
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Make one update, from the gradients that the parameters hold."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rate, momentum, decay = float(group["lr"]), group["momentum"], group["weight_decay"]
            if rate == 0:
                continue
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "velocity" not in state:
                    state["velocity"] = torch.zeros_like(weight)
                velocity = state["velocity"]
                velocity.mul_(momentum).add_(weight, alpha=-decay * rate).add_(weight.grad, alpha=-rate)
                weight.add_(velocity)
        return loss


class Rates(NamedTuple):
    """Learning rates by what they are for."""

    weights: float
    biases: float
    conv1_weights: float
    conv1_biases: float


def rates_as_it_ran(epoch: int) -> Rates:
    """Return the rates of one epoch, counted from 0, of the run that ended at epoch 91.

    Weights: 0.01; 0.001 from epoch 25; 0.0001 from 51; 0.00001 from 79. Biases: 0.02 throughout. conv1's weights are slowed
    to 0.00001 at 67; from 72 conv1 is frozen, its biases too.
    """
    weights = 0.01 if epoch < 25 else 0.001 if epoch < 51 else 0.0001 if epoch < 79 else 0.00001
    if epoch >= 72:
        return Rates(weights, 0.02, 0.0, 0.0)
    return Rates(weights, 0.02, min(weights, 0.00001) if epoch >= 67 else weights, 0.02)


def groups_2012(network: nn.Module, rates: Rates, weight_decay: float = 0.0005) -> list[dict[str, Any]]:
    """Return the groups for `Update2012`, one for each field of `Rates` and named after it; only weights decay.

    conv1 is the layer of that name, in each tower; in a network that names none, the first convolution.
    """
    first = first_convolutions(network)
    members: dict[str, list[nn.Parameter]] = {name: [] for name in Rates._fields}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            kind = "weights" if parameter.ndim > 1 else "biases"
            members[f"conv1_{kind}" if name.rpartition(".")[0] in first else kind].append(parameter)
    return [
        {"name": name, "params": params, "lr": rate, "weight_decay": 0.0 if "biases" in name else weight_decay}
        for (name, params), rate in zip(members.items(), rates, strict=True)
        if params
    ]


def make(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser for `network`, with the rates of the first epoch."""
    return Update2012(groups_2012(network, rates_as_it_ran(0), recipe.weight_decay), recipe.rate, recipe.momentum)


def moments(recipe: Recipe) -> int:
    """Return 1: the velocity."""
    return 1
