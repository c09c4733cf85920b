"""A view whose number is not that of one image."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import Batch, Node, descendants, shown, values_per_image
from alexlab.check.rule import Evidence, Rule, found


def _find(evidence: Evidence) -> Iterator[Finding]:
    nodes = list(evidence.graph.nodes)
    failure = evidence.graph.failure
    if failure is not None:
        nodes.append(failure)
    seen: set[object] = set()
    for node in nodes:
        if node.op not in ("view", "reshape") or not node.inputs or node.place in seen:
            continue
        sizes, values = node.attributes.get("sizes"), values_per_image(node.inputs[0].shape)
        if not isinstance(sizes, tuple | list) or len(sizes) != 2 or sizes[0] != -1 or values is None:
            continue
        asked = sizes[1]
        if not isinstance(asked, int) or asked == values or asked < 1 or not _from_images(node.inputs[0]):
            continue
        if node is not failure and not any(each.op == "linear" for each in node.consumers):
            continue
        if node is not failure and _restored(node):
            continue
        seen.add(node.place)
        rows = f"{values // asked} rows" if values % asked == 0 else "rows that mix images, or an error"
        rows_zh = f"{values // asked} 行" if values % asked == 0 else "混合了不同图像的行，或报错"
        message = Text(
            f"each image has {values} values here, from {shown(node.inputs[0].shape)}, and view(-1, "
            f"{asked}) makes {rows} of "
            "them: rows are no longer images, and do not match the labels.",
            f"这里每幅图像有 {values} 个值（来自 {shown(node.inputs[0].shape)}），view(-1, {asked}) "
            f"却把它变成{rows_zh}：行不再是图像，与标签对不上。",
        )
        fix = Text(
            f"write `x.view(x.size(0), -1)`, and make the next layer's in_features {values}.",
            f"写成 `x.view(x.size(0), -1)`，并把下一层的 in_features 改为 {values}。",
        )
        yield found(RULE.name, "error", evidence, node, message, fix, node.place)


def _from_images(node: Node) -> bool:
    """Whether the first dimension still counts images."""
    return (
        node.shape is not None and len(node.shape) == 4 and (isinstance(node.shape[0], int) or node.shape[0] == Batch())
    )


def _restored(node: Node) -> bool:
    """Whether a later operation brings back a row for each image."""
    rows = node.inputs[0].shape[0] if node.inputs[0].shape else None
    last = list(descendants(node))[1:]
    return any(
        each.shape is not None and len(each.shape) > 0 and each.shape[0] == rows and each.op in ("view", "reshape")
        for each in last
    )


_CLASS = """\
import torch
from torch import nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Linear({features}, 10)

    def forward(self, images):
        return self.classifier(self.features(images).view(-1, {features}))


logits = Network()(torch.randn(8, 1, 28, 28))
"""

RULE = Rule(
    name="view-mixes-images",
    title=Text("`view(-1, n)` that mixes images", "混合不同图像的 `view(-1, n)`"),
    why=Text(
        "`view(-1, n)` cuts the batch into rows of n values and asks no one whether a row is an "
        "image. With a number from "
        "another input size the batch has more rows than images, or rows with parts of two.",
        "`view(-1, n)` 把整个批次切成每行 n 个值，并不管一行是不是一幅图像。"
        "用了另一种输入尺寸的数字，行数就会多于图像数，或一行里混有两幅图像。",
    ),
    mend=Text(
        "keep the batch: `x.view(x.size(0), -1)` or `torch.flatten(x, 1)`.",
        "保留批次维：`x.view(x.size(0), -1)` 或 `torch.flatten(x, 1)`。",
    ),
    find=_find,
    bad=_CLASS.format(features=16 * 7 * 7),
    good=_CLASS.format(features=16 * 14 * 14),
)
