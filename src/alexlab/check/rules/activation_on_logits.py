"""An activation after the last layer."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.graph import SHAPE_ONLY, origins
from alexlab.check.rule import Evidence, Rule, called, found, names_of
from alexlab.check.rules.ends import classification_ends, is_answer_of_images, last_operations
from alexlab.check.rules.softmax_before_cross_entropy import _PROGRAM

_CUT = frozenset(
    ["relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardtanh", "hardswish", "prelu"]
)
_SQUEEZE = frozenset(["tanh", "sigmoid", "hardsigmoid", "softsign"])
_LAST = frozenset({"linear", "conv"})
_BEFORE = SHAPE_ONLY | {"dropout", "batch_norm"}


def _find(evidence: Evidence) -> Iterator[Finding]:
    for end in classification_ends(evidence):
        if end.loss == "bce" or (end.loss is None and not is_answer_of_images(end)):
            continue
        wrong = _CUT | {"tanh"} if end.loss in (None, "bce_with_logits") else _CUT | _SQUEEZE
        for node in last_operations(end, frozenset({"dropout"})):
            if node.op not in wrong or not node.inputs:
                continue
            if any(source.op not in _LAST for source in origins(node.inputs[0], _BEFORE)):
                continue
            what = {"en": "cuts off negative logits", "zh": "截去了负的 logits"}
            if node.op in _SQUEEZE:
                what = {"en": "squeezes the logits into a small range", "zh": "把 logits 压进很小的范围"}
            message = Text(
                f"{called(node)}: {node.op} after the last layer {what['en']}: the network cannot say "
                f"how unlikely a class "
                "is, and where all are cut off no gradient flows.",
                f"{called(node)}：最后一层之后的 {node.op} {what['zh']}："
                f"网络无法表达某个类别有多不可能，全部被截去时也没有梯度。",
            )
            yield found(
                RULE.name, "warning", evidence, node, message, RULE.mend, edit=Edit("remove", names_of(node.op))
            )
            break


RULE = Rule(
    name="activation-on-logits",
    title=Text("an activation on the logits", "logits 上的激活函数"),
    why=Text(
        "The loss needs logits of both signs and any size. ReLU sets all classes that are less "
        "likely than even to the same "
        "0, and an image whose logits are all negative gives no gradient at all; sigmoid and tanh bound how sure the "
        "network can be.",
        "损失需要可正可负、大小不限的 logits。ReLU 把所有不太可能的类别都变成同一个 0，"
        "如果一幅图像的 logits 全为负，就完全没有梯度；"
        "sigmoid 和 tanh 则限制了网络能有多确定。",
    ),
    mend=Text("remove the activation after the last layer.", "去掉最后一层之后的激活函数。"),
    find=_find,
    bad=_PROGRAM.format(end=", nn.ReLU()"),
    good=_PROGRAM.format(end=""),
)
