"""NLL loss on what are no log-probabilities."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import ACTIVATIONS, origins
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.ends import classification_ends
from alexlab.check.rules.softmax_before_cross_entropy import _PROGRAM

_NO_LOGARITHM = (ACTIVATIONS - {"log_softmax", "logsigmoid"}) | {"linear", "conv", "dropout", "batch_norm", "model"}


def _find(evidence: Evidence) -> Iterator[Finding]:
    for end in classification_ends(evidence):
        last = origins(end.answer)
        if end.loss != "nll_loss" or not last or any(node.op not in _NO_LOGARITHM for node in last):
            continue
        node = last[0]
        given = ("probabilities", "概率") if node.op == "softmax" else ("logits", "logits")
        message = Text(
            f"NLL loss is given {given[0]}, not log-probabilities: it is minus the value of the right "
            f"class, which has no "
            "minimum for logits and no logarithm for probabilities; the loss is negative.",
            f"NLL 损失得到的是{given[1]}，不是对数概率：它只是正确类别的值取负，对 logits 没有最小值，"
            f"对概率少了对数；损失会是负数。",
        )
        yield found(RULE.name, "error", evidence, node, message, RULE.mend, end.place)


_NLL = _PROGRAM.replace("CrossEntropyLoss", "NLLLoss")

RULE = Rule(
    name="nll-without-log-softmax",
    title=Text("NLL loss without log-softmax", "没有 log-softmax 的 NLL 损失"),
    why=Text(
        "`NLLLoss` takes log-probabilities and picks out the one of the right class. Without "
        "log-softmax before it, the "
        "network is trained to make one number large, not to tell classes apart.",
        "`NLLLoss` 的输入应为对数概率，它只取出正确类别的那一个。如果前面没有 log-softmax，"
        "网络学到的只是让一个数变大，而不是区分类别。",
    ),
    mend=Text(
        "use `nn.CrossEntropyLoss` on the logits, or put log-softmax before the NLL loss.",
        "对 logits 使用 `nn.CrossEntropyLoss`，或在 NLL 损失之前加上 log-softmax。",
    ),
    find=_find,
    bad=_NLL.format(end=""),
    good=_NLL.format(end=", nn.LogSoftmax(dim=1)"),
)
