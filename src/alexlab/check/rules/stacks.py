"""Pairs of layers with weights that have nothing but changes of shape and dropout between them."""

from collections.abc import Iterator

from alexlab.check.graph import SHAPE_ONLY, Node
from alexlab.check.rule import Evidence

_NOTHING = SHAPE_ONLY | {"dropout", "flatten"}
_LINEAR = _NOTHING | {"avg_pool"}
_MAXIMA = _LINEAR | {"max_pool"}


def linear_pairs(evidence: Evidence, maxima: bool = False) -> Iterator[tuple[Node, Node]]:
    """(first, second) where the second has the first's values and nothing else does, each pair of layers once.

    With `maxima`, those that have a max pooling between them, and nothing else that is not linear.
    """
    seen: set[tuple[int, int]] = set()
    pairs = list(_following(evidence, _MAXIMA if maxima else _LINEAR))
    if maxima:
        plain = list(_following(evidence, _LINEAR))
        seen |= {(id(first.owner), id(second.owner)) for first, second in plain}
    for first, second in pairs:
        if second.grad and not first.grad:  # a probe on the answers of a network that is not trained with it
            seen.add((id(first.owner), id(second.owner)))
    for first, second in pairs:
        key = (id(first.owner), id(second.owner))
        if key not in seen:
            seen.add(key)
            yield first, second


def _following(evidence: Evidence, through: frozenset[str]) -> Iterator[tuple[Node, Node]]:
    for second in evidence.graph.nodes:
        if second.op not in ("linear", "conv") or not second.inputs:
            continue
        first = second.inputs[0]
        alone = len(first.consumers) == 1
        while alone and first.op in through and first.inputs:
            first = first.inputs[0]
            alone = len(first.consumers) == 1
        if not alone or first.op not in (second.op, "model") or _is_answer(evidence, first):
            continue
        if first.owner is not None and first.owner is not second.owner:
            yield first, second


def _is_answer(evidence: Evidence, node: Node) -> bool:
    return any(end.answer is node for end in evidence.graph.ends)


def width(node: Node, side: str) -> int | None:
    """How many values or channels a layer takes ("in") or gives ("out")."""
    names = (f"{side}_features", f"{side}_channels")
    value = next((node.attributes[name] for name in names if name in node.attributes), None)
    if value is None and node.op == "model" and side == "out" and node.shape:
        value = node.shape[-1]
    return value if isinstance(value, int) else None
