"""What a value of a script can be when the script is read and not run.

Numbers, strings, tuples, lists and dicts stand for themselves. Everything else is one of the classes below; what cannot
be known is UNKNOWN, and every operation on UNKNOWN gives UNKNOWN, so that no rule decides on a guess.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from alexlab.check.finding import Place
from alexlab.check.graph import Node
from alexlab.check.reading.limits import LONGEST_NAME


class _Unknown:
    """The value of what cannot be known without running the script."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: object) -> "_Unknown":
        return self


UNKNOWN: Final = _Unknown()
Value = Any
"""One of this module's classes, or a constant or container of Python."""


@dataclass(frozen=True)
class External:
    """Something of a library, by its full name: `torch.nn.functional.relu`."""

    name: str


@dataclass(eq=False)
class Scope:
    """The names of a module or of one call, and of the scopes around it."""

    names: dict[str, Value]
    outer: "Scope | None" = None
    file: str = ""
    owner: "Class | None" = None
    stars: list[str] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)

    def find(self, name: str) -> "Scope | None":
        """Return the nearest scope, from the inside, that has `name`."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope
            scope = scope.outer
        return None


@dataclass(eq=False)
class Function:
    """A function, method or lambda of the script."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    defaults: list[Value]
    keyword_defaults: list[Value]
    owner: "Class | None" = None
    no_grad: bool = False
    kind: str = ""
    called: bool = False


@dataclass(eq=False)
class Class:
    """A class of the script."""

    name: str
    bases: list[Value]
    names: dict[str, Value]
    place: Place
    is_dataclass: bool = False
    fields: list[str] = field(default_factory=list)
    made: bool = False

    def line(self) -> "Iterator[Class | External]":
        """Yield the class and what it derives from, nearest first, each once."""
        waiting: list[Value] = [self]
        seen: set[int] = set()
        while waiting:
            each = waiting.pop()
            if isinstance(each, Class | External) and id(each) not in seen:
                seen.add(id(each))
                yield each
                waiting += reversed(each.bases) if isinstance(each, Class) else []

    def find(self, name: str) -> Value:
        """Return what the class or the nearest of its parents calls `name`; None where none does."""
        for each in self.line():
            if isinstance(each, Class) and name in each.names:
                return each.names[name]
        return None

    def derives_from(self, *names: str) -> bool:
        """Return whether it derives from a class of a library with one of these full names."""
        return any(isinstance(each, External) and each.name in names for each in self.line())

    @property
    def is_network(self) -> bool:
        """Whether it derives from nn.Module, from one of its layers or from a network of a library."""
        return any(
            isinstance(each, External)
            and (each.name.endswith(".LightningModule") or each.name.startswith("torch.nn.") or ".models." in each.name)
            for each in self.line()
        )


@dataclass(eq=False)
class Object:
    """An instance of a class of the script."""

    cls: Class
    attributes: dict[str, Value]
    place: Place


@dataclass(eq=False)
class Made:
    """What calling a class of a library made: a layer, an optimiser, a dataset, a loader, a transform.

    Attributes:
        name: full name of the class.
        arguments: by PyTorch's names where the signature is known, else "0", "1" for positional ones.
        children: of a container, by name.
    """

    name: str
    arguments: dict[str, Value]
    place: Place
    children: dict[str, Value] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class OneOf:
    """A network or class of networks that is one of several, which is decided where the script runs.

    What is done with it is done with each.
    """

    values: "list[Value]"


@dataclass(eq=False)
class Bound:
    """A method of `receiver`."""

    receiver: Value
    name: str
    function: Function | None = None


@dataclass(eq=False)
class Super:
    """What `super()` gives: `receiver`, whose methods are looked up behind the class `after`."""

    receiver: Value
    after: Class


@dataclass(eq=False)
class Parameter:
    """The weight or bias of a layer."""

    layer: Made
    name: str


@dataclass(eq=False)
class Parameters:
    """What `network.parameters()` gives; pairs with names for `named_parameters()`."""

    network: Value
    named: bool = False


@dataclass(eq=False)
class Tensor:
    """A tensor, as the node of the graph that computes it."""

    node: Node

    @property
    def shape(self) -> Any:
        """Its sizes, as far as they are known."""
        return self.node.shape


@dataclass(eq=False)
class Measure:
    """A number that was computed from a tensor, or a sum of such numbers where it is `summed`.

    `reset` is the loop in which it is sometimes begun anew, by its identity.
    """

    node: Node
    summed: bool = False
    reset: int | None = None


@dataclass(frozen=True, eq=False)
class Length:
    """How many batches a loader has."""

    loader: Made


@dataclass(frozen=True, eq=False)
class Images:
    """How many images a dataset has, or how many were counted; `source` is the dataset, UNKNOWN where it is not known."""

    source: Value = UNKNOWN


@dataclass(eq=False)
class Batches:
    """An iterator over what cannot be listed: "each" of its elements, or "enumerate"d."""

    source: Value
    form: str = "each"


def is_network(value: Value) -> bool:
    """Return whether `value` is a network or a layer, of the script or of a library."""
    if isinstance(value, Object):
        return value.cls.is_network
    return isinstance(value, Made) and (value.name.startswith("torch.nn.") or value.name.startswith(MODEL_ZOOS))


def is_whole(value: Value) -> bool:
    """Return whether `value` is a network, not a layer, or a class of them."""
    if isinstance(value, Class):
        return value.is_network
    named = isinstance(value, Made) and value.name.startswith(("torch.nn.Sequential", *DATA_PARALLEL, *MODEL_ZOOS))
    return named or (isinstance(value, Object) and is_network(value))


def unwrapped(value: Value) -> Value:
    """Return the network that a `DataParallel` copies to several devices."""
    return value.children.get("module", value) if isinstance(value, Made) and value.name in DATA_PARALLEL else value


DATA_PARALLEL = ("torch.nn.DataParallel", "torch.nn.parallel.DistributedDataParallel")
MODEL_ZOOS = ("torchvision.models.", "timm.")


def inside(network: Value) -> Iterator[tuple[str, Value]]:
    """Yield the networks and layers directly inside `network`, with their names."""
    held = network.attributes if isinstance(network, Object) else {**network.children, **network.attributes}
    for name, value in held.items():
        if is_network(value):
            yield name, value
        elif isinstance(value, OneOf):
            yield from ((name, each) for each in value.values if is_network(each))
        elif isinstance(value, list):  # a plain list: PyTorch does not see these
            continue


def holds_layers(network: Value) -> "list[Made]":
    """Return the layers of the library that plain lists, tuples and dicts of `network` and its parts hold."""
    waiting: list[Value] = []
    parts, seen = [network], set()
    while parts:
        part = parts.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Object):
            waiting += [value for value in part.attributes.values() if isinstance(value, list | tuple | dict)]
        parts += [each for _, each in inside(part)]
    found: list[Made] = []
    for _ in range(10_000):
        if not waiting:
            break
        value = waiting.pop()
        if isinstance(value, dict | list | tuple):
            waiting += list(value.values()) if isinstance(value, dict) else list(value)
        elif is_network(value):
            found += [layer for _, layer in layers(value)]
    return found


def layers(network: Value) -> Iterator[tuple[str, Made]]:
    """Every layer of the library in `network`, with its dotted path, each once."""
    waiting = [("", each) for each in (reversed(network.values) if isinstance(network, OneOf) else [network])]
    seen: set[int] = set()
    while waiting:
        path, each = waiting.pop()
        if id(each) in seen or len(path) > LONGEST_NAME:
            continue
        seen.add(id(each))
        if isinstance(each, Made):
            yield path, each
        waiting += reversed([(f"{path}.{name}" if path else name, part) for name, part in inside(each)])


def truth(value: Value) -> bool | None:
    """Whether Python takes `value` for true; None where that is not known."""
    if value is None or isinstance(value, bool | int | float | str):
        return bool(value)
    if isinstance(value, tuple | list | dict):
        return None if len(value) == 1 and next(iter(value)) is UNKNOWN else bool(value)
    if isinstance(value, Bound):  # `args.name` of what is not known is one too
        return True if value.function is not None else None
    if isinstance(value, Object | Function | Class | OneOf):
        return True
    if isinstance(value, Made):
        return True
    return None
