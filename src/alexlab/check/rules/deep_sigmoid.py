"""Sigmoid in a deep stack."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import SHAPE_ONLY, Node
from alexlab.check.rule import Evidence, Rule, called, found

DEEP = 5
"""Sigmoids in a row. LeNet has four, and trains."""
SMALL = 1e-3
_THROUGH = SHAPE_ONLY | {"linear", "conv", "max_pool", "avg_pool", "dropout", "adaptive_avg_pool", "model"}


def _find(evidence: Evidence) -> Iterator[Finding]:
    ratio = None
    layers = evidence.trial.layers if evidence.trial is not None else ()
    gradients = [layer.gradient for layer in layers if layer.gradient]
    if evidence.trial is not None and len(gradients) > 1:
        ratio = gradients[0] / gradients[-1]
    for end in evidence.graph.ends:
        stack = _stack(end.answer)
        if len(stack) < DEEP or (ratio is not None and ratio > SMALL):
            continue
        seen = "" if ratio is None else f" Measured: the first layer's gradient is {ratio:.1e} of the last one's."
        seen_zh = "" if ratio is None else f"实测：第一层的梯度只有最后一层的 {ratio:.1e}。"
        message = Text(
            f"{called(stack[0])}: {len(stack)} sigmoids one after the other: the slope of each is at most 1/4, so that the "
            f"gradient of the first layer has been multiplied by at most {0.25 ** len(stack):.0e}.{seen}",
            f"{called(stack[0])}：{len(stack)} 个 sigmoid 依次相连：每个的斜率最多 1/4，"
            f"第一层的梯度最多乘以 {0.25 ** len(stack):.0e}。{seen_zh}",
        )
        yield found(RULE.name, "warning", evidence, stack[0], message, RULE.mend)
        return


def _stack(answer: Node) -> list[Node]:
    """Return the sigmoids on the way from the images to the answer, in order, where nothing else is between them."""
    found_: list[Node] = []
    node = answer
    while node.inputs:
        if node.op == "sigmoid":
            found_.insert(0, node)
        elif node.op not in _THROUGH and node.op not in ("softmax", "log_softmax"):
            return []
        node = node.inputs[0]
    return found_


_NETWORK = """\
import torch
from torch import nn

layers = [nn.Flatten(), nn.Linear(784, 64)]
for _ in range(6):
    layers += [nn.{activation}(), nn.Linear(64, 64)]
network = nn.Sequential(*layers, nn.{activation}(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
for _ in range(100):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(torch.randn(64, 1, 28, 28)), torch.randint(10, (64,))).backward()
    optimizer.step()
"""

RULE = Rule(
    name="deep-sigmoid",
    title=Text("sigmoid in a deep stack", "深层堆叠的 sigmoid"),
    why=Text(
        "The slope of sigmoid is 1/4 where it is steepest, and near zero elsewhere. Each one that the gradient passes "
        "shrinks it, so that the first layers of a deep stack hardly learn.",
        "sigmoid 最陡处的斜率是 1/4，其他地方接近零。梯度每经过一个就缩小一次，深层网络的前几层几乎学不到东西。",
    ),
    mend=Text("use ReLU, or put batch norm before each sigmoid.", "改用 ReLU，或在每个 sigmoid 之前加 batch norm。"),
    find=_find,
    bad=_NETWORK.format(activation="Sigmoid"),
    good=_NETWORK.format(activation="ReLU"),
)
