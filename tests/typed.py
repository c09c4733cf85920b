"""What a test knows of a value, and the libraries' types do not say."""

from collections.abc import Callable
from subprocess import CompletedProcess
from typing import TypeVar

import torch
from torch import nn

Kind = TypeVar("Kind")
Network = TypeVar("Network", bound=nn.Module)
Command = Callable[..., CompletedProcess[str]]
"""The command line, run in a process of its own: the fixture `alexlab`."""


def as_a(kind: type[Kind], value: object) -> Kind:
    """The value, which is of this kind: a layer of a network, say, which PyTorch's types call a tensor or a module."""
    assert isinstance(value, kind), f"expected a {kind.__name__}, found a {type(value).__name__}"
    return value


def gradient(parameter: torch.Tensor) -> torch.Tensor:
    """The gradient of a parameter that has one."""
    assert parameter.grad is not None
    return parameter.grad


def laid_out(network: Network, layout: torch.memory_format) -> Network:
    """The network with its weights in this layout, which PyTorch's types know of tensors alone."""
    return network.to(memory_format=layout)  # type: ignore[call-overload, no-any-return]
