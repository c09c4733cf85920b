"""Dropout or ReLU on the wrong side of batch norm."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import SHAPE_ONLY, Node, behind
from alexlab.check.rule import Evidence, Rule, called, found
from alexlab.check.rules.softmax_before_cross_entropy import _PROGRAM

_THROUGH = SHAPE_ONLY | {"relu", "leaky_relu", "elu", "gelu", "silu", "max_pool", "avg_pool"}


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[object] = set()
    for norm in evidence.graph.nodes:
        if norm.op != "batch_norm" or not norm.inputs or (norm.owner is not None and id(norm.owner) in seen):
            continue
        message = _after_dropout(norm) or _after_relu(norm)
        if message is not None:
            seen.add(id(norm.owner))
            yield found(RULE.name, "note", evidence, norm, message, RULE.mend)


def _after_dropout(norm: Node) -> Text | None:
    node = behind(norm.inputs[0], _THROUGH)
    if node.op in ("linear", "conv") and node.inputs:
        node = behind(node.inputs[0], _THROUGH)
    if node.op != "dropout" or node.attributes.get("p", 0.5) in (0, 0.0):
        return None
    return Text(
        f"{called(norm)}: batch norm after dropout: in training it sees values with dropout's extra variance, in evaluation "
        "without, and its running deviation does not fit them.",
        f"{called(norm)}：dropout 之后的 batch norm：训练时的数值带有 dropout 额外的方差，评估时没有，滑动标准差与之不符。",
    )


def _after_relu(norm: Node) -> Text | None:
    node = behind(norm.inputs[0], SHAPE_ONLY)
    if node.op != "relu" or len(node.consumers) != 1 or not node.inputs:
        return None
    if behind(node.inputs[0], SHAPE_ONLY).op not in ("linear", "conv"):
        return None
    after = norm
    while len(after.consumers) == 1 and after.consumers[0].op in SHAPE_ONLY | {"dropout", "max_pool", "avg_pool"}:
        after = after.consumers[0]
    if not any(each.op in ("linear", "conv") for each in after.consumers):
        return None
    return Text(
        f"{called(norm)}: ReLU, then batch norm: written the other way round by its authors, so that ReLU gets values "
        "around zero. Both train; which is better differs.",
        f"{called(norm)}：先 ReLU 再 batch norm：其作者的写法相反，使 ReLU 的输入在零附近。两种都能训练，孰优孰劣因情况而异。",
    )


_GOOD = _PROGRAM.format(end="").replace(
    "nn.Linear(784, 128), nn.ReLU()", "nn.Linear(784, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5)"
)

RULE = Rule(
    name="norm-order",
    title=Text("dropout or ReLU before batch norm", "batch norm 之前的 dropout 或 ReLU"),
    why=Text(
        "Batch norm keeps a running deviation for evaluation. Dropout before it makes the values vary more in training "
        "than they do in evaluation, so that this deviation is wrong there (Li et al. 2018). ReLU before it is a choice, "
        "and not the one of the paper (Ioffe and Szegedy 2015).",
        "batch norm 保存一个滑动标准差供评估使用。它前面的 dropout 使训练时的数值比评估时波动更大，这个标准差在评估时就不对"
        "（Li 等，2018）。ReLU 放在前面是一种选择，但不是原论文的写法（Ioffe 和 Szegedy，2015）。",
    ),
    mend=Text("put batch norm first, then ReLU, then dropout.", "先 batch norm，再 ReLU，最后 dropout。"),
    find=_find,
    bad=_GOOD.replace(
        "nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5)", "nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(128)"
    ),
    good=_GOOD,
)
