"""Which passes through a network train it and which evaluate it, from what becomes of their answers."""

from collections.abc import Iterator

from alexlab.check.graph import ancestors, descendants
from alexlab.check.reading.program import Event, Program
from alexlab.check.reading.signatures import LAYERS
from alexlab.check.reading.values import Batches, Made, Object, OneOf, Value, layers

_ANSWERS = frozenset({"argmax", "argmin", "topk", "max", "sort", "eq", "ne", "gt", "ge", "lt", "le"})
_JUDGED = _ANSWERS | {"cross_entropy", "nll_loss", "bce", "bce_with_logits"}


def trained(program: Program) -> set[int]:
    """Identities of all nodes that a backward pass goes through, or may go through where code is not known."""
    reached: set[int] = set()
    for event in program.events:
        if event.kind in ("backward", "escape") and event.node is not None:
            reached |= {id(node) for node in ancestors(event.node)}
    return reached


def learning(program: Program) -> Iterator[Event]:
    """Return the backward passes that an optimiser's step follows in the same loop.

    Others look for what the input changes, and train nothing.
    """
    steps = [event for event in program.events if event.kind == "step"]
    loops = {event.rounds[-1].loop if event.rounds else None for event in steps}
    for event in program.events:
        if event.kind == "backward" and (event.rounds[-1].loop if event.rounds else None) in loops:
            yield event


def evaluations(program: Program) -> Iterator[Event]:
    """Yield the passes whose answer is judged (a prediction or a loss is taken) and that no backward pass uses."""
    reached = trained(program)
    for event in program.events:
        if event.kind != "forward" or event.node is None or id(event.node) in reached:
            continue
        after = list(descendants(event.node))
        if any(id(node) in reached for node in after):
            continue
        if any(node.op in _JUDGED for node in after if node is not event.node):
            yield event


def loaders_of(events: Iterator[Event]) -> list[Made]:
    """Return the loaders over whose batches these passes go."""
    loaders: dict[int, Made] = {}
    for event in events:
        over: Value = event.rounds[-1].over if event.rounds else None
        while isinstance(over, Batches):
            over = over.source
        if isinstance(over, Made) and over.name == "torch.utils.data.DataLoader":
            loaders[id(over)] = over
    return list(loaders.values())


def unknown_hands(program: Program, network: Value, before: Event) -> bool:
    """Whether `network` was given to code that is not known, before `before`."""
    for event in program.events:
        if event is before:
            return False
        if event.kind == "escape" and (event.subject is network or holds(event.subject, network)):
            return True
    return False


def holds(whole: Value, part: Value, depth: int = 0) -> bool:
    """Whether `part` is `whole` or inside it."""
    if whole is part:
        return True
    if isinstance(whole, OneOf):
        return any(holds(each, part, depth) for each in whole.values)
    if depth > 6 or not isinstance(whole, Object | Made):
        return False
    held = (
        whole.attributes.values()
        if isinstance(whole, Object)
        else (*whole.children.values(), *whole.attributes.values())
    )
    return any(holds(value, part, depth + 1) for value in held if isinstance(value, Object | Made | OneOf))


def mode_layer(program: Program, network: Value) -> str | None:
    """Return a layer of `network` whose work depends on the mode, as a reader calls it; None where there is none."""
    for path, layer in layers(network):
        short = layer.name.removeprefix("torch.nn.")
        op = LAYERS[short][0] if short in LAYERS else ""
        if (op == "dropout" and layer.arguments.get("p", 0.5) not in (0, 0.0)) or op == "batch_norm":
            return f"{path} ({short})" if path else short
        if layer.name.startswith("torchvision.models.") and layer.name.count(".") == 2:
            return f"{layer.name.rsplit('.', 1)[-1]}'s dropout or batch norm"
    for node in program.graph.nodes:
        told = node.attributes.get("explicit") and not node.attributes.get("literal")
        if node.network is network and node.op == "dropout" and node.owner is None and told:
            return "F.dropout"
    return None


def same_step(first: Event, second: Event) -> bool:
    """Whether two events come from the same line in consecutive passes of the same innermost loop."""
    if first.place != second.place or not first.rounds or len(first.rounds) != len(second.rounds):
        return False
    before, after = first.rounds[-1], second.rounds[-1]
    return (
        before.loop == after.loop
        and after.number == before.number + 1
        and all(a is b for a, b in zip(first.rounds[:-1], second.rounds[:-1], strict=True))
    )
