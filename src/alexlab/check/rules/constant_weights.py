"""Weights that start all equal."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import Node
from alexlab.check.rule import Evidence, Rule, called, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[int] = set()
    for node in evidence.graph.nodes:
        if not _is_constant(node) or id(node.owner) in seen:
            continue
        after = next(_next_weighted(node), None)
        if after is None or not _is_constant(after) or after.owner is node.owner:
            continue
        seen.add(id(node.owner))
        message = Text(
            f"the weights of {called(node)} are all equal, and so are those of {called(after)} after "
            f"it: all units of a layer "
            "compute the same and get the same gradient; they never become different.",
            f"{called(node)} 的权重全都相等，它后面的 {called(after)} 也是：同一层的所有单元计算相同、"
            f"梯度相同，永远不会变得不同。",
        )
        yield found(RULE.name, "error", evidence, node, message, RULE.mend)


def _is_constant(node: Node) -> bool:
    return node.op in ("linear", "conv") and node.attributes.get("constant") is True


def _next_weighted(node: Node) -> Iterator[Node]:
    waiting, seen = list(node.consumers), {id(node)}
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        if each.op in ("linear", "conv"):
            yield each
        else:
            waiting += each.consumers


_START = "optimizer = torch.optim"

RULE = Rule(
    name="constant-weights",
    title=Text("weights that start all equal", "全部相等的初始权重"),
    why=Text(
        "Units of one layer differ only by their weights. If these start equal, in one layer after "
        "another, the units stay "
        "copies of one unit, and with zeros nothing is passed on at all.",
        "同一层的单元只靠权重区分。如果相邻各层的权重一开始都相等，这些单元就永远是同一个单元的副本；"
        "如果全是零，则什么都传不下去。",
    ),
    mend=Text(
        "start from random weights: PyTorch's own, or `nn.init.kaiming_normal_`; only biases may be constant.",
        "从随机权重开始：PyTorch 的默认值或 `nn.init.kaiming_normal_`；只有偏置可以是常数。",
    ),
    find=_find,
    bad=TRAINING.replace(
        _START, "for parameter in network.parameters():\n    nn.init.constant_(parameter, 0.0)\n" + _START, 1
    ),
    good=TRAINING,
)
