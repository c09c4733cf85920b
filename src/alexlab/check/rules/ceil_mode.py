"""Pooling in ceil mode, where it changes the size."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.shapes import shape_of
from alexlab.check.rule import Evidence, Rule, called, found


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[int] = set()
    for node in evidence.graph.nodes:
        if node.op not in ("max_pool", "avg_pool") or not node.inputs or id(node.owner or node) in seen:
            continue
        if node.attributes.get("ceil_mode") is not True or node.shape is None or len(node.shape) != 4:
            continue
        floor = shape_of(node.op, (node.inputs[0].shape,), {**node.attributes, "ceil_mode": False})
        here, there = node.shape[2], floor[2] if floor is not None and len(floor) == 4 else None
        if not isinstance(here, int) or not isinstance(there, int) or here == there:
            continue
        seen.add(id(node.owner or node))
        message = Text(
            f"{called(node)}: ceil mode makes the maps {here} wide, PyTorch's default {there}: weights from a network that "
            "pools the other way do not fit, or see other pixels. Caffe rounds up, PyTorch, Keras and TensorFlow down.",
            f"{called(node)}：ceil 模式下特征图宽 {here}，PyTorch 默认是 {there}：来自另一种取整方式的权重不匹配，"
            f"或看到的是别的像素。Caffe 向上取整，PyTorch、Keras 和 TensorFlow 向下取整。",
        )
        yield found(RULE.name, "note", evidence, node, message, RULE.mend)


_NETWORK = """\
import torch
from torch import nn

network = nn.Sequential(
    nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(3, 2{mode}), nn.Flatten(), nn.Linear(8 * {side} * {side}, 10)
)
logits = network(torch.randn(8, 1, 28, 28))
"""

RULE = Rule(
    name="ceil-mode",
    title=Text("pooling in ceil mode that differs", "结果不同的 ceil 模式池化"),
    why=Text(
        "Where windows do not tile the maps, frameworks round differently: Caffe adds a window that hangs over the edge, "
        "PyTorch by default leaves the rest out. A network copied with the other rounding has maps of another size.",
        "窗口不能正好铺满特征图时，各框架取整不同：Caffe 多加一个伸出边缘的窗口，PyTorch 默认舍去剩余部分。"
        "用另一种取整方式照抄的网络，特征图尺寸就不同。",
    ),
    mend=Text("round as the source of the network does; in PyTorch that is `ceil_mode=False` unless it comes from Caffe.",
              "按网络来源的方式取整；在 PyTorch 里，除非来自 Caffe，否则用 `ceil_mode=False`。"),
    find=_find,
    bad=_NETWORK.format(mode=", ceil_mode=True", side=12),
    good=_NETWORK.format(mode="", side=11),
)  # fmt: skip
