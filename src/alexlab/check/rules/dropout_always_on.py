"""Dropout that evaluation mode does not switch off."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.reading.values import Made
from alexlab.check.rule import Evidence, Rule, found, names_of


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[object] = set()
    for node in evidence.graph.evaluation:
        if (
            node.op != "dropout"
            or node.attributes.get("training") is not True
            or node.attributes.get("p", 0.5) in (0, 0.0)
        ):
            continue
        if node.place in seen:
            continue
        seen.add(node.place)
        meant = bool(node.attributes.get("literal"))
        if (
            evidence.program is not None
            and node.attributes.get("explicit")
            and not meant
            and not isinstance(node.owner, Made)
        ):
            continue  # `training=` is given something that may change
        if isinstance(node.owner, Made):
            message = Text(
                "this dropout layer is not part of the network (it is made in forward, or kept in a "
                "plain list), so `eval()` "
                "does not reach it: it stays on in evaluation.",
                "这个 dropout 层不是网络的一部分（在 forward 里创建，或放在普通列表里），`eval()` "
                "管不到它：评估时它仍然起作用。",
            )
        else:
            message = Text(
                "this dropout is on in evaluation too: `F.dropout` has training=True unless it is "
                "told the mode. Predictions "
                "are random and worse than the network is.",
                "这个 dropout 在评估时也起作用：如果不告诉 `F.dropout` 当前模式，它默认 "
                "training=True。预测是随机的，也比网络的真实水平差。",
            )
        yield found(
            RULE.name,
            "note" if meant else "error",
            evidence,
            None,
            message,
            RULE.mend,
            node.place,
            edit=Edit("argument", names_of("dropout"), "training", None, "self.training"),
        )


_PROGRAM = """\
import torch
from torch import nn
from torch.nn import functional as F


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 128)
        self.output = nn.Linear(128, 10)

    def forward(self, images):
        hidden = F.relu(self.hidden(images.flatten(1)))
        return self.output(F.dropout(hidden, 0.5{training}))
"""

RULE = Rule(
    name="dropout-always-on",
    title=Text("dropout that stays on in evaluation", "评估时仍起作用的 dropout"),
    why=Text(
        "`network.eval()` changes the mode of layers. A function has no mode: `F.dropout(x)` drops "
        "always. The test accuracy "
        "that is reported belongs to a network with half of its units missing.",
        "`network.eval()` 改变的是层的模式。函数没有模式：`F.dropout(x)` 总在丢弃。"
        "报告的测试精度属于一个缺了一半单元的网络。",
    ),
    mend=Text(
        "write `F.dropout(x, p, training=self.training)`, or make an `nn.Dropout` in `__init__` and call it.",
        "写成 `F.dropout(x, p, training=self.training)`，或在 `__init__` 里创建 `nn.Dropout` 再调用。",
    ),
    find=_find,
    bad=_PROGRAM.format(training=""),
    good=_PROGRAM.format(training=", training=self.training"),
)
