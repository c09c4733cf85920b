"""Feature maps that are pooled to 1x1 too early, or to nothing."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Severity, Text
from alexlab.check.graph import Node, shown
from alexlab.check.rule import Evidence, Rule, called, found

_WINDOWS = frozenset({"conv", "max_pool", "avg_pool"})


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[int] = set()
    for node in evidence.graph.nodes:
        if node.op not in _WINDOWS or not node.inputs or id(node.owner or node) in seen:
            continue
        shape, kernel = node.inputs[0].shape, _square(node.attributes.get("kernel_size"))
        if shape is None or len(shape) != 4 or kernel is None:
            continue
        side = shape[2]
        if not isinstance(side, int) or shape[3] != side:
            continue
        padding = _square(node.attributes.get("padding", 0))
        if padding is None or node.attributes.get("dilation", 1) not in (1, (1, 1)):
            continue
        if (
            kernel > side + 2 * padding
            and evidence.program is not None
            and node.attributes.get("ceil_mode") is not True
        ):
            seen.add(id(node.owner or node))
            yield found(RULE.name, "error", evidence, node, _nothing(node, kernel), RULE.mend)
        elif node.op == "conv" and side == 1 and kernel >= 3:
            seen.add(id(node.owner or node))
            severity: Severity = "note" if evidence.program is None else "warning"
            yield found(RULE.name, severity, evidence, node, _padding_only(node, kernel), RULE.mend)


def _square(value: object) -> int | None:
    if isinstance(value, tuple | list) and value and all(each == value[0] for each in value):
        value = value[0]
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _nothing(node: Node, kernel: int) -> Text:
    shape = shown(node.inputs[0].shape)
    return Text(
        f"{called(node)}: a window of {kernel}x{kernel} does not fit into maps of shape {shape}: nothing is left of them, "
        "and PyTorch stops here.",
        f"{called(node)}：{kernel}x{kernel} 的窗口放不进形状为 {shape} 的特征图：什么都不剩，PyTorch 会在这里报错。",
    )


def _padding_only(node: Node, kernel: int) -> Text:
    return Text(
        f"{called(node)}: the maps are 1x1 here, so that {kernel * kernel - 1} of the {kernel * kernel} weights of each "
        "kernel only ever see padding: the layers before have pooled the image away.",
        f"{called(node)}：这里的特征图只有 1x1，每个卷积核的 {kernel * kernel} 个权重中有 {kernel * kernel - 1} 个只看到填充："
        f"前面的层已把图像池化掉了。",
    )


_NETWORK = """\
import torch
from torch import nn

network = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d({window}),
    nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
)
logits = network(torch.randn(8, 1, 28, 28))
"""

RULE = Rule(
    name="pooled-away",
    title=Text("maps pooled to 1x1 or to nothing", "特征图被池化到 1x1 或什么都不剩"),
    why=Text(
        "Each pooling halves the maps. A network made for 224x224 leaves nothing of a 28x28 image, or 1x1 long before its "
        "last convolution, whose kernels then work on one value and zeros.",
        "每次池化都使特征图减半。为 224x224 设计的网络会把 28x28 的图像缩到什么都不剩，或在最后的卷积之前早早变成 1x1，"
        "之后的卷积核只面对一个数和一圈零。",
    ),
    mend=Text("leave out a pooling, lower its stride, or give the network larger images.",
              "去掉一次池化、减小步幅，或输入更大的图像。"),
    find=_find,
    bad=_NETWORK.format(window=7),
    good=_NETWORK.format(window=2),
)  # fmt: skip
