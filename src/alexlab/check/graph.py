"""The graph of a computation: what was computed from what, of which shape, in which line.

Two things make it: `tracing` runs a network on images without data, `reading` reads a script without running it. The
rules see only this, so that a rule is the same for a network and for a script.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Any

from alexlab.check.finding import Place
from alexlab.passes import functions
from alexlab.passes.functions import operation


@dataclass(frozen=True)
class Batch:
    """So many times the number of images in a batch: a dimension that is known although the number is not."""

    times: Fraction = Fraction(1)


Dim = int | Batch | None
Dims = tuple[Dim, ...] | None
"""A dimension that is not known is None; so is a shape whose rank is not known."""


@dataclass(frozen=True)
class Values:
    """What was seen of a tensor's values in a run on two different images."""

    zero: bool
    same: bool  # for both images


@dataclass(eq=False)
class Node:
    """One tensor and the operation that made it.

    Attributes:
        op: name of the operation: PyTorch's function name without dimension and underscore ("conv", "max_pool", "relu");
            "input" for images, "unknown" where the value is not known, "either" where two branches meet.
        attributes: the operation's arguments by PyTorch's names; None where they are not known.
        layer: dotted path of the layer that computed it, or "".
        owner: the layer object that holds the weights, to tell one layer from another.
        network: the outermost network in whose forward it was computed.
        training: the mode of the layer, or of the network around a function call.
        grad: whether it holds its graph for a backward pass.
        rounds: of a script, the passes through loops in which it was computed, outermost first.
        values: what a run on two images showed, where it had data.
    """

    op: str
    inputs: tuple["Node", ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    shape: Dims = None
    place: Place | None = None
    layer: str = ""
    owner: object = None
    network: object = None
    training: bool | None = None
    grad: bool = False
    rounds: tuple[Any, ...] = ()
    values: Values | None = None
    consumers: list["Node"] = field(default_factory=list)

    def __post_init__(self) -> None:
        for node in self.inputs:
            node.consumers.append(self)


@dataclass(frozen=True)
class End:
    """Where a network's answer meets its loss.

    Attributes:
        loss: "cross_entropy", "nll_loss", "bce", "bce_with_logits", or None where the loss is not known.
        answer: what the loss is given.
        place: of the loss.
        target_classes: how many classes the labels have, where known.
        made: the loss itself.
    """

    loss: str | None
    answer: Node
    place: Place | None
    target_classes: int | None = None
    network: object = None
    made: Node | None = None


@dataclass(frozen=True)
class Uncalled:
    """A layer that is part of a network and is never called; `kind` is its class's name."""

    layer: str
    kind: str
    place: Place | None = None


@dataclass
class Graph:
    """All nodes in the order in which they were computed.

    Attributes:
        ends: the answers of the networks and their losses.
        evaluation: nodes computed with the network in evaluation mode, to see what stays active.
        uncalled: of a network that ran, its layers without parts that were not called.
        answer: of a network that ran, what it answered.
        failure: the last call, where it failed: its node has the inputs' shapes, and `reason` PyTorch's words.
    """

    nodes: list[Node] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    evaluation: list[Node] = field(default_factory=list)
    uncalled: list["Uncalled"] = field(default_factory=list)
    answer: Any = None
    failure: Node | None = None
    reason: str = ""


def fits_labels(end: End) -> bool:
    """Return whether a loss over classes takes an answer of this shape, as far as shapes are known."""
    if end.loss not in ("cross_entropy", "nll_loss") or end.answer.shape is None:
        return True
    target = end.made.inputs[1].shape if end.made is not None and len(end.made.inputs) > 1 else None
    return target is None or len(target) in (len(end.answer.shape) - 1, len(end.answer.shape))


SHAPE_ONLY = frozenset(
    [
        "view",
        "reshape",
        "flatten",
        "unflatten",
        "squeeze",
        "unsqueeze",
        "permute",
        "transpose",
        "t",
        "contiguous",
        "to",
        "cuda",
        "cpu",
        "float",
        "double",
        "half",
        "clone",
        "identity",
        "type",
        "requires_grad",
        "expand",
        "view_as",
        "reshape_as",
        "movedim",
        "swapaxes",
        "alias",
        "bfloat16",
        "type_as",
    ]
)
"""Operations that move values and change none."""

ACTIVATIONS = frozenset(map(operation, functions.ACTIVATIONS - functions.CLAMPS)) | {"glu", "softmax", "log_softmax"}


def behind(node: Node, through: frozenset[str] = SHAPE_ONLY) -> Node:
    """Return the first node at or before `node` whose operation is none of `through`."""
    while node.op in through and len(node.inputs) >= 1:
        node = node.inputs[0]
    return node


def origins(node: Node, through: frozenset[str] = SHAPE_ONLY) -> list[Node]:
    """Return what `node` is, behind operations of `through`: several nodes where branches or parts meet."""
    found: list[Node] = []
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if current.op in ("either", "cat", "stack") and current.inputs:
            waiting.extend(current.inputs)
        elif (current.op in through or current.op == "getitem") and current.inputs:
            waiting.append(current.inputs[0])
        else:
            found.append(current)
    return found


def ancestors(node: Node) -> Iterator[Node]:
    """`node` and everything it was computed from, each once."""
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting.extend(current.inputs)


def descendants(node: Node) -> Iterator[Node]:
    """`node` and everything computed from it, each once."""
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting.extend(current.consumers)


def values_per_image(shape: Dims) -> int | None:
    """How many values each image has in a tensor of this shape, whose first dimension counts images."""
    if shape is None or len(shape) < 1:
        return None
    rest = [size for size in shape[1:] if isinstance(size, int)]
    return prod(rest) if len(rest) == len(shape) - 1 else None


def shown(shape: Dims) -> str:
    """Return a shape as a reader writes it: N for the number of images, ? for what is not known."""
    if shape is None:
        return "(?)"

    def one(size: Dim) -> str:
        if isinstance(size, Batch):
            return "N" if size.times == 1 else f"N*{size.times}"
        return "?" if size is None else str(size)

    return "(" + ", ".join(one(size) for size in shape) + ")"
