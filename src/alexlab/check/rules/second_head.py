"""A second linear layer after one that already gives ImageNet's 1000 classes."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.softmax_before_cross_entropy import _PROGRAM
from alexlab.check.rules.stacks import linear_pairs, width

IMAGENET_CLASSES = 1000


def _find(evidence: Evidence) -> Iterator[Finding]:
    for first, second in linear_pairs(evidence):
        wide, out = width(first, "out"), width(second, "out")
        if wide != IMAGENET_CLASSES or out is None or out >= wide or second.op != "linear":
            continue
        message = Text(
            f"a linear layer from {wide} to {out} after the one that gives {wide} outputs, with "
            f"nothing that is not linear "
            "between them: together they are one linear layer, with more weights to train and store.",
            f"在给出 {wide} 个输出的层之后又有一个从 {wide} 到 {out} 的全连接层，中间没有非线性："
            f"两层合起来只是一个线性层，却有更多权重要训练和保存。",
        )
        fix = Text(
            f"replace the layer that gives {wide} outputs by one that gives {out}.",
            f"把给出 {wide} 个输出的层换成给出 {out} 个输出的层。",
        )
        yield found(RULE.name, "warning", evidence, second, message, fix)


_BASE = _PROGRAM.format(end="")

RULE = Rule(
    name="second-head",
    title=Text("a useless second head, 1000 to 10", "多余的第二个输出层（1000 到 10）"),
    why=Text(
        "A network written for ImageNet ends in 1000 outputs. Adding a layer from 1000 to one's own "
        "classes keeps the old "
        "head as a linear layer that does nothing a single layer could not do.",
        "为 ImageNet 写的网络以 1000 个输出结尾。再加一层从 1000 到自己的类别，"
        "只是把旧的输出层留作一个单层就能完成的线性层。",
    ),
    mend=Text("replace the old head instead of adding one after it.", "替换旧的输出层，而不是在它后面再加一层。"),
    find=_find,
    bad=_BASE.replace("nn.Linear(128, 10)", "nn.Linear(128, 1000), nn.Linear(1000, 10)"),
    good=_BASE,
)
