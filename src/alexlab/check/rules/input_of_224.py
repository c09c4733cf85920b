"""AlexNet's first layer, made for 227, on images of 224."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, called, found


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[int] = set()
    for node in evidence.graph.nodes:
        shape = node.inputs[0].shape if node.op == "conv" and node.inputs else None
        if shape is None or len(shape) != 4 or shape[2:] != (224, 224) or id(node.owner) in seen:
            continue
        kernel, stride, padding = (_one(node.attributes.get(name)) for name in ("kernel_size", "stride", "padding"))
        if (kernel, stride, padding or 0) != (11, 4, 0):
            continue
        seen.add(id(node.owner))
        message = Text(
            f"{called(node)}: 11x11 with stride 4 and no padding makes 54x54 maps of 224x224 images; AlexNet has 55x55, "
            "which is what images of 227x227 give.",
            f"{called(node)}：11x11、步幅 4、无填充，224x224 的图像得到 54x54 的特征图；AlexNet 是 55x55，"
            f"需要 227x227 的图像。",
        )
        yield found(RULE.name, "note", evidence, node, message, RULE.mend)


def _one(value: object) -> object:
    return value[0] if isinstance(value, tuple | list) and len(set(value)) == 1 else value


_NETWORK = """\
import torch
from torch import nn

network = nn.Sequential(
    nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(), nn.MaxPool2d(3, 2),
    nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(256 * 36, 10),
)
logits = network(torch.randn(2, 3, {side}, {side}))
"""

RULE = Rule(
    name="input-of-224",
    title=Text("224 where 227 is meant", "该用 227 却用了 224"),
    why=Text(
        "The paper says 224x224 and 55x55 maps, which do not go together: (224 - 11) / 4 is not a whole number. The "
        "program of 2012 padded the images, Caffe took 227. With 224 and no padding every map is one smaller, the last "
        "pixels of each row are never seen, and copied weights of the first linear layer do not fit.",
        "论文写的是 224x224 和 55x55 的特征图，两者并不相符：(224 - 11) / 4 不是整数。2012 年的程序给图像加了填充，Caffe 用 227。"
        "用 224 且不填充时，每个特征图都小一圈，每行最后的像素从未被看到，照抄来的第一个全连接层权重也不匹配。",
    ),
    mend=Text(
        "resize or crop to 227, or give the first layer padding=2.", "缩放或裁剪到 227，或给第一层加上 padding=2。"
    ),
    find=_find,
    bad=_NETWORK.format(side=224),
    good=_NETWORK.format(side=227),
)
