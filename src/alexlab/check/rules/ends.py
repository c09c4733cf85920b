"""The ends of networks, as several rules look at them."""

from collections.abc import Iterator

from alexlab.check.graph import SHAPE_ONLY, End, Node, origins
from alexlab.check.rule import Evidence

PROBABILITIES = frozenset({"softmax", "log_softmax"})


def classification_ends(evidence: Evidence) -> Iterator[End]:
    """Each end that is a classifier's, once for each place of loss and answer."""
    seen: set[tuple[object, ...]] = set()
    for end in evidence.graph.ends:
        key = (end.loss, end.place, end.answer.op, end.answer.place, id(end.answer.owner), end.answer.shape)
        if key not in seen:
            seen.add(key)
            yield end


def last_operations(end: End, also: frozenset[str] = frozenset()) -> list[Node]:
    """Return what gives the logits: behind changes of shape, and behind the softmax that belongs to the loss."""
    last: list[Node] = []
    for node in origins(end.answer, SHAPE_ONLY | also):
        last += origins(node.inputs[0], SHAPE_ONLY | also) if node.op in PROBABILITIES and node.inputs else [node]
    return last


def is_answer_of_images(end: End) -> bool:
    """Whether an end without a known loss looks like logits: one row for each image."""
    return end.answer.shape is not None and len(end.answer.shape) == 2
