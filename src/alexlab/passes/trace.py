"""What one forward pass shows: which layer and which function made which tensor, from which."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from alexlab.networks.windows import Side, side_settings


@dataclass(frozen=True, slots=True)
class Value:
    """One tensor of the pass.

    Attributes:
        number: unique in the pass; a tensor changed in place is a new value.
        shape: with the batch.
        element_size: bytes of one element.
        from_input: whether it depends on the network's input (a weight, or a mask made of weights, does not).
        weights: the names of the parameters that it is, or is made of without the input.
        storage: names the memory that it lies in; a view has that of what it views.
        is_parameter: whether it is a Parameter, registered in the network or not.
        seen: what the one who watches noted of its values.
    """

    number: int
    shape: tuple[int, ...]
    element_size: int
    from_input: bool
    weights: tuple[str, ...] = ()
    storage: int = 0
    is_parameter: bool = False
    seen: Any = None


@dataclass(frozen=True, slots=True)
class Op:
    """One call of a PyTorch function.

    Attributes:
        arguments: by the function's parameter names; each tensor is its Value.
        path: of the innermost module that makes the call, which is `module`; "" for the network itself.
        line: the file and the line outside PyTorch that the call comes from; None where it comes from none.
    """

    function: str
    arguments: dict[str, Any]
    outputs: tuple[Value, ...]
    path: str
    module: nn.Module
    line: tuple[str, int] | None
    multiply_adds: int = 0

    def inputs(self) -> Iterator[Value]:
        """Yield the tensors among its arguments."""
        return values(self.arguments)

    def sides(self) -> tuple[Side, ...] | None:
        """Return the window of a convolution or pooling, one Side a spatial dimension; None where the call has none."""
        if not isinstance(self.arguments.get("input"), Value):
            return None
        weight = self.arguments.get("weight")
        kernel = weight.shape[2:] if isinstance(weight, Value) else self.arguments.get("kernel_size")
        return side_settings(self.function, kernel, self.arguments) if kernel is not None else None


@dataclass(slots=True)
class Step:
    """One row of the description: a module that is looked at as a whole, or one functional call.

    Attributes:
        name: dotted path; a functional call has the path of the module that makes it and the function's name.
        module: None for a functional call.
        allocated: bytes of memory that its outputs take anew: none for a view, or for work in place.
        kept: bytes that autograd keeps for the backward pass because of it; 0 where nothing is differentiated.
    """

    name: str
    module: nn.Module | None
    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()
    ops: list[Op] = field(default_factory=list)
    multiply_adds: int = 0
    allocated: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """Where the pass ended early: the last step is the one that failed. `op` is None where no PyTorch call failed."""

    error: Exception
    op: Op | None


@dataclass(frozen=True, slots=True)
class Trace:
    """All that one pass showed.

    Attributes:
        steps: the rows of a description; `ops`: every call in order, also those that the input does not reach.
        outputs: what the network returned, each tensor as its Value; `answer`: the same as it is.
        step_multiply_adds: of the forward and the backward pass, where there was one.
        stored: names of the network's own tensors, parameters and buffers, by their number.
        called: the modules that were called.
    """

    inputs: tuple[Value, ...]
    steps: tuple[Step, ...]
    ops: tuple[Op, ...]
    outputs: Any
    answer: Any
    failed: Failed | None
    step_multiply_adds: int | None
    stored: dict[int, str]
    called: frozenset[nn.Module]


def keeps_input(module: nn.Module | None) -> bool:
    """Whether a layer has a backward pass of its own that needs what it reads and nothing that it makes on the way."""
    return bool(getattr(module, "keeps_input", False))


def values(structure: Any) -> Iterator[Value]:
    """Yield all Values in nested tuples, lists and dicts."""
    if isinstance(structure, Value):
        yield structure
    elif isinstance(structure, dict):
        for item in structure.values():
            yield from values(item)
    elif isinstance(structure, list | tuple):
        for item in structure:
            yield from values(item)


def tensors(structure: Any) -> Iterator[torch.Tensor]:
    """Yield all tensors in nested tuples, lists and dicts."""
    if isinstance(structure, torch.Tensor):
        yield structure
    elif isinstance(structure, dict):
        for item in structure.values():
            yield from tensors(item)
    elif isinstance(structure, list | tuple):
        for item in structure:
            yield from tensors(item)
