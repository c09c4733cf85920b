"""Layers without a shape until their first images (`nn.LazyConv2d`, `nn.LazyLinear`, `nn.LazyBatchNorm2d`): they get it by zeros."""

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter


def is_lazy(tensor: torch.Tensor) -> bool:
    """Return whether `tensor` has no shape yet."""
    return isinstance(tensor, UninitializedParameter | UninitializedBuffer)


def has_lazy(network: nn.Module) -> bool:
    """Return whether any weight or buffer of `network` has no shape yet."""
    return any(map(is_lazy, (*network.parameters(), *network.buffers())))


def give_shapes(network: nn.Module, *images: torch.Tensor) -> None:
    """Show the network images, in evaluation mode, and leave it in the mode that it was in.

    Its lazy layers make their weights, which can be set and read then. Raises whatever the pass raises.
    """
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    modes = [(module, module.training) for module in network.modules()]
    try:
        with torch.no_grad():
            network.eval()(*(each.to(device) for each in images))
    finally:
        for module, training in modes:
            module.training = training
