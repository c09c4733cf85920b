"""Which parameters an optimiser treats alike."""

from collections.abc import Collection
from typing import Any

from torch import nn

from alexlab.recipes.schema import Recipe

FUSED = ("cpu", "cuda")


def groups_by_decay(network: nn.Module, recipe: Recipe, without: Collection[nn.Parameter] = ()) -> list[dict[str, Any]]:
    """Return the groups of what is trained: weight decay spares biases and the parameters of normalisation layers.

    Args:
        without: parameters that are in none of them.
    """
    left_out = {id(parameter) for parameter in without}
    trained = [p for p in network.parameters() if p.requires_grad and id(p) not in left_out]
    groups: list[dict[str, Any]] = [
        {
            "params": [p for p in trained if (p.ndim > 1) == decays and _is_divided(p) == divided],
            "weight_decay": recipe.weight_decay if decays else 0.0,
            **({"fused": False} if divided else {}),  # which PyTorch's distributed tensors know nothing of
        }
        for divided in (False, True)
        for decays in (True, False)
    ]
    return [group for group in groups if group["params"]]


def may_be_fused(network: nn.Module) -> bool:
    """Whether one pass over the weights can do what takes one for each operation otherwise."""
    return next(p for p in network.parameters() if p.requires_grad).device.type in FUSED


def first_convolutions(network: nn.Module) -> set[str]:
    """Return the names of the layers that read pixels: those called conv1, one in each tower, else the first convolution."""
    convolutions = [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    return {name for name in convolutions if name.rpartition(".")[2] == "conv1"} or set(convolutions[:1])


def _is_divided(parameter: nn.Parameter) -> bool:
    """Whether it is a distributed tensor, told without the import of what makes them."""
    return hasattr(parameter, "device_mesh")
