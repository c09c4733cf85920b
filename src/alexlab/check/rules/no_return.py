"""A forward pass that returns nothing."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found, name_of


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[object] = set()
    for event in evidence.events:
        if event.kind != "unanswered" or event.detail in seen:
            continue
        seen.add(event.detail)
        name = name_of(event.subject)
        message = Text(
            f"`forward` of {name} returns nothing: what calls it is given None.",
            f"{name} 的 `forward` 没有返回值：调用它的地方得到 None。",
        )
        yield found(RULE.name, "error", evidence, None, message, RULE.mend, event.detail)


_PROGRAM = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(784, 10)

    def forward(self, x):
        x = self.linear(x.flatten(1)){end}

loss = nn.CrossEntropyLoss()(Net()(torch.randn(4, 1, 28, 28)), torch.tensor([1, 2, 3, 4]))
"""

RULE = Rule(
    name="no-return",
    title=Text("a `forward` that returns nothing", "没有返回值的 `forward`"),
    why=Text(
        "A function of Python without `return` gives None. The loss then stops with an error that names NoneType and not "
        "the forgotten line.",
        "Python 函数没有 `return` 时返回 None。随后损失函数报错，说的是 NoneType，而不是漏掉的那一行。",
    ),
    mend=Text("end `forward` with `return x`.", "在 `forward` 末尾写 `return x`。"),
    find=_find,
    bad=_PROGRAM.format(end=""),
    good=_PROGRAM.format(end="\n        return x"),
)
