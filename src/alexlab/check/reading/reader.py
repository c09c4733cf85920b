"""Reading a script: its statements are followed in order, with values that may be unknown.

Nothing of the script runs. A function or network of the script is followed at its call; both branches of a condition
that is not known are followed, and what they leave is joined; a loop that trains is followed twice, so that what one pass
leaves for the next is seen.
"""

import ast
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Literal, TypeVar

from alexlab.check.finding import Place
from alexlab.check.graph import Node
from alexlab.check.reading.limits import (
    LARGEST_NUMBER,
    LARGEST_VALUE,
    LONGEST,
    LONGEST_LOOP,
    MOST_EVENTS,
    MOST_NODES,
    MOST_STEPS,
    MOST_VALUES,
    GaveUp,
    weight,
)
from alexlab.check.reading.program import Event, Kind, Program, Round
from alexlab.check.reading.source import Source
from alexlab.check.reading.values import (
    UNKNOWN,
    Bound,
    Function,
    Made,
    Measure,
    Object,
    OneOf,
    Parameters,
    Scope,
    Tensor,
    Value,
    inside,
    is_network,
    is_whole,
    unwrapped,
)

K = TypeVar("K")

MOST_CANDIDATES = 8
MOST_COMPARED = 10_000
_MISSING: Any = object()
Mode = bool | None | Literal["mixed"]
"""Training or not; None where it is not known; "mixed" where it is training on one path and not on another."""


class Flow(Enum):
    """How a statement leaves its block: for the next one, or out of it."""

    NEXT = "next"
    RETURN = "return"
    BREAK = "break"
    CONTINUE = "continue"
    RAISE = "raise"


@dataclass
class Frame:
    """A function of the script that is being followed, or a module where `function` is None."""

    scope: Scope
    function: Function | None = None
    returns: list[Value] = field(default_factory=list)


@dataclass
class Written:
    """A change to a dict or list, and what was there before; of a list that only grew, its length."""

    container: Any
    key: Any
    before: Any


@dataclass(frozen=True)
class Language:
    """How Python is followed, from the smallest parts up. A part that meets a larger one asks the reader for it.

    Attributes:
        evaluate: gives the value of an expression.
        follow: follows statements.
        assign: gives a target (a name, attribute, element or a tuple of them) its value.
        call: calls a value with positional and keyword arguments, at a place.
    """

    evaluate: Callable[["Reader", ast.expr], Value]
    follow: Callable[["Reader", Sequence[ast.stmt]], Flow]
    assign: Callable[["Reader", ast.expr, Value], None]
    call: Callable[["Reader", Value, list[Value], dict[str, Value], ast.AST], Value]


class Reader:
    """The state while a script is followed."""

    def __init__(self, sources: dict[str, Source], language: Language) -> None:
        self.evaluate = partial(language.evaluate, self)
        self.follow = partial(language.follow, self)
        self.assign = partial(language.assign, self)
        self.call = partial(language.call, self)
        self.sources = sources
        self.program = Program(sources=sources)
        self.frames: list[Frame] = []
        self.trail: list[Written] = []
        self.modes: dict[int, Mode] = {}
        self.kept: list[Any] = []  # keeps identities unique
        self.births = self.program.births
        self.rounds: list[Round] = []
        self.networks: list[Value] = []
        self.modules: dict[str, Scope] = {}
        self.conditional = 0
        self.grad: bool | None = True
        self.steps = 0
        self.held = 0
        self.started = time.monotonic()
        self.loops = 0
        self.unit = 0

    # places, events, nodes

    @property
    def scope(self) -> Scope:
        """The names that are seen here."""
        return self.frames[-1].scope

    def place(self, node: ast.AST) -> Place:
        """Return the line of a node of the syntax tree."""
        return self.sources[self.scope.file].place(getattr(node, "lineno", 1))

    def event(self, kind: Kind, subject: Value, at: ast.AST, **more: Any) -> None:
        """Record something that matters for training."""
        if len(self.program.events) > MOST_EVENTS:
            raise GaveUp
        more.setdefault("conditional", self.conditional > 0)
        self.program.events.append(
            Event(kind, subject, self.place(at), rounds=tuple(self.rounds), grad=self.grad, unit=self.unit, **more)
        )

    def escaped(self, values: list[Value], at: ast.AST) -> None:
        """Record what is given to code that cannot be followed: it may train it, step it or change its mode."""
        waiting, seen = list(reversed(values)), set()
        while waiting:
            value = waiting.pop()
            if isinstance(value, list | tuple):
                if id(value) not in seen:
                    seen.add(id(value))
                    waiting += reversed(value)
            elif isinstance(value, OneOf):
                waiting += reversed(value.values)
            elif isinstance(value, Tensor):
                if value.node.grad:
                    self.event("escape", value, at, node=value.node)
            elif is_network(value) or isinstance(value, Object | Parameters | Bound):
                self.event("escape", value.receiver if isinstance(value, Bound) else value, at)
            elif isinstance(value, Made) and value.name.startswith("torch.optim"):
                self.event("escape", value, at)

    def node(
        self, op: str, inputs: list[Tensor], at: ast.AST, attributes: dict[str, Any] | None = None, **more: Any
    ) -> Tensor:
        """Return a new tensor, computed by `op` from `inputs`."""
        self.account(len(inputs))
        if len(self.program.graph.nodes) > MOST_NODES:
            raise GaveUp
        node = Node(
            op,
            tuple(tensor.node for tensor in inputs),
            attributes or {},
            place=self.place(at),
            network=self.networks[0] if self.networks else None,
            rounds=tuple(self.rounds),
            **more,
        )
        if node.training is None and self.networks:
            mode = self.mode(self.networks[-1])
            node.training = mode if isinstance(mode, bool) else None
        self.program.graph.nodes.append(node)
        return Tensor(node)

    # what may be undone

    def keep(self, value: K) -> K:
        """Hold a value, so that no other is given its identity, and return it."""
        self.kept.append(value)
        return value

    def write(self, container: dict[Any, Any], key: Any, value: Value) -> None:
        """Set an entry of a dict, so that it can be undone."""
        self.trail.append(Written(container, key, container.get(key, _MISSING)))
        container[key] = value

    def change_list(self, values: list[Value]) -> None:
        """Remember a list before it is changed in place."""
        self.account(len(values))
        self.trail.append(Written(values, None, list(values)))

    def extend_list(self, values: list[Value], more: Sequence[Value]) -> None:
        """Let a list grow at its end; one that is too long then is not known."""
        if len(values) + len(more) > LARGEST_VALUE:
            self.change_list(values)
            values[:] = [UNKNOWN]
            return
        self.account(len(more))
        self.trail.append(Written(values, None, len(values)))
        values.extend(more)

    def undo(self, mark: int) -> dict[tuple[int, Any], tuple[Any, Any, Any]]:
        """Take back every change since `mark`, and return what was there: container, key, value."""
        changes: dict[tuple[int, Any], tuple[Any, Any, Any]] = {}
        for written in self.trail[mark:]:
            container, key = written.container, written.key
            if (id(container), key) not in changes:
                now = list(container) if key is None else container.get(key, _MISSING)
                changes[(id(container), key)] = (container, key, now)
        for written in reversed(self.trail[mark:]):
            if written.key is None and isinstance(written.before, int):
                del written.container[written.before :]
            elif written.key is None:
                written.container[:] = written.before
            elif written.before is _MISSING:
                written.container.pop(written.key, None)
            else:
                written.container[written.key] = written.before
        del self.trail[mark:]
        return changes

    def mode(self, network: Value) -> Mode:
        """Return the mode that a network is in."""
        return self.modes.get(id(network), True)

    def set_mode(self, network: Value, training: bool | None) -> None:
        """Put a network and all that is inside it into a mode."""
        waiting, seen = [network], set()
        while waiting:
            each = waiting.pop()
            if is_network(each) and id(each) not in seen:
                seen.add(id(each))
                self.write(self.modes, id(each), training)
                waiting += [layer for _, layer in inside(each)]

    # branches and loops

    def branch(self, *bodies: Callable[[], Flow]) -> Flow:
        """Follow each body from the same state and join what they leave."""
        outcomes = []
        made: list[tuple[dict[Any, Any], Any, Any]] = []
        for body in bodies:
            mark, kept = len(self.trail), len(self.kept)
            self.conditional += 1
            try:
                flow = body()
            finally:
                self.conditional -= 1
            changes = self.undo(mark)
            outcomes.append((flow, changes))
            if flow is Flow.RETURN:
                new = {id(held) for each in self.kept[kept:] for held in _held(each)}
                made += [change for (of, _), change in changes.items() if of in new and change[2] is not _MISSING]
        live = [changes for flow, changes in outcomes if flow is Flow.NEXT]
        self._join(live or [changes for _, changes in outcomes])
        if live:
            for container, key, value in made:  # what one of them returned stays as it was made
                self.write(container, key, value)
            return Flow.NEXT
        flows = {flow for flow, _ in outcomes}
        return next(flow for flow in (Flow.RETURN, Flow.CONTINUE, Flow.BREAK, Flow.RAISE) if flow in flows)

    def _join(self, outcomes: list[dict[tuple[int, Any], tuple[Any, Any, Any]]]) -> None:
        changed = {key: where[:2] for changes in outcomes for key, where in changes.items()}
        for key, (container, name) in changed.items():
            if name is None:
                versions = [changes[key][2] if key in changes else list(container) for changes in outcomes]
                self.change_list(container)
                container[:] = versions[0] if all(similar(versions[0], v) for v in versions[1:]) else [UNKNOWN]
                continue
            before = container.get(name, _MISSING)
            values = [changes[key][2] if key in changes else before for changes in outcomes]
            if container is self.modes:
                modes = {True if value is _MISSING else value for value in values}
                self.write(container, name, modes.pop() if len(modes) == 1 else "mixed" if None not in modes else None)
            else:
                self.write(container, name, self.join([value for value in values if value is not _MISSING]))

    def join(self, values: list[Value]) -> Value:
        """One value for several that may be it: the same, a tensor of unknown origin, or UNKNOWN."""
        if not values:
            return None
        first = values[0]
        if all(similar(first, value) for value in values[1:]):
            return first
        if all(isinstance(value, Tensor) for value in values):
            nodes = tuple(value.node for value in values)
            shapes = {node.shape for node in nodes}
            node = Node(
                "either",
                nodes,
                shape=shapes.pop() if len(shapes) == 1 else None,
                grad=any(n.grad for n in nodes),
                network=nodes[0].network,
                place=nodes[0].place,
                rounds=tuple(self.rounds),
            )
            self.program.graph.nodes.append(node)
            return Tensor(node)
        if all(isinstance(value, Made) and value.name.startswith("torch.optim.") for value in values):
            of = values[0].arguments.get("params")
            if all(similar(of, value.arguments.get("params")) for value in values):
                return first
        if all(isinstance(value, Measure) or value == 0 for value in values if value is not UNKNOWN):
            sums = [value for value in values if isinstance(value, Measure)]
            if len(sums) < len(values) and not any(value is UNKNOWN for value in values) and self.rounds:
                return Measure(sums[0].node, sums[0].summed, self.rounds[-1].loop)
        return self.candidates(values)

    def candidates(self, values: list[Value]) -> Value:
        """Return what is one of these networks or classes; UNKNOWN where any of them is something else."""
        flat = [each for value in values for each in (value.values if isinstance(value, OneOf) else [value])]
        if not flat or len(flat) > MOST_CANDIDATES or not all(is_whole(each) for each in flat):
            return UNKNOWN
        plain = unwrapped(flat[0])
        if all(similar(plain, unwrapped(each)) for each in flat):
            return plain
        return self.keep(OneOf(flat))

    def one_of(self, values: list[Value]) -> Value:
        """Return what each of several networks gave, as one value."""
        if values and all(isinstance(value, Parameters) for value in values):
            return Parameters(OneOf([value.network for value in values]), values[0].named)
        value = self.join(values)
        if isinstance(value, Tensor) and value.node.op == "either":
            value.node.attributes["candidates"] = True
        return value

    def loop(
        self,
        at: ast.AST,
        over: Value,
        items: list[Value] | None,
        bind: Callable[[Value], None],
        body: Callable[[], Flow],
    ) -> Flow:
        """Follow a loop: each pass where all items are known and nothing trains, else two passes with unknown items.

        `bind` gives the loop's variable its value. Returns NEXT, RETURN or RAISE.
        """
        self.loops += 1
        number = self.loops
        trail, events, nodes = len(self.trail), len(self.program.events), len(self.program.graph.nodes)
        frame = self.frames[-1]
        returns = len(frame.returns)

        def one(value: Value, count: int) -> Flow:
            self.step()
            self.rounds.append(Round(number, count, over, self.place(at)))
            try:
                bind(value)
                return body()
            finally:
                self.rounds.pop()

        if items is not None and not items:
            return Flow.NEXT
        flow = one(items[0] if items else UNKNOWN, 0)
        trains = any(event.kind not in ("escape", "init", "mode", "call") for event in self.program.events[events:])
        if items is not None and not trains and len(items) <= LONGEST_LOOP:
            for value in items[1:]:
                if flow in (Flow.BREAK, Flow.RETURN, Flow.RAISE):
                    break
                flow = one(value, 0)
            return flow if flow in (Flow.RETURN, Flow.RAISE) else Flow.NEXT
        # Take the trial pass back; numbers that it changed are unknown in a later pass.
        changes = self.undo(trail)
        self.rollback(events, nodes)
        del frame.returns[returns:]
        for container, key, after in changes.values():
            before = container.get(key) if isinstance(container, dict) else None
            plain = isinstance(before, int | float | str) and (
                isinstance(after, int | float | str | Measure) or after is UNKNOWN
            )
            if plain and before is not after and container is not self.modes:
                self.write(container, key, UNKNOWN)
        flow = Flow.NEXT
        named = items[:4] if items and not _is_number(items[0]) else [UNKNOWN, UNKNOWN]
        for count, value in enumerate(named if len(named) > 1 else named * 2):
            flow = one(value, count)
            if flow in (Flow.BREAK, Flow.RETURN, Flow.RAISE):
                break
        return flow if flow in (Flow.RETURN, Flow.RAISE) else Flow.NEXT

    def rollback(self, events: int, nodes: int) -> None:
        """Forget the events and nodes after the given counts."""
        graph = self.program.graph
        gone = {id(node) for node in graph.nodes[nodes:]}
        for node in graph.nodes[nodes:]:
            for source in node.inputs:
                source.consumers[:] = [consumer for consumer in source.consumers if id(consumer) not in gone]
        graph.ends[:] = [end for end in graph.ends if id(end.made) not in gone]
        del graph.nodes[nodes:], self.program.events[events:]

    # what is worth following

    def step(self) -> None:
        """Count a statement, a call or a pass through a loop."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise GaveUp
        self.in_time()

    def in_time(self) -> None:
        """Give up where the script has taken too long."""
        if time.monotonic() - self.started > LONGEST:
            raise GaveUp

    def account(self, parts: int) -> None:
        """Count what is held, in parts of values, before it is made."""
        self.held += parts
        if self.held > MOST_VALUES:
            raise GaveUp

    def bounded(self, value: Value) -> Value:
        """Return a value that was made, or UNKNOWN where it is larger than what is followed."""
        if isinstance(value, int):
            return value if abs(value) <= LARGEST_NUMBER else UNKNOWN
        if isinstance(value, str | list | tuple | dict):
            size = weight(value)
            self.account(size)
            return value if size <= LARGEST_VALUE else UNKNOWN
        return value


def _held(made: Value) -> list[dict[str, Value]]:
    """Return where an object keeps what it holds."""
    return (
        [made.attributes]
        if isinstance(made, Object)
        else [made.children, made.attributes]
        if isinstance(made, Made)
        else []
    )


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) or (isinstance(value, tuple) and bool(value) and isinstance(value[0], int))


def similar(first: Value, second: Value) -> bool:
    """Whether two values are the same for every rule: equal constants, or objects built alike."""
    left = MOST_COMPARED

    def same(one: Value, other: Value, depth: int = 0) -> bool:
        nonlocal left
        left -= 1
        if one is other:
            return True
        if type(one) is not type(other) or depth > 12 or left < 0:
            return False
        if isinstance(one, Object):
            return one.cls is other.cls and same(one.attributes, other.attributes, depth + 1)
        if isinstance(one, Made):
            return one.name == other.name and all(
                same(getattr(one, held), getattr(other, held), depth + 1)
                for held in ("arguments", "children", "attributes")
            )
        if isinstance(one, list | tuple):
            return len(one) == len(other) and all(same(*pair, depth + 1) for pair in zip(one, other, strict=True))
        if isinstance(one, dict):
            return one.keys() == other.keys() and all(same(one[key], other[key], depth + 1) for key in one)
        if isinstance(one, Tensor) or one is UNKNOWN:
            return False
        try:
            return bool(one == other)
        except Exception:
            return False

    return same(first, second)
