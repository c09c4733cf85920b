"""A sum of losses that keeps their graphs."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Place, Text
from alexlab.check.graph import Node, descendants
from alexlab.check.reading.program import Program
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    used = {id(e.node) for e in program.events if e.kind in ("backward", "escape") and e.node is not None}
    seen: set[object] = set()
    for node, place in (*_sums(program), *_kept(program)):
        if place in seen or any(id(each) in used for each in _after(node)):
            continue
        seen.add(place)
        message = Text(
            "this adds up losses (or answers) with their graphs: every batch's graph stays in memory "
            "until the sum is gone, "
            "and memory grows with each batch.",
            "这里把损失（或输出）连同计算图一起累加：每个批次的计算图都会留在内存里，内存逐批增长。",
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, place, edit=Edit("number"))


def _after(node: Node) -> list[Node]:
    """Return what is computed from a sum; from a value in a list, what is computed from it once it is there."""
    after = list(descendants(node))
    return after if node.op == "add" else after[1:]


def _sums(program: Program) -> Iterator[tuple[Node, Place | None]]:
    """Yield the sums that take up the sum of the pass before."""
    for node in program.graph.nodes:
        if (
            node.op != "add"
            or not node.grad
            or node.network is not None
            or not node.rounds
            or node.rounds[-1].number == 0
        ):
            continue
        for source in node.inputs:
            if source.op == "add" and source.place == node.place and source.grad and source.rounds:
                before, now = source.rounds[-1], node.rounds[-1]
                if before.loop == now.loop and before.number + 1 == now.number:
                    yield node, node.place


def _kept(program: Program) -> Iterator[tuple[Node, Place | None]]:
    """Values that are put into a list from outside the loop."""
    for event in program.events:
        if event.kind != "accumulate" or event.name != "append" or event.node is None or event.node.network is not None:
            continue
        if event.rounds and len(event.detail or ()) < len(event.rounds):
            yield event.node, event.place


RULE = Rule(
    name="loss-keeps-graph",
    title=Text("a loss added up with its graph", "连同计算图一起累加的损失"),
    why=Text(
        "A loss that has not been made a number holds everything that led to it. Adding it to a "
        "running total chains all "
        "batches together: memory grows until the epoch ends, or until there is none left.",
        "没有变成数字的损失保留着得到它的整个过程。把它加进累计值，就把所有批次串在一起："
        "内存一直增长，直到一个 epoch 结束或耗尽。",
    ),
    mend=Text("add `loss.item()` (or `loss.detach()`).", "累加 `loss.item()`（或 `loss.detach()`）。"),
    find=_find,
    bad=TRAINING.replace("total += loss.item()", "total += loss"),
    good=TRAINING,
)
