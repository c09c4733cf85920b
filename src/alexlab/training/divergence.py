"""Numbers that went wrong: found, and explained."""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from alexlab.errors import UserError
from alexlab.recipes.schema import Recipe


class Diverged(UserError):
    """Numbers that are not finite any more: what, after which update, and the likely causes in order."""

    def __init__(self, what: str, step: int, epoch: int, rollbacks: int, recipe: Recipe, folder: Path) -> None:
        rate = recipe.rate / 10**rollbacks
        causes = [f"the learning rate {rate:g} is too high (try --set rate={rate / 10:g})"]
        if recipe.precision != "float32":
            causes.append(f"{recipe.precision} is too coarse (try --set precision=float32)")
        if not recipe.clip:
            causes.append("the gradient grows without a limit (try --set clip=1)")
        causes.append(
            "the network's initial weights or the scale of the pixels do not suit it (pixels, mean and std of the recipe), or "
            "images are damaged (`alexlab datasets check`)"
        )
        listed = "; ".join(f"({i}) {cause}" for i, cause in enumerate(causes, start=1))
        went_back = f", after {rollbacks} rollbacks" if rollbacks else ""
        super().__init__(
            f"{what} at step {step} (epoch {epoch + 1}{went_back}). Likely causes: {listed}. "
            f"What was recorded until then, and the last good checkpoint, are in {folder}."
        )
        self.what, self.step = what, step


def not_finite(network: nn.Module) -> str | None:
    """Return the name of a weight or a running figure of `network` that is not finite any more; None where all are."""
    return first_not_finite({**dict(network.named_parameters()), **dict(network.named_buffers())})


def first_not_finite(named: Mapping[str, torch.Tensor]) -> str | None:
    """Return the name of the first of these tensors that holds a number that is not finite; None where all are."""
    numbers = {name: tensor.detach() for name, tensor in named.items() if tensor.is_floating_point()}
    # The norm looks at all of them in one call; it overflows before they do, so the verdict is isfinite's.
    if math.isfinite(nn.utils.get_total_norm(list(numbers.values())).item()):
        return None
    return next((name for name, tensor in numbers.items() if not torch.isfinite(tensor).all()), None)
