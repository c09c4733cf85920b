"""The update: an optimiser made from a recipe, and its learning rate at each step."""

import math
from typing import Any

import torch
from torch import nn

from alexlab.recipes.schema import Recipe
from alexlab.training.optimisers.muon import Muon, hidden_weights
from alexlab.training.optimisers.update_2012 import Update2012, groups_2012, rates_as_it_ran

FUSED = ("cpu", "cuda")
RATE_2012 = 0.01  # the first rate of the weights in 2012: the others keep their proportion to it
MOST_PLATEAUS = 3


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return PyTorch's optimiser for `network`. Weight decay spares biases and the parameters of normalisation layers."""
    if recipe.optimiser == "sgd-2012":
        return Update2012(groups_2012(network, rates_as_it_ran(0), recipe.weight_decay), recipe.rate, recipe.momentum)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    chosen = hidden_weights(network) if recipe.optimiser == "muon" else []
    by_muon = {id(weight) for weight in chosen}
    groups: list[dict[str, Any]] = [
        {
            "params": [
                p for p in trained if (p.ndim > 1) == decays and _is_divided(p) == divided and id(p) not in by_muon
            ],
            "weight_decay": recipe.weight_decay if decays else 0.0,
            **({"fused": False} if divided else {}),  # which PyTorch's distributed tensors know nothing of
        }
        for divided in (False, True)
        for decays in (True, False)
    ]
    groups = [group for group in groups if group["params"]]
    fused = trained[0].device.type in FUSED  # one pass over the weights instead of one for each operation
    if recipe.optimiser == "muon":
        groups = [{**group, "orthogonal": False} for group in groups]
        if chosen:
            groups.append({"params": chosen, "weight_decay": recipe.weight_decay, "orthogonal": True})
        precision = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
        return Muon(groups, recipe.rate, recipe.momentum, recipe.betas, recipe.epsilon, precision, fused)
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=recipe.rate, momentum=recipe.momentum, fused=fused)
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=recipe.rate, betas=recipe.betas, eps=recipe.epsilon, fused=fused)


def _is_divided(parameter: nn.Parameter) -> bool:
    """Whether it is a distributed tensor, told without the import of what makes them."""
    return hasattr(parameter, "device_mesh")


def rate_at(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of update number `step` (from 0) of `steps`: a linear rise during the warm-up, then the schedule."""
    rising = round(recipe.warmup * steps)
    if step < rising:
        return recipe.rate * (step + 1) / rising
    if recipe.schedule not in ("linear", "cosine"):
        return recipe.rate
    done = (step - rising) / max(1, steps - rising)
    falling = 1 - done if recipe.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return recipe.rate * falling


def set_rates(
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    step: int,
    steps: int,
    epoch: int,
    plateaus: int,
    rollbacks: int = 0,
) -> None:
    """Give each group of the optimiser its learning rate for update number `step`, in epoch `epoch` (both from 0).

    `plateaus` is how often the watched figures have stopped improving: each divides the rate of the schedule plateau by ten.
    `rollbacks` is how often the training went back from numbers that were not finite: each divides every rate by ten.
    """
    drops = epoch // recipe.drop_every if recipe.schedule == "steps" else plateaus
    rate = rate_at(recipe, step, steps) / 10**drops
    ran = rates_as_it_ran(epoch)._asdict() if recipe.schedule == "as-it-ran" else {}
    for group in optimiser.param_groups:
        lowered = ran[group["name"]] * recipe.rate / RATE_2012 if ran else rate
        group["lr"] = lowered / 10**rollbacks
