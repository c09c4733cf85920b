"""A bias that batch norm takes away again."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.graph import SHAPE_ONLY, behind
from alexlab.check.rule import Evidence, Rule, called, found, names_of
from alexlab.check.rules.softmax_before_cross_entropy import _PROGRAM


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[int] = set()
    for norm in evidence.graph.nodes:
        if norm.op != "batch_norm" or not norm.inputs:
            continue
        node = behind(norm.inputs[0], SHAPE_ONLY)
        if node.op not in ("linear", "conv") or node.owner is None or id(node.owner) in seen or len(node.consumers) > 1:
            continue
        if node.attributes.get("bias", True) is not True:
            continue
        seen.add(id(node.owner))
        message = Text(
            f"{called(node)} has a bias, and the batch norm after it subtracts the mean, the bias with it: it never does "
            "anything. Harmless, but for its memory and time.",
            f"{called(node)} 有偏置，而后面的 batch norm 会减去均值，偏置也随之减掉：它从不起作用。无害，只是占内存和时间。",
        )
        yield found(
            RULE.name,
            "note",
            evidence,
            node,
            message,
            RULE.mend,
            edit=Edit("argument", names_of(node.op), "bias", None, "False"),
        )


_GOOD = _PROGRAM.format(end="").replace("nn.Linear(784, 128)", "nn.Linear(784, 128, bias=False), nn.BatchNorm1d(128)")

RULE = Rule(
    name="bias-before-norm",
    title=Text("a bias directly before batch norm", "紧接在 batch norm 之前的偏置"),
    why=Text(
        "Batch norm subtracts the mean of each channel, and adds a bias of its own. A constant that the layer before adds "
        "to a channel is in that mean: it is gone, and its gradient is zero but for rounding.",
        "batch norm 减去每个通道的均值，再加上自己的偏置。前一层给通道加的常数就在这个均值里：它被减掉，梯度除舍入误差外为零。",
    ),
    mend=Text("give the layer `bias=False`.", "给这一层加上 `bias=False`。"),
    find=_find,
    bad=_GOOD.replace(", bias=False", ""),
    good=_GOOD,
)
