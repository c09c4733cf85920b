"""What a script does, in the order in which it does it: the events that the rules about training look at."""

from dataclasses import dataclass, field
from typing import Literal

from alexlab.check.finding import Place
from alexlab.check.graph import Graph, Node
from alexlab.check.reading.source import Source
from alexlab.check.reading.values import Value

Kind = Literal["forward", "loss", "backward", "step", "zero_grad", "schedule", "accumulate", "escape", "mode", "init",
               "average", "image", "call", "unanswered", "move"]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Round:
    """One pass through the body of a loop.

    Attributes:
        loop: identity of the loop statement, in this call.
        number: 0 for the first pass, 1 for the second; a loop that trains is read twice.
        over: the value that is iterated, e.g. a loader.
    """

    loop: int
    number: int
    over: Value
    place: Place


@dataclass(frozen=True, eq=False)
class Event:
    """Something that matters for training.

    Attributes:
        subject: the network of "forward" and "mode", the optimiser of "step", "zero_grad" and "schedule" (or the network,
            for `network.zero_grad()`), the node of "backward", "loss" and "accumulate", the value of "escape", what "average" divides by
            (the loader; Images or a number where its name is "images"), the picture of "image",
            the function of "call" (of a library, with its keywords as detail), the network of "unanswered" and of "move", which
            goes to the device that is its detail (None, where everything made from there on goes to one).
        node: the answer of a "forward", the loss of a "loss" and "backward".
        rounds: the loops around it, outermost first.
        conditional: whether it stands under a condition that cannot be known.
        training: the mode of the network, for "forward"; "mixed" where a condition decides between two modes.
        grad: whether gradients were recorded; None where that is not known.
        unit: which independent part of the file: the script itself, or a function that nothing calls.
    """

    kind: Kind
    subject: Value
    place: Place
    node: Node | None = None
    rounds: tuple[Round, ...] = ()
    conditional: bool = False
    training: bool | Literal["mixed"] | None = None
    grad: bool | None = True
    name: str = ""
    unit: int = 0
    detail: Value = None


@dataclass
class Program:
    """A script as it was read.

    Attributes:
        networks: every network that the script builds, by name of its class.
        made: every dataset, loader, transform and optimiser that it makes.
        complete: False where the reader gave up before the end.
        lost: the lines that could not be followed, and why.
        births: the loops in which each layer and each optimiser was made, by identity.
        sources: the files that were read, by path.
    """

    graph: Graph = field(default_factory=Graph)
    events: list[Event] = field(default_factory=list)
    networks: list[Value] = field(default_factory=list)
    made: list[Value] = field(default_factory=list)
    complete: bool = True
    lost: dict[Place, str] = field(default_factory=dict)
    births: dict[int, tuple[Round, ...]] = field(default_factory=dict)
    pretrained: bool = False
    sources: dict[str, Source] = field(default_factory=dict)
