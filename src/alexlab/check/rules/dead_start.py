"""A layer that passes nothing on from the start."""

from collections.abc import Iterator

from alexlab.check.finding import MEASURED, Finding, Text
from alexlab.check.rule import Evidence, Rule, called, place_of

_CUT = frozenset({"relu", "relu6"})


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.program is not None:
        return
    for node in evidence.graph.nodes:
        if node.op in _CUT and node.values is not None and node.values.zero:
            message = Text(
                f"{called(node)}: every ReLU of this layer is off for every image: nothing passes, no "
                f"gradient flows, and "
                "the layers before it never learn.",
                f"{called(node)}：这一层的所有 ReLU 对所有图像都关闭：什么都传不过去，也没有梯度，"
                f"之前的层永远学不到东西。",
            )
            yield Finding(RULE.name, "error", message, RULE.mend, MEASURED, place_of(node), node.layer)
            return
    for end in evidence.graph.ends:
        if end.answer.values is not None and end.answer.values.same:
            message = Text(
                "the network gives exactly the same answer for two different images: nothing of the "
                "image reaches the end.",
                "网络对两幅不同的图像给出完全相同的答案：图像的信息没有传到输出。",
            )
            yield Finding(RULE.name, "error", message, RULE.mend, MEASURED, place_of(end.answer), end.answer.layer)
            return


_NETWORK = """\
from torch import nn


class Network(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        nn.init.constant_(self[1].bias, {bias})
"""

RULE = Rule(
    name="dead-start",
    title=Text("dead from the start", "一开始就死掉"),
    why=Text(
        "A ReLU whose input is negative for all images gives 0 and a gradient of 0. If that holds "
        "for a whole layer, the "
        "answer does not depend on the image and no training changes that.",
        "如果 ReLU 的输入对所有图像都是负的，它输出 0，梯度也是 0。如果整层都这样，答案就与图像无关，"
        "再训练也改变不了。",
    ),
    mend=Text(
        "look at the initial biases and weights, and at the scale of the images.",
        "检查偏置和权重的初始值以及图像的数值范围。",
    ),
    find=_find,
    bad=_NETWORK.format(bias=-1000.0),
    good=_NETWORK.format(bias=0.0),
)
