"""Copies of a network to watch a pass of: the network itself stays as it was."""

from copy import deepcopy
from typing import Any, Literal

import torch
from torch import nn

from alexlab.networks.lazy import give_shapes, has_lazy, is_lazy
from alexlab.passes.trace import tensors

Weights = Literal["none", "shared", "own"]


def copied(network: nn.Module, weights: Weights) -> nn.Module:
    """Return a copy of `network`, with buffers of its own.

    Args:
        weights: "none" for a copy on the meta device, which takes no memory; "shared" for the network's own weights;
            "own" for weights that can be trained.
    """
    stand_ins: dict[int, Any] = {}
    for module in network.modules():
        # A plain attribute may hold tensors too (weight_norm leaves one), and deepcopy refuses some of those.
        for tensor in tensors(vars(module)):
            if id(tensor) not in stand_ins:
                stand_ins[id(tensor)] = _stand_in(tensor, weights)
    made = deepcopy(network, stand_ins)
    return made.to("meta") if weights == "none" else made


def with_shapes(network: nn.Module, *images: torch.Tensor) -> nn.Module:
    """Return the network; where it has lazy layers, a copy in which `images` gave them shapes. Raises whatever the pass raises."""
    if not has_lazy(network):
        return network
    made = copied(network, "own")
    with torch.random.fork_rng(devices=[]):
        give_shapes(made, *images)
    return made


def _stand_in(tensor: torch.Tensor, weights: Weights) -> torch.Tensor:
    is_parameter = isinstance(tensor, nn.Parameter)
    if is_lazy(tensor):
        unshaped: Any = type(tensor)
        made: torch.Tensor = unshaped(requires_grad=tensor.requires_grad, device=tensor.device, dtype=tensor.dtype)
        return made
    if weights == "none":
        content = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")  # empty_like would import sympy
    else:
        content = tensor.detach() if is_parameter and weights == "shared" else tensor.detach().clone()
    return nn.Parameter(content, tensor.requires_grad) if is_parameter else content


def without_hooks(network: nn.Module) -> nn.Module:
    """Take the hooks that are not PyTorch's own from a copy, and return it: they would act on the caller's objects."""
    for module in network.modules():
        for hooks in (
            module._forward_hooks,
            module._forward_pre_hooks,
            module._backward_hooks,
            module._backward_pre_hooks,
        ):
            for key, hook in list(hooks.items()):
                if not type(hook).__module__.startswith("torch.nn.utils"):
                    del hooks[key]
    return network
