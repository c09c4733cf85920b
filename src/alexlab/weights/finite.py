"""Numbers that are not finite any more, found."""

import math
from collections.abc import Mapping

import torch
from torch import nn


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
