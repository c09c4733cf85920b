"""The learning rate of each update."""

import math

import torch

from alexlab.recipes.schema import Recipe
from alexlab.training.optimisers.sgd_2012 import rates_as_it_ran

RATE_2012 = 0.01  # the first rate of the weights in 2012: the others keep their proportion to it
RATES_1998 = ((2, 1.0), (5, 0.4), (8, 0.2), (12, 0.1))
"""Until which pass, and which share of the first rate: 0.0005, 0.0002, 0.0001, 0.00005 (LeCun et al. 1998, section III B)."""
LAST_1998 = 0.02  # 0.00001 from then on
MOST_PLATEAUS = 3  # after which a training ends instead


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
    if recipe.schedule == "lenet-1998":
        rate *= next((share for until, share in RATES_1998 if epoch < until), LAST_1998)
    ran = rates_as_it_ran(epoch)._asdict() if recipe.schedule == "as-it-ran" else {}
    for group in optimiser.param_groups:
        lowered = ran[group["name"]] * recipe.rate / RATE_2012 if ran else rate
        group["lr"] = lowered / 10**rollbacks
