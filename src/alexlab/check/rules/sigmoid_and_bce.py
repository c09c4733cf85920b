"""Binary cross-entropy: with or without sigmoid."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import origins
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.ends import classification_ends

_LOGITS = frozenset({"linear", "conv", "model", "relu"})


def _find(evidence: Evidence) -> Iterator[Finding]:
    for end in classification_ends(evidence):
        last = origins(end.answer)
        if not last:
            continue
        if end.loss == "bce_with_logits" and all(node.op == "sigmoid" for node in last):
            message = Text(
                "sigmoid, then binary cross-entropy with logits, which applies sigmoid again: the "
                "loss cannot fall below "
                "0.313 for the positive class, and gradients shrink.",
                "先 sigmoid，再用 BCEWithLogits，而它会再做一次 sigmoid：正类的损失不可能低于 0.313，梯度变小。",
            )
        elif end.loss == "bce" and all(node.op in _LOGITS for node in last):
            message = Text(
                "binary cross-entropy is given numbers that are no probabilities: it stops at the "
                "first one outside 0 to 1.",
                "二元交叉熵得到的数不是概率：遇到第一个超出 0 到 1 的数就会报错。",
            )
        else:
            continue
        yield found(RULE.name, "error", evidence, last[0], message, RULE.mend)


_PROGRAM = """\
import torch
from torch import nn

network = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
loss = nn.{loss}()(network(torch.randn(8, 1, 28, 28)), torch.ones(8, 1))
"""

RULE = Rule(
    name="sigmoid-and-bce",
    title=Text("sigmoid twice, or not at all, with binary cross-entropy", "二元交叉熵前 sigmoid 做了两次或没有做"),
    why=Text(
        "`BCELoss` takes probabilities, `BCEWithLogitsLoss` takes logits and applies sigmoid itself. "
        "Sigmoid of a sigmoid lies "
        "between 0.5 and 0.73.",
        "`BCELoss` 接收概率，`BCEWithLogitsLoss` 接收 logits 并自己做 sigmoid。sigmoid 的 sigmoid "
        "只在 0.5 到 0.73 之间。",
    ),
    mend=Text(
        "give `BCEWithLogitsLoss` the logits, without sigmoid.", "把不经过 sigmoid 的 logits 交给 `BCEWithLogitsLoss`。"
    ),
    find=_find,
    bad=_PROGRAM.format(loss="BCEWithLogitsLoss"),
    good=_PROGRAM.format(loss="BCELoss"),
)
