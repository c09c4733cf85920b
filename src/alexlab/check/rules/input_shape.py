"""Images of a shape that the network was not made for."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import Dim, Node, shown
from alexlab.check.rule import Evidence, Rule, called, found
from alexlab.check.rules.in_features import _PROGRAM

_WINDOWS = frozenset(["conv", "max_pool", "avg_pool"])


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[int] = set()
    for node in evidence.graph.nodes:
        if node.op != "conv" or not node.inputs or id(node.owner) in seen:
            continue
        wanted, shape = node.attributes.get("in_channels"), node.inputs[0].shape
        if (
            isinstance(wanted, int)
            and shape is not None
            and len(shape) == 4
            and isinstance(shape[1], int)
            and shape[1] != wanted
        ):
            seen.add(id(node.owner))
            yield _channels(evidence, node, wanted, shape[1])
    failure = evidence.graph.failure
    if failure is None or failure.op not in _WINDOWS or not failure.inputs:
        return
    shape = failure.inputs[0].shape
    wanted = failure.attributes.get("in_channels")
    if (
        failure.op == "conv"
        and isinstance(wanted, int)
        and shape is not None
        and len(shape) == 4
        and shape[1] != wanted
    ):
        yield _channels(evidence, failure, wanted, shape[1])
        return
    message = Text(
        f"{called(failure)} cannot take feature maps of shape {shown(shape)}: the images are too "
        f"small for this network.",
        f"{called(failure)} 无法处理形状为 {shown(shape)} 的特征图：图像对这个网络来说太小。",
    )
    yield found(RULE.name, "error", evidence, failure, message, RULE.mend)


def _channels(evidence: Evidence, node: Node, wanted: int, given: Dim) -> Finding:
    message = Text(
        f"{called(node)} takes {wanted} channels and is given {given}: PyTorch stops here with a shape error.",
        f"{called(node)} 需要 {wanted} 个通道，得到的是 {given} 个：PyTorch 会在这里因形状不符而报错。",
    )
    fix = Text(
        f"make its in_channels {given}, or give it images with {wanted}.",
        f"把 in_channels 改为 {given}，或输入 {wanted} 通道的图像。",
    )
    return found(RULE.name, "error", evidence, node, message, fix)


RULE = Rule(
    name="input-shape",
    title=Text("images of a shape that the network was not made for", "图像的形状与网络不符"),
    why=Text(
        "A convolution is made for a number of channels: 1 for grey images, 3 for colour. Kernels "
        "and pools also need feature "
        "maps at least as large as they are; a network for 224x224 shrinks a 28x28 image to nothing.",
        "卷积是为某个通道数而建的：灰度图 1 个，彩色图 3 个。卷积核和池化也要求特征图不小于它们自身；"
        "为 224x224 建的网络会把 28x28 的图像缩小到没有。",
    ),
    mend=Text(
        "resize the images, or use a network that was made for their size.", "调整图像尺寸，或使用为该尺寸设计的网络。"
    ),
    find=_find,
    bad=_PROGRAM.format(features=256).replace("nn.Conv2d(1, 6, 5)", "nn.Conv2d(3, 6, 5)"),
    good=_PROGRAM.format(features=256),
)
