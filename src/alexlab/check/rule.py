"""What a rule is, and what it gets to see."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alexlab.check.finding import MEASURED, READ, TRACED, Edit, Finding, Place, Severity, Text
from alexlab.check.graph import Graph, Node
from alexlab.check.reading.program import Event, Program
from alexlab.check.reading.signatures import LAYERS
from alexlab.check.reading.values import Made, Object
from alexlab.check.trial import Trial
from alexlab.passes.functions import functions_of


@dataclass(frozen=True)
class Evidence:
    """What is known of a network or script.

    Attributes:
        graph: of the network, or of everything that the script computes.
        program: the script's events; None for a network.
        classes: how many classes there are, where the caller said so.
        trial: what one batch showed of the network; None where none was tried.
    """

    graph: Graph
    program: Program | None = None
    classes: int | None = None
    trial: Trial | None = None

    @property
    def kind(self) -> Text:
        """How this became known, as a finding says it."""
        return TRACED if self.program is None else READ

    @property
    def events(self) -> list[Event]:
        """What the script does; nothing for a network."""
        return self.program.events if self.program is not None else []


@dataclass(frozen=True)
class Rule:
    """One mistake that can be found.

    Attributes:
        name: as findings, `ignore[...]` and the docs page call it.
        title: the mistake, in a few words.
        why: what happens because of it.
        mend: how to mend it.
        find: the findings in what is known; nothing where that does not suffice to decide.
        bad: the smallest script that has the mistake.
        good: the same script, mended.
        symptom: whether it says that something is wrong and not what: said only where no other rule finds an error.
    """

    name: str
    title: Text
    why: Text
    mend: Text
    find: "Callable[[Evidence], Iterator[Finding]]"
    bad: str
    good: str
    symptom: bool = False


def place_of(node: Node) -> Place | None:
    """Where a reader looks for a node: the line that makes its layer, else the line that computes it."""
    return node.owner.place if isinstance(node.owner, Made) else node.place


def found(
    rule: str,
    severity: Severity,
    evidence: Evidence,
    node: Node | None,
    message: Text,
    fix: Text,
    place: Place | None = None,
    edit: Edit | None = None,
) -> Finding:
    """Return a finding at a node, or at `place` where that is given."""
    where = place if place is not None else (place_of(node) if node is not None else None)
    return Finding(rule, severity, message, fix, evidence.kind, where, node.layer if node is not None else "", edit)


def measured(rule: str, severity: Severity, message: Text, fix: Text, layer: str = "") -> Finding:
    """Return a finding of what one batch showed."""
    return Finding(rule, severity, message, fix, MEASURED, None, layer)


def called(node: Node) -> str:
    """Return a layer as a reader calls it: its path, or its operation."""
    return node.layer or node.op


def names_of(op: str) -> tuple[str, ...]:
    """Return what layers and functions of an operation are called: ReLU, relu."""
    layers = [name for name, (each, _) in LAYERS.items() if each == op]
    return tuple(dict.fromkeys([op, *layers, *functions_of(op)]))


def name_of(network: object) -> str:
    """Return the name of the class of a network."""
    if isinstance(network, Object):
        return network.cls.name
    if isinstance(network, Made):
        return network.name.rsplit(".", 1)[-1]
    return type(network).__name__
